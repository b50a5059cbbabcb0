"""Inception and DINOv2 with random weights: preparation, features, and files that are refused."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torch_fidelity import FeatureExtractorInceptionV3

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.evaluation.dinov2_features import dinov2_extractor, preparation_of
from groundsynth.evaluation.extractors import Extractor, load_extractor
from groundsynth.evaluation.image_preparation import prepare_images
from groundsynth.evaluation.inception_features import inception_extractor
from groundsynth.provenance import digest_of

CPU = torch.device("cpu")
DINOV2 = "vit_small_patch14_dinov2.lvd142m"


class RandomInception(FeatureExtractorInceptionV3):  # type: ignore[misc]
    """torch-fidelity's network as it is before its weights are loaded."""

    def load_state_dict(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def inception(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A file of random weights in torch-fidelity's form, and the network that has them."""
    torch.set_num_threads(1)
    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    torch.manual_seed(0)
    network = RandomInception("2048", ["2048"], feature_extractor_weights_path=empty)
    for name, parameter in network.named_parameters():
        if name.endswith("conv.weight"):  # keep the signal's size through fifty layers
            torch.nn.init.kaiming_normal_(parameter)
    path = tmp_path_factory.mktemp("inception") / "inception.pth"
    torch.save(network.state_dict(), path)
    return path, network


@pytest.fixture(scope="module")
def dinov2(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A safetensors file of random weights in timm's form, and the network that has them."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = timm.create_model(DINOV2, num_classes=0).eval()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.05)
    for block in network.blocks:  # as trained: layers that do something
        block.ls1.gamma.data.fill_(0.5)
        block.ls2.gamma.data.fill_(0.5)
    path = tmp_path_factory.mktemp("dinov2") / "dinov2.safetensors"
    save_file(network.state_dict(), path)
    return path, network


def photos(count: int, size: int) -> np.ndarray:
    """Smooth random images: noise alone would hide a shifted resize."""
    random = np.random.default_rng(count)
    coarse = random.integers(0, 256, (count, size // 8, size // 8, 3), np.uint8)
    scaled = [
        Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC) for image in coarse
    ]
    return np.stack([np.asarray(image) for image in scaled])


def tensorflow_resize(image: np.ndarray, side: int) -> np.ndarray:
    """Bilinear without antialias, corners at the origin: place n of the result is n * scale."""
    size = len(image)
    places = np.arange(side) * size / side
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, size - 1)
    part = (places - low)[:, None]
    rows = image[low] * (1 - part[..., None]) + image[high] * part[..., None]
    found: np.ndarray = rows[:, low] * (1 - part) + rows[:, high] * part
    return found


def test_inception_takes_bytes_and_resizes_as_tensorflow_did(
    inception: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, network = inception
    images = photos(2, 64)
    seen: list[torch.Tensor] = []
    first = FeatureExtractorInceptionV3.forward

    def forward(self: Any, x: torch.Tensor) -> Any:
        hook = self.Conv2d_1a_3x3.register_forward_pre_hook(
            lambda _, inputs: seen.append(inputs[0].clone())
        )
        try:
            return first(self, x)
        finally:
            hook.remove()

    monkeypatch.setattr(FeatureExtractorInceptionV3, "forward", forward)
    extractor = inception_extractor(path, digest_of(path), CPU)
    vectors = extractor.vectors(images, batch=2)
    expected = (tensorflow_resize(images[1].astype(float), 299) - 128) / 128
    assert seen[0].shape == (2, 3, 299, 299)
    assert seen[0][1].permute(1, 2, 0).numpy() == pytest.approx(expected, abs=1e-4)
    with torch.inference_mode():
        (direct,) = network(torch.from_numpy(images).permute(0, 3, 1, 2))
    assert vectors.shape == (2, 2048)
    assert vectors == pytest.approx(direct.numpy(), rel=1e-4, abs=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    assert "299 x 299" in extractor.preprocessing
    assert extractor.title == f"inception-v3-2015-12-05/{digest_of(path)[:12]}"


def test_dinov2_is_prepared_as_timm_prepares_it(dinov2: tuple[Path, Any]) -> None:
    path, network = dinov2
    images = photos(1, 64)
    about = timm.data.resolve_model_data_config(network)
    transform: Any = timm.data.create_transform(**about, is_training=False)
    expected = torch.stack([transform(Image.fromarray(image)) for image in images])
    preparation = preparation_of(network)
    found = prepare_images(torch.from_numpy(images), preparation)
    assert found.shape == (1, 3, 518, 518)
    levels = (found - expected).abs() * torch.tensor(preparation.std).view(3, 1, 1) * 255
    assert float(levels.max()) < 2.01
    assert float(levels.mean()) < 0.02
    extractor = dinov2_extractor(path, DINOV2, digest_of(path), CPU)
    vectors = extractor.vectors(images, batch=1)
    with torch.inference_mode():
        tokens = network.forward_features(expected)
    assert vectors.shape == (1, extractor.dimensions) == (1, 384)
    assert vectors == pytest.approx(tokens[:, 0].numpy(), abs=0.02)  # the class token
    assert np.abs(vectors - tokens[:, 1:].mean(1).numpy()).max() > 0.1  # not the patches' mean
    assert extractor.title == f"{DINOV2}/{digest_of(path)[:12]}"
    assert "(bicubic with antialias) to 518 x 518" in extractor.preprocessing


def test_no_images_give_an_empty_array(inception: tuple[Path, Any]) -> None:
    extractor = load(*("inception", inception[0]))
    assert extractor.vectors(np.zeros((0, 64, 64, 3), np.uint8), 4).shape == (0, 2048)
    assert extractor.description["weights_digest"] == digest_of(inception[0])


def load(name: Any, path: Path, sha256: str | None = None, network: str = DINOV2) -> Extractor:
    return load_extractor(
        name, path, network=network, sha256=sha256, device=CPU, precision="float32"
    )


@pytest.mark.parametrize("name", ["inception", "dinov2"])
def test_weights_of_another_digest_are_refused(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path, _ = request.getfixturevalue(name)
    with pytest.raises(InputError, match=r"has the SHA-256 .*, not 6726825d"):
        load(name, path, "6726825d")
    with pytest.raises(InputError, match=r"gone is missing"):
        load(name, tmp_path / "gone")


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


def test_code_in_the_weights_is_not_run(tmp_path: Path) -> None:
    path, mark = tmp_path / "inception.pth", tmp_path / "was-here"
    torch.save({"fc.weight": Evil(mark)}, path)
    with pytest.raises(InputError, match="holds more than tensors"):
        load("inception", path)
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists()  # the trap works


def test_other_files_are_refused(
    inception: tuple[Path, Any], dinov2: tuple[Path, Any], tmp_path: Path
) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "other.pth")
    save_file({"a": torch.zeros(3)}, tmp_path / "other.safetensors")
    cut = tmp_path / "cut"
    for name, path, other in (
        ("inception", inception[0], "other.pth"),
        ("dinov2", dinov2[0], "other.safetensors"),
    ):
        with pytest.raises(InputError, match=rf"{other} does not hold"):
            load(name, tmp_path / other)
        cut.write_bytes(path.read_bytes()[:100_000])
        with pytest.raises(InputError, match=r"cut (does not hold|holds more than)"):
            load(name, cut)
    with pytest.raises(ConfigurationError, match="no DINOv2 network 'resnet50'"):
        load("dinov2", dinov2[0], network="resnet50")
