"""Moments of the train split's features, as ``extract-features`` left them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from groundsynth.errors import InputError
from groundsynth.evaluation.feature_sets import FeatureSet, real_parts
from groundsynth.evaluation.moments import Moments
from groundsynth.tables import read_provenance


def train_moments(
    features: Sequence[Path], indices: Sequence[Path], digest: str, count: int
) -> Moments:
    """Moments of the features of all ``count`` train patches, read shard by shard.

    ``features``: tables of the real shards by the segmentation model whose weights have the
    ``digest``. Raises InputError for those of another model, or where patches are missing.
    """
    for path in features:
        if read_provenance(path).get("parameters", {}).get("digest") != digest:
            raise InputError(
                f"{path} holds features of another model than the judging one; extract them "
                "again with its weights."
            )
    parts = real_parts(features, indices, "train")
    moments = FeatureSet.of_parts(parts, "the train split", 0, 0).moments
    if moments.count != count:
        raise InputError(
            f"There are features of {moments.count} train patches, but {count} such patches; "
            "extract the features of all real shards."
        )
    return moments
