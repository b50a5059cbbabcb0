"""What the configuration says of patch sizes is what the networks take."""

import pytest
import torch

from groundsynth.errors import ConfigurationError
from groundsynth.gan.discriminators import DiscriminatorOptions, build_adversary
from groundsynth.gan.patch_sizes import check_conditional_size
from groundsynth.gan.spade import Generator


@pytest.mark.parametrize("size", [8, 16, 256, 512])
@pytest.mark.parametrize("kind", ["patch", "unet", "segmentation"])
def test_discriminators(kind: str, size: int) -> None:
    def build() -> None:
        options = DiscriminatorOptions(
            discriminator=kind,  # type: ignore[arg-type]
            discriminator_channels=1,
            consistency_weight=0,
        )
        build_adversary(options, 2, size, torch.device("cpu"))

    assert refused(build) == refused(lambda: check_conditional_size(size, 2, [kind]))


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("upsamplings", [3, 4, 5])
def test_generator(size: int, upsamplings: int) -> None:
    def build() -> None:
        Generator(2, ngf=1, crop_size=size, num_upsampling_layers=upsamplings, hidden=1)

    assert refused(build) == refused(lambda: check_conditional_size(size, upsamplings, ["patch"]))


def refused(action: object) -> bool:
    assert callable(action)
    try:
        action()
    except ConfigurationError:
        return True
    return False
