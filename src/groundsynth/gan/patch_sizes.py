"""Patch sizes that a conditional generator and its discriminators can take.

Asked while the Snakefile is read: without PyTorch, and before anything is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterable

from groundsynth.errors import ConfigurationError

DISCRIMINATED = {"unet": (16, 256), "segmentation": (8, 256)}
"""Smallest and largest width in pixels; a patch discriminator takes any."""


def check_conditional_size(size: int, upsamplings: int, discriminators: Iterable[str]) -> None:
    """ConfigurationError when SPADE or a discriminator cannot take patches of ``size`` pixels.

    ``size`` is a power of two; ``upsamplings`` doublings leave 2 pixels or more at the start.
    """
    if size < 2 * 2**upsamplings:
        raise ConfigurationError(
            f"gan.conditional.upsamplings is {upsamplings}, too many for patches.size {size}; "
            "choose fewer doublings, that leave at least 2 pixels at the start."
        )
    for name in sorted(discriminators):
        low, high = DISCRIMINATED.get(name, (size, size))
        if not low <= size <= high:
            raise ConfigurationError(
                f"The discriminator {name} takes patches of {low} to {high} pixels, but "
                f"patches.size is {size}; choose the discriminator patch or another size."
            )
