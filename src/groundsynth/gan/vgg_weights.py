"""Pretrained VGG-19 weights for the perceptual loss, fetched once to a file."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file
from torchvision.models import VGG19_Weights

from groundsynth.errors import FetchError
from groundsynth.files import atomic
from groundsynth.gan.perceptual import FEATURES


def fetch_vgg(*, output: Path) -> None:
    """Fetch torchvision's ImageNet weights of VGG-19 and write its convolutions (safetensors).

    The download is checked against the digest in its name. Raises FetchError when it fails.
    """
    try:
        state = VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FetchError(
            f"The weights of VGG-19 could not be fetched ({first}); check the network and start "
            "again."
        ) from None
    kept = {name: t.contiguous() for name, t in state.items() if name.startswith(FEATURES)}
    with atomic(output) as temporary:
        save_file(kept, temporary, metadata={"format": "pt"})
