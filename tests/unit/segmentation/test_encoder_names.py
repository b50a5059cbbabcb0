"""The encoders that are known when a configuration is read are those of the library."""

import pytest
import segmentation_models_pytorch as smp

from groundsynth.errors import ConfigurationError
from groundsynth.segmentation.encoder_names import OF_TIMM, OWN, check_encoder


def test_the_library_has_the_same() -> None:
    assert {name for name in smp.encoders.encoders if not name.startswith(OF_TIMM)} == OWN


@pytest.mark.parametrize("name", ["resnet18", "efficientnet-b7", "tu-mobilenetv3_small_100"])
def test_known_ones_pass(name: str) -> None:
    check_encoder(name)


def test_others_are_named_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"'resnet19', which .*; did you mean resnet1"):
        check_encoder("resnet19")
    with pytest.raises(ConfigurationError, match="a model of timm is named tu-"):
        check_encoder("zzz")
