"""The leak audit finds what was memorised on purpose, and nothing where nothing was."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.evaluation import leak_audit
from groundsynth.evaluation.feature_tables import write_features
from groundsynth.evaluation.leak_audit import audit_leaks
from groundsynth.evaluation.leaks import Scale, Yardstick, judge
from groundsynth.evaluation.nearest import NearestSearch, nearest
from groundsynth.segmentation.architectures import build_model
from groundsynth.tables import SCHEMAS, read_provenance, write_table

WIDTH = 24
SPLITS = ["train"] * 4 + ["test"] + ["validation"]


def real_ids(shard: str, count: int) -> list[str]:
    return [f"{shard}_000_{n:03d}" for n in range(count)]


def write_real(folder: Path, shard: str, vectors: np.ndarray) -> tuple[Path, Path]:
    """Index and feature table of a shard; the table in another order."""
    ids = real_ids(shard, len(vectors))
    columns: dict[str, list[Any]] = {
        name: [None] * len(ids) for name in SCHEMAS["real_index"].names
    }
    columns |= {"patch_id": ids, "split": [SPLITS[n % 6] for n in range(len(ids))]}
    index, table = folder / f"{shard}.index.parquet", folder / f"{shard}.features.parquet"
    write_table(index, columns, "real_index", {})
    turned = ids[::-1]
    write_features(table, "real", turned, "model", vectors[::-1], {})
    return index, table


def write_samples(folder: Path, number: int, vectors: np.ndarray) -> Path:
    ids = [f"conditional-{100 * number + n:08d}" for n in range(len(vectors))]
    path = folder / f"samples.{number}.parquet"
    write_features(path, "conditional", ids, "model", vectors, {})
    return path


@pytest.fixture
def run(tmp_path: Path) -> dict[str, Any]:
    """Arguments of an audit of two real shards and two shards of unrelated samples."""
    random = np.random.default_rng(3)
    scales = np.geomspace(0.01, 100, WIDTH)  # standardisation gives each feature its say
    real = [random.normal(size=(60, WIDTH)) * scales for _ in range(2)]
    samples = [random.normal(size=(30, WIDTH)) * scales for _ in range(2)]
    files = [write_real(tmp_path, name, found) for name, found in zip("AB", real, strict=True)]
    return {
        "real": [table for _, table in files],
        "real_indices": [index for index, _ in files],
        "synthetic": [write_samples(tmp_path, n, found) for n, found in enumerate(samples)],
        "population": "conditional",
        "percentile": 5.0,
        "block": 7,
        "output": tmp_path / "audit.parquet",
        "summary": tmp_path / "audit.json",
        "neighbours": tmp_path / "neighbours.parquet",
    }


def vectors_of(path: Path) -> np.ndarray:
    return np.array(pq.read_table(path)["vector"].to_pylist(), np.float32)


def audited(run: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of the samples, and the summary."""
    audit_leaks(**run)
    rows = pq.read_table(run["output"]).to_pylist()
    return rows, json.loads(run["summary"].read_text())


def test_every_nearest_patch_is_the_one_of_the_train_split(run: dict[str, Any]) -> None:
    rows, summary = audited(run)
    real = {
        name: vector
        for shard, path in zip("AB", run["real"], strict=True)
        for name, vector in zip(real_ids(shard, 60)[::-1], vectors_of(path), strict=True)
    }
    train = {n: v for n, v in real.items() if SPLITS[int(n[-3:]) % 6] == "train"}
    names, matrix = list(train), np.array(list(train.values()), np.float64)
    samples = np.concatenate([vectors_of(path) for path in run["synthetic"]])
    test = [v for n, v in real.items() if SPLITS[int(n[-3:]) % 6] == "test"]
    queries = np.concatenate([samples, np.array(test)]).astype(np.float64)
    gaps = (queries[:, None] - matrix[None]) / matrix.std(0)
    distances = np.sqrt((gaps**2).sum(2))
    assert [row["nearest_patch_id"] for row in rows] == [names[n] for n in distances.argmin(1)]
    np.testing.assert_allclose([row["distance"] for row in rows], distances.min(1), rtol=1e-4)
    assert [row["population"] for row in rows] == ["conditional"] * 60 + ["real"] * 20
    assert [rows[n]["id"] for n in (0, 30)] == ["conditional-00000000", "conditional-00000100"]
    assert (summary["samples"], summary["test_patches"], summary["train_patches"]) == (60, 20, 80)
    assert summary["threshold"] == pytest.approx(distances.min(1)[60:].min(), rel=1e-4)
    assert summary["quantiles"]["samples"]["median"] == pytest.approx(
        np.median(distances.min(1)[:60]), rel=1e-4
    )


def test_shown_samples_have_the_neighbours_that_the_audit_found(run: dict[str, Any]) -> None:
    rows, summary = audited(run)
    samples = {row["id"]: row for row in rows if row["population"] == "conditional"}
    shown = pq.read_table(run["neighbours"]).to_pylist()
    first = [row for row in shown if row["rank"] == 1]
    assert len(shown) == 5 * 4
    for row in first:
        audit = samples[row["id"]]
        assert row["patch_id"] == audit["nearest_patch_id"]
        assert row["distance"] == pytest.approx(audit["distance"], rel=1e-5)
    distances = sorted(row["distance"] for row in samples.values())
    expected = [distances[n] for n in (0, 15, 30, 44, 59)]
    assert [samples[row["id"]]["distance"] for row in first] == expected
    ranked = np.array([row["distance"] for row in shown]).reshape(5, 4)
    assert (np.diff(ranked, axis=1) > 0).all()
    record = read_provenance(run["neighbours"])
    assert record["threshold"] == summary["threshold"]
    assert record["real_test"]["median"] == summary["quantiles"]["real_test"]["median"]


def test_shards_without_patches_change_nothing(run: dict[str, Any], tmp_path: Path) -> None:
    whole = audited(run)
    index, table = write_real(tmp_path, "empty", np.zeros((0, WIDTH), np.float32))
    run["real"].insert(1, table)
    run["real_indices"].insert(1, index)
    shown = pq.read_table(run["neighbours"]).to_pylist()
    rows, summary = audited(run)
    assert rows == whole[0]
    assert pq.read_table(run["neighbours"]).to_pylist() == shown
    assert summary["train_patches"] == whole[1]["train_patches"]


def test_exactly_the_memorised_patches_are_found(run: dict[str, Any], tmp_path: Path) -> None:
    samples = vectors_of(run["synthetic"][1]) * 3  # farther from the train split than test patches
    real = vectors_of(run["real"][0])[::-1]  # in the order of the ids
    copies = {2: 0, 9: 13, 29: 56}
    assert {SPLITS[patch % 6] for patch in copies.values()} == {"train"}
    for row, patch in copies.items():
        samples[row] = real[patch]
    run["synthetic"] = [write_samples(tmp_path, 1, samples)]
    rows, summary = audited(run)
    found = {
        int(r["id"][-2:]): r for r in rows if r["population"] != "real" and r["near_duplicate"]
    }
    assert found.keys() == copies.keys()
    for row, patch in copies.items():
        assert found[row]["nearest_patch_id"] == f"A_000_{patch:03d}"
        assert found[row]["distance"] == 0
    assert summary["near_duplicates"] == 3
    assert summary["share_percent"] == 10
    assert summary["expected_percent"] == pytest.approx(100 / 21)


def test_a_copy_lies_at_distance_zero_far_from_the_origin() -> None:
    """|q|^2 + |r|^2 - 2 q r alone would be off by a hundredth of the vectors' length."""
    random = np.random.default_rng(0)
    references = (1000 + random.normal(size=(50, 8))).astype(np.float32)
    distances, positions = nearest(references[::-1].copy(), [references], block=16)
    assert (distances == 0).sum() >= 45  # the others take a neighbour that rounding puts first
    assert (distances < 1).all()
    assert (positions >= 0).all()


@pytest.mark.parametrize("block", [1, 5, 1000])
def test_blocks_and_parts_change_nothing(block: int) -> None:
    random = np.random.default_rng(1)
    queries, references = (random.normal(size=(n, 6)).astype(np.float32) for n in (33, 47))
    whole = nearest(queries, [references], 47)
    parts = nearest(queries, [references[:10], references[10:10], references[10:]], block)
    np.testing.assert_array_equal(parts[1], whole[1])
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-6)
    gaps = np.linalg.norm(queries[:, None].astype(float) - references[None], axis=2)
    np.testing.assert_array_equal(whole[1], gaps.argmin(1))


def test_memory_does_not_grow_with_the_references() -> None:
    queries = np.zeros((1024, 16), np.float32)
    peaks = []
    for parts in (2, 20):
        tracemalloc.start()
        search = NearestSearch(queries, block=256)
        for number in range(parts):
            search.add(np.full((1024, 16), number, np.float32))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]
    assert peaks[1] < 4 * 256**2 + 4 * 8 * 256 * 16 + 12 * 1024 + 4 * 1024 * 16 + 2**17
    assert peaks[1] < 4 * 1024 * 1024, "the whole matrix of distances would take more"


def test_the_audit_holds_no_more_for_more_tables(
    run: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leak_audit, "GROUP", 100)
    held: list[int] = []
    search = leak_audit._search

    def spy(vectors: np.ndarray, *others: Any) -> Any:
        held.append(len(vectors))
        return search(vectors, *others)

    monkeypatch.setattr(leak_audit, "_search", spy)
    run["synthetic"] = [
        write_samples(tmp_path, n, np.random.default_rng(n).normal(size=(40, WIDTH)))
        for n in range(5)
    ]
    audit_leaks(**run)
    assert held == [20, 120, 80], "the test split, then tables put together to 100 or more"


def test_chance_is_that_of_random_orders() -> None:
    """Samples and test patches of one distribution: the chance holds its level."""
    random = np.random.default_rng(5)
    judged = [
        judge(random.gamma(3, size=80), Yardstick(random.gamma(3, size=50), 4)) for _ in range(2000)
    ]
    shares = [one["share_percent"] for one in judged]
    assert np.mean(shares) == pytest.approx(judged[0]["expected_percent"], rel=0.06)
    chances = np.array([one["chance"] for one in judged])
    for level in (0.05, 0.2):
        # The number is a whole one, so that a level is met from below.
        assert 0.4 * level <= (chances <= level).mean() <= 1.15 * level
    assert not any(one["leaks"] for one in judged if one["near_duplicates"] == 0)


def test_scale_is_that_of_all_parts_together() -> None:
    values = np.random.default_rng(2).normal(5, 3, (40, 3)).astype(np.float32)
    values[:, 1] = 4
    scale = Scale.of_parts([values[:7], values[:0], values[7:]])
    np.testing.assert_allclose(scale.mean, values.mean(0), rtol=1e-6)
    expected = np.where(values.std(0) > 0, values.std(0), 1)
    np.testing.assert_allclose(scale.deviation, expected, rtol=1e-5)
    applied = scale.apply(values)
    assert applied.dtype == np.float32
    np.testing.assert_allclose(applied[:, 0].std(), 1, rtol=1e-5)
    assert (applied[:, 1] == 0).all()


def test_refusals(run: dict[str, Any], tmp_path: Path) -> None:
    columns = pq.read_table(run["real_indices"][0]).to_pydict()
    index = tmp_path / "only_train.parquet"
    write_table(index, columns | {"split": ["train"] * 60}, "real_index", {})
    wrong = write_samples(tmp_path, 8, np.full((2, WIDTH), np.nan))
    with pytest.raises(ConfigurationError, match="percentile above 0 and up to 50"):
        audit_leaks(**run | {"percentile": 0})
    with pytest.raises(InputError, match="no features of real test patches"):
        audit_leaks(**run | {"real": run["real"][:1], "real_indices": [index]})
    with pytest.raises(InputError, match="the patch B_000_059, which no index lists"):
        audit_leaks(**run | {"real_indices": run["real_indices"][:1]})
    with pytest.raises(InputError, match="Features of 5 and of 24 dimensions"):
        audit_leaks(**run | {"synthetic": [write_samples(tmp_path, 7, np.zeros((2, 5)))]})
    with pytest.raises(InputError, match="no numbers"):
        audit_leaks(**run | {"synthetic": [wrong]})
    assert not run["output"].exists()
    assert not run["summary"].exists()
    assert not run["neighbours"].exists()


def test_memorised_images_are_found_from_their_pixels(tmp_path: Path) -> None:
    """Train images copied into a shard of samples, through a real feature model."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    encoder: Any = build_model("fpn", "tu-mobilenetv3_small_050", 2).get_submodule("encoder").eval()
    random = np.random.default_rng(4)

    def draw(count: int) -> np.ndarray:
        """Blobs of 8 x 8 pixels: every image another."""
        small = random.integers(0, 256, (count, 8, 8, 3), np.uint8)
        return small.repeat(8, 1).repeat(8, 2)

    @torch.inference_mode()
    def vectors(images: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1
        pooled: np.ndarray = encoder(x)[-1].mean((2, 3)).numpy()
        return pooled

    real, samples = draw(60), draw(12)
    samples = (samples // 8 + 220).astype(np.uint8)  # pale: unlike any real patch
    samples[[4, 7]] = real[[1, 20]]
    index, table = write_real(tmp_path, "A", vectors(real))
    rows, summary = audited(
        {
            "real": [table],
            "real_indices": [index],
            "synthetic": [write_samples(tmp_path, 0, vectors(samples))],
            "population": "conditional",
            "percentile": 1,
            "block": 64,
            "output": tmp_path / "audit.parquet",
            "summary": tmp_path / "audit.json",
            "neighbours": tmp_path / "neighbours.parquet",
        }
    )
    near = {int(r["id"][-2:]): r["nearest_patch_id"] for r in rows if r["near_duplicate"]}
    assert near == {4: "A_000_001", 7: "A_000_020"}
    assert summary["copies"] == 2
    assert not summary["leaks"], "two of twelve against ten test patches may be chance"


def test_many_near_duplicates_are_more_than_chance() -> None:
    test = np.linspace(1, 2, 40)
    some, many = (np.r_[np.full(n, 0.05), np.full(60 - n, 1.5)] for n in (1, 12))
    assert not judge(some, Yardstick(test, 5))["leaks"]
    found = judge(many, Yardstick(test, 5))
    assert found["leaks"]
    # All orders of 60 samples and 40 test patches: 12 samples before the second test patch.
    orders = np.random.default_rng(0).random((20000, 100)).argsort(1) < 40
    before = np.array([np.flatnonzero(order)[1] - 1 for order in orders])
    assert found["chance"] == pytest.approx((before >= 12).mean(), abs=0.002)
    assert (found["copies"], found["copies_real_test"]) == (12, 0)
