"""Losses: closed forms, and no influence of unlabelled pixels."""

from typing import get_args

import pytest
import torch
from processes_in_threads import together
from segmentation_models_pytorch.losses import DiceLoss

from groundsynth.processes import Processes
from groundsynth.segmentation.losses import LossName, make_loss


def one_hot_logits(guess: torch.Tensor, classes: int) -> torch.Tensor:
    return 40.0 * torch.nn.functional.one_hot(guess, classes).permute(0, 3, 1, 2).float()


def test_dice_is_the_mean_over_classes_of_the_whole_batch() -> None:
    truth = torch.tensor([[[0, 0], [1, 1]], [[0, 1], [1, 1]]])
    guess = torch.tensor([[[0, 1], [1, 1]], [[0, 0], [1, 1]]])
    dice = [2 * 2 / (3 + 3), 2 * 4 / (5 + 5)]
    found = make_loss("dice")(one_hot_logits(guess, 2), truth)
    assert float(found) == pytest.approx(1 - sum(dice) / 2, abs=1e-6)


@pytest.mark.parametrize("name", get_args(LossName))
def test_unlabelled_pixels_have_no_influence(name: LossName) -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 5, 6, 6, requires_grad=True)
    truth = torch.randint(0, 5, (2, 6, 6))
    truth[:, :3] = 255
    value = make_loss(name)(logits, truth)
    (gradient,) = torch.autograd.grad(value, logits)
    assert (gradient[:, :, :3] == 0).all()
    assert (gradient[:, :, 3:] != 0).any()
    labelled = make_loss(name)(logits[:, :, 3:], truth[:, 3:])
    assert value.item() == pytest.approx(labelled.item(), abs=1e-6)


@pytest.mark.parametrize("name", get_args(LossName))
def test_batch_without_any_label_gives_zero(name: LossName) -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    value = make_loss(name)(logits, torch.full((1, 4, 4), 255))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_cross_entropy_is_added() -> None:
    truth = torch.tensor([[[0, 1], [255, 1]]])
    logits = torch.randn(1, 2, 2, 2)
    labelled = truth != 255
    pixels = logits.permute(0, 2, 3, 1)[labelled]
    expected = torch.nn.functional.cross_entropy(pixels, truth[labelled])
    added = make_loss("dice_ce")(logits, truth) - make_loss("dice")(logits, truth)
    assert float(added) == pytest.approx(float(expected), abs=1e-6)


def test_focal_loss_is_added() -> None:
    truth = torch.tensor([[[0, 1], [255, 1]]])
    logits = torch.randn(1, 2, 2, 2)
    labelled = truth != 255
    right = logits.softmax(1).permute(0, 2, 3, 1)[labelled][[0, 1, 2], truth[labelled]]
    expected = ((1 - right) ** 2 * -right.log()).mean()
    added = make_loss("dice_focal")(logits, truth) - make_loss("dice")(logits, truth)
    assert float(added) == pytest.approx(float(expected), abs=1e-6)


WEIGHTS = torch.tensor([0.5, 2.0, 1.0])


def test_weighted_dice_is_the_weighted_mean_over_classes() -> None:
    truth = torch.tensor([[[0, 0], [1, 1]], [[0, 1], [1, 255]]])
    guess = torch.tensor([[[0, 1], [1, 1]], [[0, 0], [1, 1]]])
    dice = [2 * 2 / (3 + 3), 2 * 3 / (4 + 4)]
    found = make_loss("dice", WEIGHTS)(one_hot_logits(guess, 3), truth)
    expected = (0.5 * (1 - dice[0]) + 2 * (1 - dice[1])) / 3.5  # the truth lacks the third class
    assert float(found) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["dice_ce", "dice_focal"])
def test_weighted_pixels_count_by_their_true_class(name: LossName) -> None:
    torch.manual_seed(0)
    truth = torch.tensor([[[0, 1], [255, 1]], [[1, 0], [1, 255]]])
    logits = torch.randn(2, 3, 2, 2)
    right = [
        (logits[n, :, y, x].softmax(0)[truth[n, y, x]], WEIGHTS[truth[n, y, x]])
        for n, y, x in (truth != 255).nonzero().tolist()
    ]
    power = 2 if name == "dice_focal" else 0
    terms = [float(weight * (1 - p) ** power * -p.log()) for p, weight in right]
    expected = sum(terms) / sum(float(weight) for _, weight in right)
    added = make_loss(name, WEIGHTS)(logits, truth) - make_loss("dice", WEIGHTS)(logits, truth)
    assert float(added) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", get_args(LossName))
def test_equal_weights_are_none_and_no_label_is_no_loss(name: LossName) -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    truth = torch.randint(0, 3, (2, 4, 4))
    truth[0, 0] = 255
    equal = make_loss(name, torch.ones(3))(logits, truth)
    assert equal.item() == pytest.approx(make_loss(name)(logits, truth).item(), abs=1e-6)
    nothing = make_loss(name, WEIGHTS)(logits, torch.full((2, 4, 4), 255))
    nothing.backward()
    assert nothing.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_dice_is_the_librarys(weights: torch.Tensor | None) -> None:
    draw = torch.Generator().manual_seed(8)
    listed = None if weights is None else weights.tolist()
    theirs = DiceLoss(mode="multiclass", ignore_index=255, class_weights=listed)
    logits = torch.randn(4, 3, 16, 16, generator=draw).contiguous(memory_format=torch.channels_last)
    truth = torch.randint(0, 2, (4, 16, 16), generator=draw)  # the last class does not occur
    truth[:, :3] = 255
    gradients = []
    for loss in (make_loss("dice", weights), theirs):
        x = logits.clone().requires_grad_()
        value = loss(x, truth)
        value.backward()
        gradients.append((value.item(), x.grad))
    assert gradients[0][0] == pytest.approx(gradients[1][0], rel=1e-6)
    assert torch.allclose(gradients[0][1], gradients[1][1], rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("name", get_args(LossName))
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_shares_of_a_batch_have_its_loss(name: LossName, weights: torch.Tensor | None) -> None:
    """Of three shares one has no labels, and no two the same classes."""
    draw = torch.Generator().manual_seed(9)
    logits = 2 * torch.randn(6, 3, 8, 8, generator=draw)
    truth = torch.stack([torch.full((8, 8), value) for value in (0, 0, 1, 1, 255, 255)])
    truth[1, :4] = 1

    def work(processes: Processes) -> tuple[float, torch.Tensor]:
        rows = processes.part.rows(6 // processes.count)
        x = logits[rows].clone().requires_grad_()
        value = make_loss(name, weights, processes.total)(x, truth[rows])
        value.backward()
        assert x.grad is not None
        return value.item(), x.grad

    whole, gradient = work(Processes(torch.device("cpu")))
    shares = together(3, work)
    assert [value for value, _ in shares] == pytest.approx([whole] * 3, rel=1e-6)
    assert torch.allclose(torch.cat([own for _, own in shares]), gradient, rtol=1e-4, atol=1e-9)
