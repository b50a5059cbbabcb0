"""The discriminators that a conditional generator can be trained against, and their options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from groundsynth.gan import patch_discriminator, segmentation_discriminator, unet_discriminator
from groundsynth.gan.adversary import Adversary
from groundsynth.gan.patch_adversary import PatchAdversary
from groundsynth.gan.segmentation_adversary import SegmentationAdversary
from groundsynth.gan.unet_adversary import UnetAdversary


@dataclass(frozen=True, kw_only=True)
class DiscriminatorOptions:
    """Which discriminator, its width, and the weights of its losses.

    ``discriminator`` is patch (PatchGAN at ``scales`` scales), unet (``consistency_weight`` of
    CutMix, in full after ``warmup_kimg``) or segmentation (``label_mix_weight`` of LabelMix);
    ``feature_matching`` is of patch and unet.
    """

    discriminator: Literal["patch", "unet", "segmentation"]
    discriminator_channels: int
    consistency_weight: float
    feature_matching: float = 10.0
    warmup_kimg: float = 100.0
    scales: int = 1
    label_mix_weight: float = 10.0


def build_adversary(
    options: DiscriminatorOptions, classes: int, resolution: int, device: torch.device
) -> Adversary:
    """The discriminator that the options name, with random weights, and its losses."""
    channels = options.discriminator_channels
    if options.discriminator == "patch":
        patch = patch_discriminator.Discriminator(channels, classes, options.scales)
        return PatchAdversary(patch.to(device), options.feature_matching)
    if options.discriminator == "segmentation":
        segmenting = segmentation_discriminator.Discriminator(resolution, channels, classes)
        return SegmentationAdversary(segmenting.to(device), options.label_mix_weight)
    unet = unet_discriminator.Discriminator(resolution, channels, semantic_nc=classes)
    return UnetAdversary(
        unet.to(device),
        consistency_weight=options.consistency_weight,
        feature_matching=options.feature_matching,
        warmup_images=1000 * options.warmup_kimg,
    )
