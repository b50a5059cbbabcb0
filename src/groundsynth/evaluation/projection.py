"""The verb ``project-features``: populations on a plane, and how well they separate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.evaluation.feature_tables import feature_model, read_features
from groundsynth.provenance import provenance
from groundsynth.tables import write_table

PERPLEXITY = 30
NEIGHBOURS, SMALLEST_DISTANCE = 15, 0.1

Chosen = tuple[list[str], list[str], np.ndarray]
"""Populations, ids and vectors float64 [N, D]."""


def project_features(
    *,
    features: list[Path],
    method: Literal["tsne", "umap"],
    limit: int,
    seed: int,
    output: Path,
) -> None:
    """Project the features of all populations together onto a plane.

    Of each population at most ``limit`` samples are taken, by the hash of their ids, which spreads
    them over all shards. Features are standardised. t-SNE: perplexity 30, start from the
    principal components; UMAP: 15 neighbours, minimum distance 0.1 (paper, section on the
    distribution of the synthetic images). Writes the table ``coordinates``; its metadata hold the
    silhouette scores, overall and of each pair of populations, of coordinates and of features.
    """
    populations, ids, vectors = _choose(features, limit)
    if len(ids) <= max(PERPLEXITY, NEIGHBOURS):
        raise InputError(
            f"A projection needs more than {PERPLEXITY} features, not {len(ids)}; sample more "
            "images or raise the limit."
        )
    scaled = StandardScaler().fit_transform(vectors)
    points = _tsne(scaled, seed) if method == "tsne" else _umap(scaled, seed)
    parameters = _parameters(method, limit, seed)
    columns = {
        "population": populations,
        "id": ids,
        "method": [method] * len(ids),
        "x": points[:, 0].astype(np.float64),
        "y": points[:, 1].astype(np.float64),
        "parameters": [json.dumps(parameters)] * len(ids),
    }
    record = {
        **provenance("project-features", parameters, features),
        "model": feature_model(features),
        "silhouette": {
            "coordinates": silhouettes(points, populations),
            "features": silhouettes(scaled, populations),
        },
    }
    write_table(output, columns, "coordinates", record)


def silhouettes(points: np.ndarray, populations: Sequence[str]) -> dict[str, Any]:
    """Silhouette score of [N, D] points by population: ``overall`` and ``pairs`` ("a/b": score).

    1: the populations lie apart; 0: they lie on one another. None where a score is not defined,
    that is with one population, or with as many populations as points.
    """
    labels = np.asarray(populations)
    pairs = {}
    for a, b in combinations(sorted(set(populations)), 2):
        both = np.isin(labels, (a, b))
        pairs[f"{a}/{b}"] = _silhouette(points[both], labels[both])
    return {"overall": _silhouette(points, labels), "pairs": pairs}


def _silhouette(points: np.ndarray, labels: np.ndarray) -> float | None:
    if not 2 <= len(set(labels)) < len(labels):
        return None
    return float(silhouette_score(points, labels))


def _choose(paths: Sequence[Path], limit: int) -> Chosen:
    """At most ``limit`` rows of each population: those whose ids have the smallest hashes."""
    if limit < 1:
        raise ConfigurationError(f"The limit of a projection is {limit}; give 1 or more.")
    rows: dict[str, list[tuple[str, str, np.ndarray]]] = {}
    for path in paths:
        for population, name, vector in zip(*read_features(path), strict=True):
            rank = hashlib.sha256(name.encode()).hexdigest()
            rows.setdefault(population, []).append((rank, name, vector))
        for population, found in rows.items():
            rows[population] = sorted(found, key=lambda row: row[:2])[:limit]
    chosen = [(p, name, vector) for p in sorted(rows) for _, name, vector in rows[p]]
    widths = {len(vector) for _, _, vector in chosen}
    if len(widths) > 1:
        raise InputError(
            f"The features have different dimensions {sorted(widths)}; extract them all with the "
            "same model."
        )
    vectors = np.array([vector for _, _, vector in chosen], np.float64)
    return [p for p, _, _ in chosen], [name for _, name, _ in chosen], vectors


def _tsne(vectors: np.ndarray, seed: int) -> np.ndarray:
    method = TSNE(perplexity=PERPLEXITY, init="pca", random_state=seed)
    points: np.ndarray = method.fit_transform(vectors)
    return points


def _umap(vectors: np.ndarray, seed: int) -> np.ndarray:
    from umap import UMAP  # compiles on import: minutes on a loaded machine

    method = UMAP(
        n_neighbors=NEIGHBOURS,
        min_dist=SMALLEST_DISTANCE,
        init="pca",  # the spectral start is not reproducible with a fixed seed
        random_state=seed,
        n_jobs=1,
    )
    points: np.ndarray = method.fit_transform(vectors)
    return points


def _parameters(method: str, limit: int, seed: int) -> dict[str, Any]:
    own = (
        {"perplexity": PERPLEXITY, "start": "pca"}
        if method == "tsne"
        else {"neighbours": NEIGHBOURS, "minimum_distance": SMALLEST_DISTANCE, "start": "pca"}
    )
    return {"method": method, **own, "standardised": True, "limit": limit, "seed": seed}
