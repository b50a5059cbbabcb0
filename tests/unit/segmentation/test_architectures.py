"""The six architectures train one step and infer; what does not fit is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import save_file

from groundsynth.errors import ConfigurationError, FetchError, InputError
from groundsynth.processes import Processes
from groundsynth.segmentation.architectures import (
    ARCHITECTURES,
    build_model,
    load_encoder_weights,
)
from groundsynth.segmentation.confusion import confusion_of
from groundsynth.segmentation.data import split_of
from groundsynth.segmentation.encoder_weights import fetch_encoder
from groundsynth.segmentation.inference import predict
from groundsynth.segmentation.models import Description
from groundsynth.segmentation.patch_sizes import SMALLEST, check_patch_size
from groundsynth.segmentation.populations import Population
from groundsynth.segmentation.settings import Settings
from groundsynth.segmentation.trainer import Trainer

ENCODER, FAMILY = "tu-mobilenetv3_small_050", "efficientnet-b0"
CPU = torch.device("cpu")


def test_sizes_are_known_for_every_architecture() -> None:
    assert set(SMALLEST) == set(ARCHITECTURES)


@pytest.mark.parametrize("size", [128, 256])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_step_and_inference_at_both_sizes_with_five_classes(
    architecture: str, size: int, real_patches: Callable[..., Population]
) -> None:
    """With the smallest encoder of the family that the paper's is the largest of."""
    check_patch_size(architecture, size)
    real = real_patches(size, 5)
    splits = {name: split_of(real, name) for name in ("train", "validation", "test")}
    torch.manual_seed(0)
    model = build_model(architecture, FAMILY, 5)
    before = [p.detach().clone() for p in model.parameters()]
    settings = Settings((1,), 2, 1e-3, "plateau", 0.01, 3, 5, 1.0, "dice", 1, "float32")
    training = Trainer(model, splits["train"], splits["validation"], 5, settings, Processes(CPU))
    training.take_steps(1)
    assert training.step == 1
    assert 0 < float(training.loss_sum) < 2
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert sum(moved) > 0.9 * len(moved)
    counts = confusion_of(
        model, splits["test"], classes=5, batch=1, device=CPU, precision="float32"
    )
    assert counts.shape == (1, 5, 5)
    assert counts.sum() == size * (size - 3)  # all labelled pixels
    about = Description(architecture, FAMILY, tuple("abcde"), "real", {"real": True}, 1, size, 0.0)
    images = np.array(real.images.arrays[0][:2])
    labels, confidence = predict(model, about, images, device=CPU, precision="float32")
    assert labels.shape == (2, size, size)
    assert labels.max() < 5
    assert ((confidence > 0.2) & (confidence <= 1)).all()  # five classes: a fifth at least


@pytest.mark.parametrize("architecture", [name for name in SMALLEST if name != "pan"])
def test_smallest_legal_size_trains(architecture: str) -> None:
    size = SMALLEST[architecture]
    model = build_model(architecture, ENCODER, 3)
    logits = model(torch.rand(2, 3, size, size))
    logits.sum().backward()
    assert logits.shape == (2, 3, size, size)


def test_size_below_the_smallest_of_pan_really_fails() -> None:
    model = build_model("pan", ENCODER, 3)
    with pytest.raises(RuntimeError, match="too small"):
        model(torch.rand(2, 3, 96, 96))


def test_weights_follow_from_the_seed() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(build_model("fpn", ENCODER, 3).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_unknown_encoder_is_named() -> None:
    with pytest.raises(ConfigurationError, match="encoder 'resnet19'"):
        build_model("unet", "resnet19", 3)
    with pytest.raises(ConfigurationError, match="encoder 'tu-nothing'"):
        build_model("unet", "tu-nothing", 3)


def test_pair_that_does_not_go_together_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"unetplusplus cannot be built .*'mit_b0'"):
        build_model("unetplusplus", "mit_b0", 3)


def test_fetched_encoder_weights_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    donor = build_model("unet", ENCODER, 3).get_submodule("encoder")
    monkeypatch.setattr(smp.encoders, "get_encoder", lambda name, weights: donor)
    path = tmp_path / "encoder.safetensors"
    fetch_encoder(encoder=ENCODER, output=path)
    for architecture in ARCHITECTURES:  # dilation in PAN and DeepLabV3+ changes no weight
        model = build_model(architecture, ENCODER, 3)
        load_encoder_weights(model, path)
        loaded = model.get_submodule("encoder").state_dict()
        assert all(torch.equal(loaded[name], value) for name, value in donor.state_dict().items())


def test_failed_fetch_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, weights: str) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(smp.encoders, "get_encoder", fail)
    with pytest.raises(FetchError, match="no route to host"):
        fetch_encoder(encoder="resnet18", output=tmp_path / "encoder.safetensors")
    assert not list(tmp_path.iterdir())


def test_encoder_without_published_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'resnet19'"):
        fetch_encoder(encoder="resnet19", output=tmp_path / "encoder.safetensors")


def test_weights_of_another_encoder_or_broken_ones_are_refused(tmp_path: Path) -> None:
    model = build_model("unet", ENCODER, 3)
    path = tmp_path / "encoder.safetensors"
    with pytest.raises(InputError, match="is missing"):
        load_encoder_weights(model, path)
    save_file({"conv.weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="another encoder"):
        load_encoder_weights(model, path)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match="truncated"):
        load_encoder_weights(model, path)
