"""The six architectures of segmentation-models-pytorch, by their names in the configuration."""

from __future__ import annotations

import warnings
from pathlib import Path

import segmentation_models_pytorch as smp
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.segmentation.segformer import Segformer
from groundsynth.segmentation.small_maps import use_products

ARCHITECTURES: dict[str, type[nn.Module]] = {
    "unet": smp.Unet,
    "unetplusplus": smp.UnetPlusPlus,
    "pan": smp.PAN,
    "deeplabv3plus": smp.DeepLabV3Plus,
    "segformer": Segformer,
    "fpn": smp.FPN,
}


def build_model(architecture: str, encoder: str, classes: int) -> nn.Module:
    """A model with random weights: float [N, 3, H, W] -> logits [N, classes, H, W].

    H and W as ``patch_sizes.check_patch_size`` asks. The weights follow the global random state
    of PyTorch. Raises ConfigurationError for an unknown name or a pair that does not go together.
    """
    if architecture not in ARCHITECTURES:
        raise ConfigurationError(
            f"There is no segmentation architecture {architecture!r}; known are "
            f"{', '.join(ARCHITECTURES)}."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # "timm-" names still work
        try:
            model = ARCHITECTURES[architecture](
                encoder_name=encoder, encoder_weights=None, in_channels=3, classes=classes
            )
        except (KeyError, ValueError, RuntimeError, NotImplementedError) as error:
            reason = str(error).strip("\"'").split(",")[0].splitlines()[0]
            raise ConfigurationError(
                f"The architecture {architecture} cannot be built with the encoder {encoder!r} "
                f"({reason}); choose another in segmentation.encoder."
            ) from None
    use_products(model)
    return model


def load_encoder_weights(model: nn.Module, path: Path) -> None:
    """Load the encoder's weights from a file that ``fetch-encoder`` wrote, strictly.

    Raises InputError when the file is missing, broken, or of another encoder.
    """
    if not path.exists():
        raise InputError(f"{path} is missing; run the stage that fetches the encoder's weights.")
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise InputError(
            f"{path} is truncated or no safetensors file ({error}); delete it and fetch it again."
        ) from None
    try:
        model.get_submodule("encoder").load_state_dict(weights)
    except RuntimeError:
        raise InputError(
            f"{path} holds the weights of another encoder than segmentation.encoder names; fetch "
            "the weights of that one."
        ) from None
