"""The verb ``extract-features``: what a network sees in the images of a shard."""

from __future__ import annotations

from pathlib import Path

from groundsynth.device import Precision, select_device
from groundsynth.errors import InputError
from groundsynth.evaluation.extractors import ExtractorName, load_extractor
from groundsynth.evaluation.feature_tables import write_features
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.shards import open_array
from groundsynth.tables import read_table


def extract_features(
    *,
    images: Path,
    index: Path,
    population: str,
    extractor: ExtractorName,
    weights: Path,
    network: str | None,
    sha256: str | None,
    batch: int,
    device: str,
    precision: Precision,
    output: Path,
) -> None:
    """Write the feature vector of every image of a shard.

    Reads images uint8 (N, H, W, 3) with their index and the weights of a feature extractor (a
    trained segmentation model with its description beside it, torch-fidelity's Inception file,
    timm's DINOv2 file); writes the table ``features``. ``network``, ``sha256``: as in
    ``load_extractor``.
    """
    place = select_device(device)
    encoder = load_extractor(
        extractor, weights, network=network, sha256=sha256, device=place, precision=precision
    )
    pictures = open_array(images, dimensions=4)
    ids = _ids(index, population)
    if len(ids) != len(pictures):
        raise InputError(
            f"{images} has {len(pictures)} rows and {index} {len(ids)}; delete both and run the "
            "stage that writes them again."
        )
    with Progress("features", len(ids), "img") as progress:
        vectors = encoder.vectors(pictures, batch, progress)
    parameters = {"precision": precision, "digest": encoder.digest, **encoder.description}
    record = provenance("extract-features", parameters, [images, index, weights])
    write_features(output, population, ids, encoder.title, vectors, record)


def _ids(index: Path, population: str) -> list[str]:
    real = population == "real"
    schema, key = ("real_index", "patch_id") if real else ("synthetic_index", "sample_id")
    ids: list[str] = read_table(index, schema, [key])[key].to_pylist()
    return ids
