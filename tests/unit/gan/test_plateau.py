"""The training's own distance: what it sees, what it keeps, and when it ends a training."""

import json
import signal
from typing import Any

import numpy as np
import pytest
import torch

from groundsynth.errors import ConfigurationError
from groundsynth.gan.generator_files import load_generator, sidecar_of
from groundsynth.gan.latents import latents
from groundsynth.gan.plateau import FIGURE, Plateau, PlateauSettings
from groundsynth.gan.random_features import NAME, SIZE, RandomFeatures
from groundsynth.gan.real_patches import TrainPatches
from groundsynth.gan.train_spade import train_spade
from groundsynth.gan.train_stylegan import advance_stylegan, train_stylegan
from groundsynth.processes import Processes

from .test_processes import figures
from .test_training import stop_after_steps

ALONE = Processes(torch.device("cpu"))
PLATEAU = {"plateau_patience": 2, "plateau_tolerance": 0.1, "plateau_samples": 12}


def plateau_of(shards: Any, sample: Any, **changes: Any) -> Plateau:
    patches = TrainPatches(shards.images, [], shards.indices, classes=0)
    settings = PlateauSettings(**{"patience": 2, "tolerance": 0.1, "samples": 8} | changes)
    return Plateau(settings, patches, sample, 3, ALONE)


def test_features_are_fixed_and_see_contrast() -> None:
    before = torch.get_rng_state()
    images = torch.linspace(-1, 1, 2 * 3 * 256).view(2, 3, 16, 16)
    found = RandomFeatures()(images)
    assert found.shape == (2, SIZE)
    assert torch.equal(found, RandomFeatures()(images))
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.allclose(found, RandomFeatures()(images / 2), rtol=0.1)


def test_the_patches_themselves_have_no_distance(shards: Any) -> None:
    patches = TrainPatches(shards.images, [], shards.indices, classes=0)
    assert len(patches) == 8

    def sample(_: torch.nn.Module, seeds: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(patches.images_at(seeds)).permute(0, 3, 1, 2) / 127.5 - 1

    def grey(_: torch.nn.Module, seeds: np.ndarray) -> torch.Tensor:
        return torch.zeros(len(seeds), 3, 16, 16)

    same = plateau_of(shards, sample).measure(torch.nn.Identity(), 1).item()
    assert same < 1e-6
    assert plateau_of(shards, grey).measure(torch.nn.Identity(), 1).item() > 0.1


def test_small_gains_are_kept_but_end_the_training(
    shards: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plateau = plateau_of(shards, lambda _, seeds: torch.zeros(len(seeds), 3, 16, 16))
    layer = torch.nn.Linear(1, 1)
    reached = []
    for number, value in enumerate([9.0, 5.0, 4.8, 6.0]):
        monkeypatch.setattr("groundsynth.gan.plateau.distance", lambda *_, value=value: value)
        torch.nn.init.constant_(layer.weight, number)
        plateau.measure(layer, 100 * number)
        reached.append(plateau.reached)
    assert reached == [False, False, False, True]
    assert (plateau.best, plateau.best_images) == (4.8, 200)
    assert plateau.weights is not None
    assert plateau.weights["weight"].item() == 2
    assert plateau.facts()[FIGURE] == 4.8


def test_a_plateau_ends_a_training_with_its_best_weights(
    stylegan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left in the middle and taken up again, it comes to the same end."""
    values = {12: 3.0, 24: 1.0, 36: 2.0, 48: 1.5, 60: 0.1}
    seen: list[int] = []
    original = Plateau.measure

    def measure(plateau: Plateau, average: torch.nn.Module, images: int) -> torch.Tensor:
        seen.append(images)
        monkeypatch.setattr("groundsynth.gan.plateau.distance", lambda *_: values[images])
        return original(plateau, average, images)

    monkeypatch.setattr(Plateau, "measure", measure)
    whole, parts = (stylegan(name, kimg=0.06, **PLATEAU) for name in ("whole", "parts"))
    train_stylegan(**whole.options, **whole.outputs)
    with monkeypatch.context() as patch:
        stop_after_steps(patch, 7, signal.SIGUSR1)
        advance_stylegan(**parts.options)
    train_stylegan(**parts.options, **parts.outputs)
    assert seen == [12, 24, 36, 48] * 2
    description = json.loads(sidecar_of(whole.outputs["model"]).read_text())
    expected = {"stopped_by": "plateau", "images": 48, "kept_images": 24, FIGURE: 1.0}
    assert description | expected | {"features": NAME} == description
    assert parts.outputs["model"].read_bytes() == whole.outputs["model"].read_bytes()
    found = figures(whole.outputs["history"])
    assert [value for (_, name), value in found.items() if name == FIGURE] == [3.0, 1.0, 2.0, 1.5]
    best = stylegan("best", kimg=0.024)
    train_stylegan(**best.options, **best.outputs)
    models = [load_generator(m.outputs["model"], ALONE.device)[0] for m in (best, whole)]
    z = latents([1, 2], 8)
    assert torch.equal(*(G(z, None, noise_mode="const") for G in models))


def test_a_whole_training_says_so(spade: Any) -> None:
    micro = spade(kimg=0.008, tick_kimg=0.004, **PLATEAU)
    train_spade(**micro.options, **micro.outputs)
    description = json.loads(sidecar_of(micro.outputs["model"]).read_text())
    assert description["stopped_by"] == "kimg"
    measured = [v for (_, n), v in figures(micro.outputs["history"]).items() if n == FIGURE]
    assert len(measured) == 2
    assert description[FIGURE] == min(measured)


def test_half_a_plateau_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="give all of"):
        PlateauSettings.of(2, 0.1, None)
