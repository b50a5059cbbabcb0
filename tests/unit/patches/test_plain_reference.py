"""The fast way of cutting against a plain one, to the bit; and its reading ahead."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import transform

from groundsynth.errors import InputError
from groundsynth.patches import index
from groundsynth.patches.scaling import Scaling, to_8_bit
from groundsynth.patches.strips import ahead

from .conftest import Shard, write_raster
from .test_cut import WGS, expected_mask

Cut = Callable[..., Shard]
PLACE = Affine(0.01, 0, 30, 0, -0.01, 37)


def plainly(image: np.ndarray, scaling: Scaling, low: float, high: float) -> np.ndarray:
    """[3, H, W] -> uint8 [H, W, 3], pixel by pixel in double precision."""
    pixels = np.moveaxis(image, 0, -1)
    if scaling == "none":
        return pixels
    if scaling == "patch_max":
        return (np.clip(pixels, 0, None) / (pixels.max() or 1) * 255).astype(np.uint8)
    if scaling == "percentile":
        low, high = np.percentile(pixels, [2, 98]).tolist()
        high = high if high > low else low + 1
    stretched = (pixels.astype(np.float64) - low) / (high - low) * 255
    return np.rint(np.clip(stretched, 0, 255)).astype(np.uint8)


@pytest.mark.parametrize("scaling", ["patch_max", "reflectance", "percentile"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_scaling_is_the_plain_one(scaling: Scaling, dtype: type) -> None:
    random = np.random.default_rng(5)
    for highest in (1, 2, 7, 255, 4000, 65535):
        top = min(highest, 255 if dtype is np.uint8 else 32767 if dtype is np.int16 else highest)
        for shape in ((3, 1, 1), (3, 5, 7), (3, 32, 32)):
            image = random.integers(0, top + 1, shape).astype(dtype)
            np.testing.assert_array_equal(
                to_8_bit(image, scaling, [100, 3000]), plainly(image, scaling, 100, 3000)
            )


@pytest.mark.parametrize("scaling", ["patch_max", "reflectance", "percentile", "none"])
@pytest.mark.parametrize(("size", "stride"), [(32, 32), (32, 20), (48, 16), (20, 37)])
@pytest.mark.parametrize("threads", [1, 2])
def test_shards_are_those_of_plain_windows(
    cut: Cut, tmp_path: Path, scaling: Scaling, size: int, stride: int, threads: int
) -> None:
    random = np.random.default_rng(9)
    bands = random.integers(1, 250 if scaling == "none" else 9000, (4, 205, 190))
    bands = bands.astype(np.uint8 if scaling == "none" else np.uint16)
    codes = random.choice(np.array([10, 20, 30, 40, 50, 60, 95], np.uint8), (205, 190))
    codes[:, 150:] = 0
    imagery = tiled(tmp_path / "i.tif", bands)
    labels = tiled(tmp_path / "l.tif", codes[None])
    shard = cut(
        [imagery],
        labels,
        size=size,
        stride=stride,
        scaling=scaling,
        bands=[3, 1, 4],
        threads=threads,
    )
    images, masks = [], []
    for top in range(0, 205 - size + 1, stride):
        for left in range(0, 190 - size + 1, stride):
            window = codes[top : top + size, left : left + size]
            if (window != 0).all():
                seen = bands[[2, 0, 3], top : top + size, left : left + size]
                images.append(plainly(seen, scaling, 0, 3000))
                masks.append(expected_mask(window))
    assert 0 < len(images) < len(range(0, 206 - size, stride)) * len(range(0, 191 - size, stride))
    np.testing.assert_array_equal(shard.images, np.stack(images))
    np.testing.assert_array_equal(shard.masks, np.stack(masks))


def tiled(path: Path, bands: np.ndarray) -> Path:
    """A deflated GeoTIFF in blocks of 64 pixels, [bands, height, width]."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=bands.shape[1],
        width=bands.shape[2],
        dtype=bands.dtype,
        crs=WGS,
        transform=PLACE,
        tiled=True,
        blockxsize=64,
        blockysize=64,
        compress="deflate",
        interleave="pixel",
    ) as target:
        target.write(bands)
    return path


@pytest.mark.parametrize("threads", [1, 2])
def test_truncated_blocks_are_named_with_the_file(cut: Cut, tmp_path: Path, threads: int) -> None:
    random = np.random.default_rng(1)
    imagery = tiled(tmp_path / "i.tif", random.integers(1, 9000, (3, 400, 400)).astype(np.uint16))
    labels = tiled(tmp_path / "l.tif", np.full((1, 400, 400), 10, np.uint8))
    content = imagery.read_bytes()
    imagery.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError, match=r"i\.tif is truncated") as caught:
        cut([imagery], labels, threads=threads)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "patches").iterdir())


def test_values_that_are_no_number_are_said_with_the_file(
    cut: Cut, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bands = np.random.default_rng(2).uniform(1, 3000, (3, 64, 64)).astype(np.float32)
    bands[0, 3, 3], bands[2, 40, 60] = np.nan, np.inf
    imagery = write_raster(tmp_path / "i.tif", bands, PLACE, WGS)
    labels = write_raster(tmp_path / "l.tif", np.full((64, 64), 10, np.uint8), PLACE, WGS)
    shard = cut([imagery], labels)
    assert shard.counts["i"]["dropped"]["imagery_missing"] == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(said) == 1
    assert "i.tif holds values that are no number" in said[0]
    assert "2 patches" in said[0]


def test_items_are_made_ahead_in_one_thread_and_no_further() -> None:
    made: list[int] = []
    threads: set[int] = set()

    def numbers() -> Iterator[int]:
        for number in range(1, 9):
            made.append(number)
            threads.add(threading.get_ident())
            yield number

    coming = ahead(numbers(), 3)
    seen = []
    for number in coming:
        seen.append(number)
        assert len(made) <= number + 3
    assert seen == list(range(1, 9))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_error_comes_in_its_turn() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise InputError("second.")

    coming = ahead(numbers(), 4)
    assert next(coming) == 1
    with pytest.raises(InputError, match="second"):
        next(coming)


def test_places_are_projected_strip_by_strip(
    cut: Cut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Affine(10, 0, 450000, 0, -10, 4200000)
    bands, codes = np.ones((3, 96, 320), np.uint8), np.full((96, 320), 10, np.uint8)
    imagery = write_raster(tmp_path / "i.tif", bands, place, "EPSG:32636")
    labels = write_raster(tmp_path / "l.tif", codes, place, "EPSG:32636")
    calls: list[int] = []

    def counted(source: object, target: object, xs: np.ndarray, ys: np.ndarray) -> object:
        calls.append(len(xs))
        return transform(source, target, xs, ys)

    monkeypatch.setattr(index, "transform", counted)
    shard = cut([imagery], labels, scaling="none")
    assert len(shard.ids) == 6 * 20
    assert calls == [4 * 20] * 6
