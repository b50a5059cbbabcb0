"""What a training says to those who watch it: TensorBoard files, and Weights & Biases.

Both show figures and pictures against the number of images seen. A training that is taken up
again goes on in the same curves: what it had said beyond its checkpoint does not count.
"""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from groundsynth.errors import ConfigurationError
from groundsynth.files import read_json, write_json

IDENTITY = "wandb.json"
"""File of the state folder that holds the name under which Weights & Biases knows the run."""


class EventLog(Protocol):
    """Somewhere to write figures and pictures to."""

    def write(
        self, images: int, figures: Mapping[str, float], picture: np.ndarray | None = None
    ) -> None:
        """Figures, and a picture uint8 [H, W, 3], after so many ``images``."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class TensorBoardLog:
    """Event files in ``folder`` by PyTorch's standard writer; ``images`` are seen already."""

    def __init__(self, folder: Path, images: int) -> None:
        module = required("torch.utils.tensorboard", "tensorboard", "run.tensorboard to false")
        purge_step = images + 1 if images else 0  # the state after so many images is kept
        self.writer = module.SummaryWriter(str(folder), purge_step=purge_step)

    def write(
        self, images: int, figures: Mapping[str, float], picture: np.ndarray | None = None
    ) -> None:
        """Write at once, so that a checkpoint is never ahead of the curves."""
        for name, value in figures.items():
            self.writer.add_scalar(name, value, images)
        if picture is not None:
            self.writer.add_image("samples", picture, images, dataformats="HWC")
        self.writer.flush()

    def close(self) -> None:
        """Close the file."""
        self.writer.close()


class WandbLog:
    """A run of Weights & Biases, named by the state folder, which also keeps its identity.

    The service ignores figures of steps that it has already seen, as after a kill.
    """

    def __init__(self, project: str, state: Path, parameters: Mapping[str, Any]) -> None:
        self.module = required("wandb", "wandb", "run.wandb to null")
        path = state / IDENTITY
        if not path.exists():
            write_json(path, {"id": secrets.token_hex(4)})
        self.run = self.module.init(
            project=project,
            name=state.name,
            id=read_json(path)["id"],
            resume="allow",
            config=dict(parameters),
        )

    def write(
        self, images: int, figures: Mapping[str, float], picture: np.ndarray | None = None
    ) -> None:
        """Hand over figures and picture; they are sent in the background."""
        pictures = {} if picture is None else {"samples": self.module.Image(picture)}
        self.run.log({**figures, **pictures}, step=images)

    def close(self) -> None:
        """Wait until everything is sent."""
        self.run.finish()


def required(module: str, package: str, otherwise: str) -> Any:
    """Import a ``module``; ConfigurationError that tells to install it, or to set what instead."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigurationError(
            f"The package {package} is not installed: pip install {package}, or set {otherwise}."
        ) from None
