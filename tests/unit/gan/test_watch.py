"""What is shown of a training while it runs: complete, each point once, and without effect."""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from groundsynth.errors import ConfigurationError
from groundsynth.gan import training
from groundsynth.gan.snapshots import COUNTS
from groundsynth.gan.train_spade import train_spade
from groundsynth.gan.train_stylegan import StyleganOptions, build, train_stylegan
from groundsynth.gan.watch import watching
from groundsynth.processes import Processes

from .conftest import SIZE
from .test_processes import figures


class Killed(Exception):
    """Stands for a kill."""


def kill_at_save(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Die before the checkpoint of that number, when its tick is already shown."""
    original, saved = training.save_checkpoint, iter(range(1, 100))

    def save(folder: Path, state: dict[str, Any]) -> None:
        if next(saved) == number:
            raise Killed
        original(folder, state)

    monkeypatch.setattr(training, "save_checkpoint", save)


def events(folder: Path) -> EventAccumulator:
    """The event files of a training as TensorBoard reads them."""
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    found.Reload()
    return found


@pytest.mark.parametrize(
    ("name", "ticks", "times"),
    [("stylegan", 1, [0, 12, 24, 36, 40]), ("spade", 2, [0, 12, 24, 40])],
)
def test_a_killed_training_shows_what_an_undisturbed_one_shows(
    name: str,
    ticks: int,
    times: list[int],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Killed between showing and saving the third tick; ended within a tick."""
    make, train = request.getfixturevalue(name), {"stylegan": train_stylegan}.get(name, train_spade)
    whole, parts = (
        make(run, tensorboard=tmp_path / "events" / run, snapshot_ticks=ticks)
        for run in ("whole", "parts")
    )
    train(**whole.options, **whole.outputs)
    with monkeypatch.context() as patch:
        kill_at_save(patch, 3)
        with pytest.raises(Killed):
            train(**parts.options, **parts.outputs)
    snapshots = parts.state / "snapshots"
    drawn = sorted(path.name for path in snapshots.iterdir())
    assert drawn == [f"{images:010d}.png" for images in times[:-1]]
    shutil.copy(
        snapshots / drawn[0], snapshots / "0000000030.png"
    )  # of an attempt that got further
    train(**parts.options, **parts.outputs)
    strips = [Image.open(run.outputs["progress"]) for run in (whole, parts)]
    words = strips[0].info[COUNTS].replace("- ", "").split()
    assert [int(word) for word in words] == times
    assert strips[0].info == strips[1].info
    assert np.array_equal(*map(np.asarray, strips))
    assert strips[0].width == 8 * SIZE
    found = [events(run.options["tensorboard"]) for run in (whole, parts)]
    told = figures(whole.outputs["history"])
    for tag in {figure for _, figure in told}:
        curves = [[(e.step, e.value) for e in log.Scalars(tag)] for log in found]
        assert curves[0] == curves[1]
        assert [v for _, v in curves[0]] == pytest.approx(
            [value for (_, figure), value in told.items() if figure == tag]
        )
    for log in found:
        assert [event.step for event in log.Scalars("images_per_second")] == [12, 24, 36, 40]
        assert all(event.value > 0 for event in log.Scalars("images_per_second"))
        assert [event.step for event in log.Images("samples")] == times


def test_the_strip_ends_with_the_generator(spade: Any) -> None:
    """Rows: maps, real images, then samples; the preview shows the same generator."""
    micro = spade(kimg=0.012)
    train_spade(**micro.options, **micro.outputs)
    strip, preview = (np.asarray(Image.open(micro.outputs[n])) for n in ("progress", "preview"))
    assert strip.shape == (4 * SIZE, 8 * SIZE, 3)
    assert np.array_equal(strip[: 2 * SIZE], preview[: 2 * SIZE])
    assert np.array_equal(strip[3 * SIZE :], preview[2 * SIZE : 3 * SIZE])
    assert not np.array_equal(strip[2 * SIZE : 3 * SIZE], strip[3 * SIZE :])


def test_maps_are_drawn_in_colours_that_stand_apart(spade: Any) -> None:
    whole = spade(kimg=0.012)
    legend = whole.options["legend"]
    plain = [{"name": c["name"], "codes": c["codes"]} for c in legend["classes"]]
    colors = {c["name"]: c["color"] for c in legend["classes"]}
    apart = spade("apart", kimg=0.012, legend={**legend, "classes": plain}, colors=colors)
    for micro in (whole, apart):
        train_spade(**micro.options, **micro.outputs)
    for name in ("preview", "progress"):
        assert whole.outputs[name].read_bytes() == apart.outputs[name].read_bytes()


def test_watching_changes_nothing(stylegan: Any, tmp_path: Path) -> None:
    often = stylegan("often", kimg=0.02, tick_kimg=0.004, tensorboard=tmp_path / "events")
    never = stylegan("never", kimg=0.02, tick_kimg=0.004)
    train_stylegan(**often.options, **often.outputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("groundsynth.gan.watch.Watch.begin", lambda watch: None)
        patch.setattr("groundsynth.gan.watch.Watch.tick", lambda watch, figures: None)
        train_stylegan(**never.options, **{**never.outputs, "progress": None})
    assert never.outputs["model"].read_bytes() == often.outputs["model"].read_bytes()
    assert not never.outputs["progress"].exists()


def test_a_missing_package_ends_a_training_at_its_start(
    stylegan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    micro = stylegan(wandb="trees")
    monkeypatch.setattr(training.Trainer, "step", lambda _: pytest.fail("a step was taken"))
    with pytest.raises(ConfigurationError, match="pip install wandb"):
        train_stylegan(**micro.options, **micro.outputs)


def test_one_process_shows_for_all(stylegan: Any, tmp_path: Path) -> None:
    options = StyleganOptions(**stylegan(tensorboard=tmp_path / "events").options)
    second = build(options, Processes(torch.device("cpu"), 1, 2))
    with watching(options.watch, second, tmp_path / "state") as on_tick:
        assert on_tick is None
    first = build(options, Processes(torch.device("cpu"), 0, 2))
    assert not (tmp_path / "events").exists()
    with watching(options.watch, first, tmp_path / "state") as on_tick:
        assert on_tick is not None
    assert (tmp_path / "events").exists()
