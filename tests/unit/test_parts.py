"""Random numbers of a batch in parts: those that one process draws for the whole batch."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from groundsynth.parts import WHOLE, Part


def kept(shape: tuple[int, ...]) -> Tensor:
    """Ones of a part, or of the whole batch, with the channels last."""
    ones = torch.ones(shape)
    return ones.to(memory_format=torch.channels_last) if len(shape) == 4 else ones


def draw(part: Part, size: int) -> list[Tensor]:
    """What a part of ``size`` samples draws, one kind after the other."""
    torch.manual_seed(4)
    first = part.normal(size, 3, device=torch.device("cpu"))
    with part.draws(size):
        drawn = [
            torch.rand([size], device="cpu"),
            torch.rand(size, 2),
            torch.randn_like(torch.empty(size, 2, 2)),
            torch.rand_like(torch.empty(size, 3)),
            torch.empty(size, 1, 1).bernoulli_(0.5),
            F.dropout(kept((size, 3, 4, 4)), 0.5),
            F.dropout(kept((3 * size, 5)), 0.5),  # three rows a sample, as windows are
            F.dropout2d(kept((size, 8, 2, 2)), 0.5, True, True),
            torch.nn.Dropout(0.5)(kept((size, 7))),
            torch.nn.Dropout(0.5).eval()(kept((size, 7))),
            F.dropout(kept((size, 7)), 0.0),
        ]
    return [first, *drawn, torch.rand([]).expand(size)]


def test_a_sample_draws_the_same_in_every_part() -> None:
    whole = draw(WHOLE, 6)
    parts = [draw(Part(number, 3), 2) for number in range(3)]
    for n, expected in enumerate(whole):
        assert torch.equal(torch.cat([part[n] for part in parts]), expected)
    assert {0.0, 2.0} == {*whole[6].unique().tolist()} == {*whole[8].unique().tolist()}
    assert (whole[10] == 1).all()


def test_a_dropout_lets_the_gradient_through_what_it_keeps() -> None:
    x = torch.ones(2, 50, requires_grad=True)
    with Part(1, 2).draws(2):
        y = F.dropout(x, 0.5)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient, y)


def test_draws_that_are_no_samples_are_refused() -> None:
    for shape in ((5, 2), (4, 2)):
        with pytest.raises(ValueError, match="not one for 2 samples"), Part(0, 3).draws(2):
            torch.rand(*shape)
    with pytest.raises(ValueError, match="not one for 2 samples"), Part(0, 3).draws(2):
        F.dropout(torch.ones(5, 2), 0.5)
