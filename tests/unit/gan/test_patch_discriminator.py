"""PatchGAN: sizes of its maps, what it sees, and its losses."""

import pytest
import torch

from groundsynth.gan.patch_adversary import PatchAdversary
from groundsynth.gan.patch_discriminator import Discriminator
from groundsynth.gan.real_patches import Batch


def small(scales: int = 1, semantic_nc: int = 2) -> Discriminator:
    torch.manual_seed(1)
    return Discriminator(channels=4, semantic_nc=semantic_nc, scales=scales)


def inputs(size: int = 32, count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    return torch.rand(count, 3, size, size) * 2 - 1, torch.rand(count, 2, size, size).round()


def test_maps_and_features_of_each_scale() -> None:
    logits, features = small(scales=2).judge(*inputs())
    assert [tuple(scale.shape) for scale in logits] == [(2, 1, 7, 7), (2, 1, 5, 5)]
    assert [f.shape[1] for f in features] == [4, 8, 16, 32] * 2
    assert len(small(scales=1).judge(*inputs())[0]) == 1


def test_a_judgement_is_of_70_pixels() -> None:
    """Gradients of the middle logit reach exactly the patch that it judges."""
    judge = small(semantic_nc=0)
    for layer in judge.modules():  # normalisation looks at the whole map
        if isinstance(layer, torch.nn.InstanceNorm2d):
            layer.forward = lambda x: x  # type: ignore[method-assign]
    image = torch.randn(1, 3, 160, 160, requires_grad=True)
    (logits,) = judge(image)
    logits[0, 0, 10, 10].backward()
    assert image.grad is not None
    touched = image.grad[0].abs().sum(0) > 0
    assert (touched.any(0).sum(), touched.any(1).sum()) == (70, 70)


def test_the_second_scale_sees_half_the_size() -> None:
    judge, (image, condition) = small(scales=2), inputs()
    blurred = torch.nn.functional.avg_pool2d(
        torch.cat([image, condition], 1), 3, stride=2, padding=1, count_include_pad=False
    )
    second = judge.judges[1](blurred)[-1]
    torch.testing.assert_close(judge(image, condition)[1], second)


def test_the_condition_counts() -> None:
    judge, (image, condition) = small(), inputs()
    assert not torch.allclose(judge(image, condition)[0], judge(image, 1 - condition)[0])


def test_losses_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    adversary = PatchAdversary(small(), feature_matching=10.0)
    real, condition = inputs()
    batch = Batch(real, None, 0)
    fake = -real
    logits = adversary.network(torch.cat([real, fake]), torch.cat([condition] * 2))[0]
    loss, figures = adversary.discriminator_loss(fake, condition, batch)
    by_hand = (1 - logits[:2]).clamp(min=0).mean() + (1 + logits[2:]).clamp(min=0).mean()
    torch.testing.assert_close(loss, by_hand)
    assert figures["real_sign"].item() == pytest.approx(logits[:2].sign().mean().item())
    loss, figures = adversary.generator_loss(fake, condition, batch)
    ours, others = (adversary.network.judge(x, condition)[1] for x in (fake, real))
    distances = [(a - b).abs().mean() for a, b in zip(ours, others, strict=True)]
    expected = -logits[2:].mean() + 10 * torch.stack(distances).mean()
    torch.testing.assert_close(loss, expected)
    same, _ = adversary.generator_loss(real, condition, batch)
    torch.testing.assert_close(same, -logits[:2].mean())
