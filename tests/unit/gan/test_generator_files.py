"""A generator is saved as two files, which are all that is needed to load it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from groundsynth.errors import InputError
from groundsynth.gan import spade, stylegan2
from groundsynth.gan.generator_files import (
    build_generator,
    describe_generator,
    load_generator,
    save_generator,
    sidecar_of,
)

CPU = torch.device("cpu")
KEYWORDS: dict[str, dict[str, Any]] = {
    "spade": {
        "semantic_nc": 3,
        "ngf": 2,
        "crop_size": 16,
        "num_upsampling_layers": 2,
        "hidden": 4,
    },
    "stylegan2": {
        "z_dim": 4,
        "c_dim": 0,
        "w_dim": 4,
        "img_resolution": 16,
        "img_channels": 3,
        "mapping_kwargs": {"num_layers": 1},
        "channel_base": 64,
        "channel_max": 4,
    },
}
KEYWORDS["stylegan3-t"] = {**KEYWORDS["stylegan2"], "magnitude_ema_beta": 0.9}
KEYWORDS["stylegan3-r"] = {**KEYWORDS["stylegan2"], "use_radial_filters": True, "conv_kernel": 1}


def saved(folder: Path, architecture: str) -> tuple[Path, torch.nn.Module]:
    torch.manual_seed(0)
    generator = build_generator(architecture, KEYWORDS[architecture])
    path = folder / "generator.safetensors"
    save_generator(path, generator, architecture, KEYWORDS[architecture], population="any", seed=0)
    return path, generator


@pytest.mark.parametrize("architecture", sorted(KEYWORDS))
def test_round_trip_in_another_folder(tmp_path: Path, architecture: str) -> None:
    path, generator = saved(tmp_path / "here", architecture)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    loaded, description = load_generator(tmp_path / "there" / path.name, CPU)
    assert not loaded.training
    assert description["architecture"] == architecture
    assert description["seed"] == 0
    expected = generator.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(torch.equal(t, expected[name]) for name, t in loaded.state_dict().items())
    assert not any(p.requires_grad for p in loaded.parameters())


def test_kinds() -> None:
    assert isinstance(build_generator("spade", KEYWORDS["spade"]), spade.Generator)
    assert isinstance(build_generator("stylegan2", KEYWORDS["stylegan2"]), stylegan2.Generator)
    with pytest.raises(InputError, match="'biggan'"):
        build_generator("biggan", {})


def test_weights_that_are_not_described(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, "spade")
    tensors = load_file(path)
    tensors["conv_img.bias"] += 1
    save_file(tensors, path)
    with pytest.raises(InputError, match=r"is not the file that generator.json describes"):
        load_generator(path, CPU)


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, "spade")
    description = json.loads(sidecar_of(path).read_text())
    description["keywords"]["ngf"] = 3
    sidecar_of(path).write_text(json.dumps(description))
    with pytest.raises(InputError, match="cannot be loaded"):
        load_generator(path, CPU)


@pytest.mark.parametrize("missing", ["generator.safetensors", "generator.json"])
def test_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    path, _ = saved(tmp_path, "spade")
    (tmp_path / missing).unlink()
    with pytest.raises(InputError, match=f"{missing} is missing"):
        describe_generator(path)
