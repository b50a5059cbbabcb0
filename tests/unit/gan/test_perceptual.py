"""The perceptual loss and the fetching of its weights, without a network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.models import VGG19_Weights
from torchvision.models.vgg import cfgs, make_layers

from groundsynth.errors import ConfigurationError, FetchError, InputError
from groundsynth.files import read_json
from groundsynth.gan import perceptual
from groundsynth.gan.generator_files import sidecar_of
from groundsynth.gan.perceptual import TAPS, PerceptualDistance, vgg19_layers
from groundsynth.gan.train_spade import train_spade
from groundsynth.gan.vgg_weights import fetch_vgg
from groundsynth.provenance import digest_of

CPU = torch.device("cpu")
NARROW = ((4, 2), (4, 2), (6, 4), (6, 4), (8, 4))


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights of a narrow VGG-19, which has the depth of the real one."""
    monkeypatch.setattr(perceptual, "WIDTHS", NARROW)
    torch.manual_seed(3)
    path = tmp_path / "vgg19.safetensors"
    save_file({f"features.{n}": t for n, t in vgg19_layers().state_dict().items()}, path)
    return path


def test_layers_are_numbered_as_in_torchvision() -> None:
    with torch.device("meta"):
        ours, theirs = vgg19_layers(), make_layers(cfgs["E"])
    assert [type(layer) for layer in ours] == [type(layer) for layer in theirs]
    shapes = [{n: t.shape for n, t in net.state_dict().items()} for net in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert all(isinstance(ours[n], torch.nn.ReLU) for n in TAPS)
    first_of_block = [n for n in TAPS if n == 1 or isinstance(ours[n - 2], torch.nn.MaxPool2d)]
    assert first_of_block == list(TAPS)


def test_distance_by_hand(weights: Path) -> None:
    fake, real = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(1)).unbind()
    fake.requires_grad_()
    distance = PerceptualDistance(weights, CPU)
    found = distance(fake, real)
    layers = vgg19_layers()
    state = load_file(weights)
    layers.load_state_dict({name.removeprefix("features."): t for name, t in state.items()})

    def features(x: Tensor) -> list[Tensor]:
        return [layers[: n + 1](x) for n in (1, 6, 11, 20, 29)]

    weighed = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)
    pairs = zip(weighed, features(fake), features(real), strict=True)
    by_hand = sum(weight * (a - b).abs().mean() for weight, a, b in pairs)
    torch.testing.assert_close(found, by_hand)
    assert distance(real, real).item() == 0
    found.backward()
    assert fake.grad is not None
    assert fake.grad.abs().max() > 0
    assert not any(p.requires_grad for p in distance.parameters())


def test_it_takes_part_in_a_training(spade: Callable[..., Any], weights: Path) -> None:
    with_it = spade("with", kimg=0.008, perceptual=10.0, perceptual_weights=weights)
    without = spade("without", kimg=0.008)
    for micro in (with_it, without):
        train_spade(**micro.options, **micro.outputs)
    described = [read_json(sidecar_of(micro.outputs["model"])) for micro in (with_it, without)]
    assert described[0]["perceptual_weights"] == digest_of(weights)
    assert described[1]["perceptual_weights"] is None
    assert described[0]["digest"] != described[1]["digest"]


def test_weights_that_are_none(spade: Callable[..., Any], weights: Path, tmp_path: Path) -> None:
    micro = spade(perceptual=1.0)
    with pytest.raises(ConfigurationError, match="needs the weights of VGG-19; give"):
        train_spade(**micro.options, **micro.outputs)
    with pytest.raises(InputError, match=r"none.safetensors is missing; fetch it again"):
        PerceptualDistance(tmp_path / "none.safetensors", CPU)
    weights.write_bytes(b"no tensors")
    with pytest.raises(InputError, match="cannot be read"):
        PerceptualDistance(weights, CPU)
    save_file({"features.0.weight": torch.zeros(4, 3, 3, 3)}, weights)
    with pytest.raises(InputError, match="does not hold the convolutions"):
        PerceptualDistance(weights, CPU)


def test_fetched_weights_are_the_convolutions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"features.0.weight": torch.ones(2, 3), "classifier.0.weight": torch.ones(4)}
    asked: dict[str, Any] = {}

    def answer(self: VGG19_Weights, **options: Any) -> dict[str, Tensor]:
        asked.update(options)
        return state

    monkeypatch.setattr(VGG19_Weights, "get_state_dict", answer)
    fetch_vgg(output=tmp_path / "vgg19.safetensors")
    assert load_file(tmp_path / "vgg19.safetensors").keys() == {"features.0.weight"}
    assert asked["check_hash"] is True

    def fail(self: VGG19_Weights, **options: Any) -> None:
        raise URLError("no route")

    monkeypatch.setattr(VGG19_Weights, "get_state_dict", fail)
    with pytest.raises(FetchError, match=r"could not be fetched .*no route"):
        fetch_vgg(output=tmp_path / "other.safetensors")
    assert not (tmp_path / "other.safetensors").exists()
