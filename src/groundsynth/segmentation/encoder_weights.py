"""Pretrained encoder weights: the one step of segmentation that uses the network."""

from __future__ import annotations

from pathlib import Path

import segmentation_models_pytorch as smp
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from requests import RequestException
from safetensors.torch import save_file

from groundsynth.errors import ConfigurationError, FetchError
from groundsynth.files import atomic

IMAGENET = "imagenet"


def fetch_encoder(*, encoder: str, output: Path) -> None:
    """Fetch the ImageNet weights of an encoder and write them as one safetensors file.

    ``encoder`` is a name of segmentation-models-pytorch (``efficientnet-b7``) or of timm with the
    prefix ``tu-``. Raises FetchError when the download fails, ConfigurationError when there is no
    such encoder or none with ImageNet weights.
    """
    try:
        module = smp.encoders.get_encoder(encoder, weights=IMAGENET)
    except (LocalEntryNotFoundError, HfHubHTTPError, RequestException, ConnectionError) as error:
        raise FetchError(
            f"The weights of the encoder {encoder} could not be fetched ({_first_line(error)}); "
            "check the network and try again."
        ) from None
    except (KeyError, RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"There are no ImageNet weights for the encoder {encoder!r} ({_first_line(error)}); "
            "choose another in segmentation.encoder."
        ) from None
    with atomic(output) as temporary:
        save_file({k: v.contiguous() for k, v in module.state_dict().items()}, temporary)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
