"""Projections: reproducible coordinates of every population, with silhouette scores."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.evaluation.feature_tables import write_features
from groundsynth.evaluation.projection import project_features, silhouettes
from groundsynth.tables import read_provenance, read_table

SHIFTS = {"real": 0.0, "conditional": 0.0, "unconditional": 6.0}


@pytest.fixture
def features(tmp_path: Path) -> list[Path]:
    """Three populations of 30 vectors in two shards each; the unconditional ones lie apart."""
    random = np.random.default_rng(0)
    paths = []
    for population, shift in SHIFTS.items():
        for shard in range(2):
            path = tmp_path / f"{population}.{shard}.parquet"
            ids = [f"{population}-{shard}{n:03d}" for n in range(15)]
            vectors = random.normal(size=(15, 8)) + shift
            write_features(path, population, ids, "model", vectors, {})
            paths.append(path)
    return paths


def project(features: list[Path], output: Path, method: str, limit: int = 100) -> None:
    project_features(features=features, method=method, limit=limit, seed=4, output=output)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_projection_is_reproducible_and_separates(
    features: list[Path], tmp_path: Path, method: str
) -> None:
    paths = [tmp_path / "first.parquet", tmp_path / "second.parquet"]
    for path in paths:
        project(features, path, method)
    tables = [read_table(path, "coordinates") for path in paths]
    assert tables[0].equals(tables[1])
    assert len(tables[0]) == 90
    assert len(set(tables[0]["id"].to_pylist())) == 90
    scores = read_provenance(paths[0])["silhouette"]["coordinates"]
    assert scores["pairs"]["real/unconditional"] > 0.5
    assert scores["pairs"]["conditional/real"] < 0.2
    points = np.stack([tables[0]["x"], tables[0]["y"]], 1)
    expected = silhouette_score(points, tables[0]["population"].to_pylist())
    assert scores["overall"] == pytest.approx(expected, abs=1e-6)


def test_limit_takes_a_part_of_each_population_from_all_shards(
    features: list[Path], tmp_path: Path
) -> None:
    path = tmp_path / "few.parquet"
    project(features, path, "tsne", limit=12)
    table = read_table(path, "coordinates").to_pylist()
    for population in SHIFTS:
        ids = [row["id"] for row in table if row["population"] == population]
        assert len(ids) == 12
        assert len({name.split("-")[1][0] for name in ids}) == 2


def test_silhouettes_that_are_not_defined_are_none() -> None:
    points = np.random.default_rng(0).normal(size=(4, 2))
    assert silhouettes(points, ["a"] * 4) == {"overall": None, "pairs": {}}
    found = silhouettes(points[:2], ["a", "b"])
    assert found == {"overall": None, "pairs": {"a/b": None}}


def test_too_few_features_are_refused(features: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than 30 features, not 30"):
        project(features, tmp_path / "none.parquet", "tsne", limit=10)
    with pytest.raises(ConfigurationError, match="limit"):
        project(features, tmp_path / "none.parquet", "tsne", limit=0)


def test_light_method_loads_neither_umap_nor_torch() -> None:
    words = (
        "import sys, groundsynth.evaluation.projection; "
        "sys.exit('umap' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 0
