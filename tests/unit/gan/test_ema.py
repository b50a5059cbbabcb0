"""Moving average of weights: its rate in images, and what it moves."""

import pytest
import torch
from torch import nn

from groundsynth.gan.ema import ema_decay, update_ema


def test_half_life_is_in_images() -> None:
    decay = ema_decay(batch=32, images_seen=10**9, half_life_images=10_000)
    assert decay ** (10_000 / 32) == pytest.approx(0.5)
    assert ema_decay(64, 10**9, 10_000) == pytest.approx(decay**2)


def test_ramp_up_forgets_the_start() -> None:
    assert ema_decay(32, 0, 10_000) == 0.0
    assert ema_decay(32, 640, 10_000, rampup=0.05) == pytest.approx(0.5)
    assert ema_decay(32, 640, 10_000, rampup=None) > 0.99
    assert ema_decay(32, 200_000, 10_000) == ema_decay(32, 10**9, 10_000)


class Scale(nn.Module):
    """One parameter and one buffer of whole numbers."""

    count: torch.Tensor

    def __init__(self, weight: list[float], count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.register_buffer("count", torch.tensor(count))


def test_parameters_move_and_buffers_are_copied() -> None:
    average, module = Scale([1.0, 1.0], 0), Scale([2.0, 5.0], 7)
    update_ema(average, module, decay=0.75)
    assert average.weight.tolist() == [1.25, 2.0]
    assert average.count == 7
    assert module.weight.tolist() == [2, 5]
    assert average.weight.requires_grad


def test_decay_of_zero_copies() -> None:
    average, module = nn.Linear(3, 3), nn.Linear(3, 3)
    update_ema(average, module, decay=0.0)
    assert torch.equal(average.weight, module.weight)


def test_different_modules_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in these tensors: bias"):
        update_ema(nn.Linear(2, 2, bias=False), nn.Linear(2, 2), 0.5)
