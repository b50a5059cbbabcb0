"""The model that fuses its stages first is the library's."""

import pytest
import segmentation_models_pytorch as smp
import torch

from groundsynth.segmentation.segformer import Segformer

ENCODERS = ("tu-mobilenetv3_small_050", "resnet18", "mit_b0")
"""Stages of 5 sizes; one of half the image's side; none of it (Segformer's own encoder)."""


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("size", [(64, 64), (32, 96)])
def test_parameters_logits_and_gradients_are_the_librarys(
    encoder: str, size: tuple[int, int]
) -> None:
    models = []
    for kind in (smp.Segformer, Segformer):
        torch.manual_seed(0)
        models.append(kind(encoder_name=encoder, encoder_weights=None, classes=5).double().eval())
    library, ours = models
    weights = library.state_dict()
    assert list(ours.state_dict()) == list(weights)
    assert all(torch.equal(value, weights[name]) for name, value in ours.state_dict().items())
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1)).double()
    logits = [model(images) for model in models]
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-9, atol=1e-9)
    for result in logits:
        (result * result).mean().backward()
    for (name, p), q in zip(ours.named_parameters(), library.parameters(), strict=True):
        if q.grad is None:
            assert p.grad is None, name
        else:
            assert p.grad is not None, name
            torch.testing.assert_close(p.grad, q.grad, rtol=1e-7, atol=1e-10, msg=name)
