"""Adaptive strength: which way, how fast, how far, and what a checkpoint keeps."""

import pytest
import torch

from groundsynth.gan.augment_adaptive import AdaptiveAugment


def augment(**operations: float) -> AdaptiveAugment:
    return AdaptiveAugment(batch=32, ramp_images=12_800, operations=operations or {"xflip": 1})


def test_strength_rises_with_overfitting_and_falls_without() -> None:
    pipe = augment()
    assert pipe.pipe.p == 0
    pipe.observe(torch.tensor(0.9))
    pipe.observe(torch.tensor(0.5))
    assert pipe.adapt(3)["augment_p"] == 0
    assert pipe.adapt(4)["augment_p"].item() == pytest.approx(32 * 4 / 12_800)
    pipe.pipe.p.fill_(0.5)
    pipe.observe(torch.tensor(0.1))
    assert pipe.adapt(8)["augment_p"].item() == pytest.approx(0.49)


def test_strength_stays_without_observations_and_never_is_negative() -> None:
    pipe = augment()
    pipe.pipe.p.fill_(0.3)
    assert pipe.adapt(4)["augment_p"].item() == pytest.approx(0.3)
    pipe.pipe.p.zero_()
    pipe.observe(torch.tensor(-1.0))
    assert pipe.adapt(8)["augment_p"] == 0


def test_full_strength_takes_the_ramp() -> None:
    pipe = augment()
    for step in range(1, 12_800 // 32 + 1):
        pipe.observe(torch.tensor(1.0))
        pipe.adapt(step)
    assert pipe.pipe.p.item() == pytest.approx(1.0, abs=1e-4)


def test_state_is_in_the_state_dict() -> None:
    pipe, other = augment(), augment()
    pipe.pipe.p.fill_(0.25)
    pipe.observe(torch.tensor(0.9))
    other.load_state_dict(pipe.state_dict())
    assert other.pipe.p == 0.25
    assert torch.equal(other.adapt(4)["augment_p"], pipe.adapt(4)["augment_p"])


def test_all_default_operations_run() -> None:
    torch.manual_seed(0)
    pipe = AdaptiveAugment(batch=4)
    pipe.pipe.p.fill_(1.0)
    x = torch.randn(4, 3, 16, 16)
    y = pipe(x)
    assert y.shape == x.shape
    assert not torch.allclose(x, y, atol=0.1)
