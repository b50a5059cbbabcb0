"""The discriminator that segments: shapes, LabelMix, and losses without unlabelled pixels."""

import math

import pytest
import torch
from torch import Tensor

from groundsynth.errors import ConfigurationError
from groundsynth.gan import losses
from groundsynth.gan.collapse import CONTEST
from groundsynth.gan.real_patches import Batch
from groundsynth.gan.segmentation_adversary import SegmentationAdversary
from groundsynth.gan.segmentation_discriminator import Discriminator, label_mix_masks
from groundsynth.parts import Part

CLASSES = 3


def small() -> Discriminator:
    torch.manual_seed(1)
    return Discriminator(16, channels=4, classes=CLASSES)


def labelled(count: int = 4) -> tuple[Tensor, Tensor]:
    """Images and maps with all classes and unlabelled pixels; class 2 is rare."""
    torch.manual_seed(2)
    masks = torch.randint(0, 2, (count, 16, 16), dtype=torch.uint8)
    masks[:, :3], masks[0, 5, :4] = 255, 2
    return torch.rand(count, 3, 16, 16) * 2 - 1, masks


def pixels_of(masks: Tensor) -> Tensor:
    return torch.bincount(masks.flatten().long(), minlength=256)[:CLASSES]


def batch_of(images: Tensor, masks: Tensor, part: Part | None = None, of: Tensor | None = None):  # type: ignore[no-untyped-def]
    counts = pixels_of(masks if of is None else of)
    return Batch(images, masks, 0, part or Part(), counts)


@pytest.mark.parametrize("resolution", [8, 16, 64])
def test_logits_of_every_pixel(resolution: int) -> None:
    network = Discriminator(resolution, channels=2, classes=CLASSES)
    logits = network(torch.zeros(2, 3, resolution, resolution))
    assert logits.shape == (2, CLASSES + 1, resolution, resolution)
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_widths_are_those_of_the_paper_at_256_px() -> None:
    with torch.device("meta"):
        network = Discriminator(256, channels=64, classes=7)
    down = [block[0].conv1.weight.shape[:2] for block in network.down]
    up = [block[0].conv1.weight.shape[:2] for block in network.up]
    assert [tuple(shape) for shape in down] == [
        *((128, 3), (128, 128), (256, 128), (256, 256), (512, 256), (512, 512))
    ]
    assert [tuple(shape) for shape in up] == [
        *((512, 512), (256, 1024), (256, 512), (128, 512), (128, 256), (64, 256))
    ]


@pytest.mark.parametrize("resolution", [4, 48, 512])
def test_other_sizes_are_refused(resolution: int) -> None:
    with pytest.raises(ConfigurationError, match=f"for {resolution} px"):
        Discriminator(resolution, channels=2, classes=2)


def test_weights_by_inverse_frequency() -> None:
    weights = losses.class_weights(torch.tensor([60, 20, 0]))
    assert weights.tolist() == pytest.approx([80 / 2 / 60, 80 / 2 / 20, 0])
    assert (weights * torch.tensor([60, 20, 0])).sum().item() == pytest.approx(80)
    assert losses.class_weights(torch.zeros(3)).tolist() == [0, 0, 0]


def test_losses_by_hand() -> None:
    """Three labelled pixels (classes 0, 0, 1) and one that is not; logits favour one channel."""
    masks = torch.tensor([[[0, 0], [1, 255]]], dtype=torch.uint8)
    logits = torch.zeros(1, 3, 2, 2)
    logits[0, 0, 0, 0] = 2.0  # right
    logits[0, 2, 1, 0] = 1.0  # taken for generated
    logits[0, :, 1, 1] = torch.tensor([9.0, -9.0, 5.0])
    right = math.log(math.exp(2) + 2) - 2
    even = math.log(3)
    wrong = math.log(math.e + 2)
    weights, pixels = losses.class_weights(torch.tensor([2, 1])), torch.tensor(3.0)
    real = losses.segmentation_real(logits, masks, weights, pixels).item()
    assert real == pytest.approx((0.75 * right + 0.75 * even + 1.5 * wrong) / 3)
    fake = losses.segmentation_fake(logits, masks, pixels).item()
    assert fake == pytest.approx((right + 2 + even + wrong - 1) / 3)
    decision = losses.real_or_fake(logits, masks, pixels, real=True).item()
    odds = [math.exp(2) + 1, 2, 2 / math.e]
    assert decision == pytest.approx(sum(math.log(1 + 1 / o) for o in odds) / 3)
    decision = losses.real_or_fake(logits, masks, pixels, real=False).item()
    assert decision == pytest.approx(sum(math.log(1 + o) for o in odds) / 3)


def test_label_mix_masks_are_constant_on_classes() -> None:
    _, masks = labelled(40)
    drawn = torch.rand(40, CLASSES + 1)
    mixes = label_mix_masks(masks, drawn)
    assert mixes.shape == (40, 1, 16, 16)
    seen = set()
    for n, mask in enumerate(masks):
        for value in mask.unique().tolist():
            here = mixes[n, 0][mask == value].unique()
            assert len(here) == 1
            assert here.item() == float(drawn[n, min(value, CLASSES)] < 0.5)
            seen.add((value, here.item()))
    assert seen >= {(0, 0.0), (0, 1.0), (1, 0.0), (1, 1.0), (255, 0.0), (255, 1.0)}


class Pixelwise(Discriminator):
    """A discriminator that judges each pixel by itself: perfectly consistent."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x.sum(1, keepdim=True) ** 2], 1)


def test_a_consistent_discriminator_has_no_mix_loss() -> None:
    images, masks = labelled()
    for network, consistent in ((Pixelwise(16, 4, CLASSES), True), (small(), False)):
        adversary = SegmentationAdversary(network, label_mix_weight=10.0)
        loss, figures = adversary.discriminator_loss(-images, images, batch_of(images, masks))
        assert (figures["mix_loss"].item() == 0) is consistent
        parts = figures["discriminator_loss"] + 10 * figures["mix_loss"]
        torch.testing.assert_close(loss, parts)


def test_label_mix_can_be_left_out() -> None:
    images, masks = labelled()
    adversary = SegmentationAdversary(small(), label_mix_weight=0.0)
    assert (
        "mix_loss" not in adversary.discriminator_loss(-images, images, batch_of(images, masks))[1]
    )


@pytest.mark.parametrize("side", ["generator_loss", "discriminator_loss"])
def test_unlabelled_pixels_count_nowhere(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of the loss in the logits is zero there, and not elsewhere."""
    images, masks = labelled()
    adversary = SegmentationAdversary(small(), label_mix_weight=10.0)
    kept: list[Tensor] = []
    forward = Discriminator.forward

    def remembered(self: Discriminator, x: Tensor) -> Tensor:
        kept.append(forward(self, x))
        kept[-1].retain_grad()
        return kept[-1]

    monkeypatch.setattr(Discriminator, "forward", remembered)
    getattr(adversary, side)(-images, images, batch_of(images, masks))[0].backward()
    assert len(kept) == (1 if side == "generator_loss" else 2)
    for n, logits in enumerate(kept):
        assert logits.grad is not None
        size = logits.grad.abs().sum(1)
        unlabelled = (masks == 255).repeat(len(logits) // len(masks), 1, 1)
        assert size[unlabelled].max() == 0
        somewhere = size[~unlabelled] > 0  # a mixed image may be all real
        assert somewhere.any() if n else somewhere.all()


@pytest.mark.parametrize("side", ["generator_loss", "discriminator_loss"])
def test_parts_have_the_mean_of_the_batch(side: str) -> None:
    """Classes and unlabelled pixels are spread unevenly over the parts."""
    images, masks = labelled()
    adversary = SegmentationAdversary(small().eval(), label_mix_weight=10.0)
    torch.manual_seed(5)
    whole, figures = getattr(adversary, side)(-images, images, batch_of(images, masks))
    total, contest = torch.zeros([]), 0.0
    for number in range(2):
        part = Part(number, 2)
        rows = part.rows(2)
        torch.manual_seed(5)
        share = batch_of(images[rows], masks[rows], part, of=masks)
        loss, found = getattr(adversary, side)(-images[rows], images[rows], share)
        total = total + loss / 2
        contest += found.get(CONTEST, torch.zeros([])).item() / 2
    torch.testing.assert_close(total, whole)
    assert contest == pytest.approx(figures.get(CONTEST, torch.zeros([])).item())
