"""Names of encoders, to be checked when a configuration is read; nothing heavy is imported here."""

from __future__ import annotations

from difflib import get_close_matches

from groundsynth.errors import ConfigurationError

OWN = frozenset(
    [
        "densenet121",
        "densenet161",
        "densenet169",
        "densenet201",
        "dpn68",
        "dpn68b",
        "dpn92",
        "dpn98",
        "dpn107",
        "dpn131",
        "efficientnet-b0",
        "efficientnet-b1",
        "efficientnet-b2",
        "efficientnet-b3",
        "efficientnet-b4",
        "efficientnet-b5",
        "efficientnet-b6",
        "efficientnet-b7",
        "inceptionresnetv2",
        "inceptionv4",
        "xception",
        "mit_b0",
        "mit_b1",
        "mit_b2",
        "mit_b3",
        "mit_b4",
        "mit_b5",
        "mobilenet_v2",
        "mobileone_s0",
        "mobileone_s1",
        "mobileone_s2",
        "mobileone_s3",
        "mobileone_s4",
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
        "resnext50_32x4d",
        "resnext101_32x4d",
        "resnext101_32x8d",
        "resnext101_32x16d",
        "resnext101_32x32d",
        "resnext101_32x48d",
        "se_resnet50",
        "se_resnet101",
        "se_resnet152",
        "se_resnext50_32x4d",
        "se_resnext101_32x4d",
        "senet154",
        "vgg11",
        "vgg11_bn",
        "vgg13",
        "vgg13_bn",
        "vgg16",
        "vgg16_bn",
        "vgg19",
        "vgg19_bn",
    ]
)
"""The encoders that segmentation-models-pytorch 0.6.0 brings itself."""
OF_TIMM = ("tu-", "timm-")
"""Beginnings of the names of timm's models, of which there are more than a thousand."""


def check_encoder(name: str) -> None:
    """Raise ConfigurationError for a name that is certainly none; timm's are left to timm."""
    if name in OWN or name.startswith(OF_TIMM):
        return
    near = get_close_matches(name, OWN, n=1)
    advice = f"did you mean {near[0]}?" if near else "a model of timm is named tu- and its name."
    raise ConfigurationError(
        f"segmentation.encoder is {name!r}, which segmentation-models-pytorch lacks; {advice}"
    )
