"""TensorBoard files by PyTorch's writer; Weights & Biases by a stand-in for its package."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from groundsynth.errors import ConfigurationError
from groundsynth.event_log import TensorBoardLog, WandbLog

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def points(folder: Path, name: str) -> list[tuple[int, float]]:
    """(images, value) of a curve as TensorBoard shows it."""
    found = EventAccumulator(str(folder))
    found.Reload()
    return [(event.step, event.value) for event in found.Scalars(name)]


def test_a_curve_that_goes_on_has_each_point_once(tmp_path: Path) -> None:
    first = TensorBoardLog(tmp_path, 0)
    for images in (8, 16, 24):
        first.write(images, {"loss": images / 4})
    first.close()
    second = TensorBoardLog(tmp_path, 16)  # the checkpoint of 24 images was not written
    second.write(24, {"loss": 7.0}, PICTURE)
    assert points(tmp_path, "loss") == [(8, 2.0), (16, 4.0), (24, 7.0)], "before it is closed"
    second.close()
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    (image,) = found.Images("samples")
    assert (image.step, image.width, image.height) == (24, 6, 4)


def test_a_training_from_the_beginning_hides_the_one_before(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        log = TensorBoardLog(tmp_path, 0)
        log.write(0, {"loss": value})
        log.close()
    assert points(tmp_path, "loss") == [(0, 2.0)]


class FakeWandb(SimpleNamespace):
    """The part of the package that is used; keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(calls=[], told=[], finished=0)

    def init(self, **options: Any) -> Any:
        self.calls.append(options)
        return SimpleNamespace(log=self.log, finish=self.finish)

    def Image(self, picture: np.ndarray) -> tuple[int, ...]:  # noqa: N802
        return picture.shape

    def log(self, values: dict[str, Any], step: int) -> None:
        self.told.append((step, values))

    def finish(self) -> None:
        self.finished += 1


def test_weights_and_biases_go_on_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    state = tmp_path / "train_spade"
    for images in (8, 16):
        log = WandbLog("trees", state, {"batch": 4})
        log.write(images, {"loss": 0.5}, PICTURE)
        log.close()
    first, second = wandb.calls
    assert first == second
    assert first["id"]
    expected = {"project": "trees", "name": "train_spade", "config": {"batch": 4}}
    assert first | expected | {"resume": "allow"} == first
    assert wandb.told == [(n, {"loss": 0.5, "samples": (4, 6, 3)}) for n in (8, 16)]
    assert wandb.finished == 2


def test_a_missing_package_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigurationError, match=r"pip install wandb, or set run\.wandb to null"):
        WandbLog("trees", tmp_path, {})
    with pytest.raises(ConfigurationError, match=r"pip install tensorboard, or set run\.tens"):
        TensorBoardLog(tmp_path, 0)
    assert not list(tmp_path.iterdir())
