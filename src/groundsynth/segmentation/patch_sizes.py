"""Which patch sizes an architecture can work on; light enough for reading a configuration.

Measured with segmentation-models-pytorch 0.6.0, encoders resnet18 and mobilenetv3_large_100, one
training step of two images at each size from 16 to 256.
"""

from __future__ import annotations

from groundsynth.errors import ConfigurationError

STRIDE = 32
"""All encoders halve the image five times; decoders join the levels by exact doubling."""

SMALLEST = {
    "unet": 32,
    "unetplusplus": 32,
    "pan": 128,  # its attention pyramid halves the 1/16 level three more times
    "deeplabv3plus": 32,
    "segformer": 32,
    "fpn": 32,
}


def check_patch_size(architecture: str, size: int) -> None:
    """Raise ConfigurationError unless ``architecture`` can train on ``size`` x ``size`` pixels."""
    if architecture not in SMALLEST:
        raise ConfigurationError(
            f"There is no segmentation architecture {architecture!r}; known are "
            f"{', '.join(SMALLEST)}."
        )
    if size % STRIDE:
        raise ConfigurationError(
            f"Patches of {size} pixels cannot be segmented: the size must be a multiple of "
            f"{STRIDE}; set patches.size to {max(STRIDE, round(size / STRIDE) * STRIDE)}."
        )
    if size < SMALLEST[architecture]:
        raise ConfigurationError(
            f"The architecture {architecture} needs patches of at least "
            f"{SMALLEST[architecture]} pixels, not {size}; raise patches.size or leave "
            f"{architecture} out of segmentation.architectures."
        )
