"""CLIPScore: how well captions fit their images, by the cosine of CLIP embeddings.

Source: Hessel et al. 2021. The paper's tables print 100 x cosine (table 2); Hessel's own score is
2.5 x cosine. Both cut negative cosines at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import torch

from groundsynth.composition.ids import read_ids, require_rows
from groundsynth.device import select_device
from groundsynth.errors import InputError
from groundsynth.evaluation.clip_model import ClipModel, load_clip
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.shards import open_array
from groundsynth.tables import read_table, write_table

Number = TypeVar("Number", float, np.ndarray)


def clipscore(cosine: Number) -> Number:
    """100 max(cosine, 0), as the paper prints it."""
    return 100.0 * np.maximum(cosine, 0.0)


def hessel_clipscore(cosine: Number, weight: float = 2.5) -> Number:
    """``weight`` max(cosine, 0): CLIP-S of Hessel et al. 2021, equation 1, with w = 2.5."""
    return weight * np.maximum(cosine, 0.0)


@dataclass(frozen=True)
class PairScores:
    """Cosines [N] float32 of image-caption pairs, and whether each caption was cut."""

    cosine: np.ndarray
    truncated: np.ndarray


def score_pairs(
    model: ClipModel,
    images: np.ndarray,
    captions: Sequence[str],
    prefix: str = "A photo depicts ",
    batch: int = 64,
) -> PairScores:
    """Cosine of each image, uint8 [N, H, W, 3], and its caption with ``prefix`` before it."""
    return score_embedded(model, embed_all_images(model, images, batch), captions, prefix, batch)


def score_embedded(
    model: ClipModel,
    embedded: torch.Tensor,
    captions: Sequence[str],
    prefix: str,
    batch: int,
) -> PairScores:
    """The same with images embedded already: unit vectors [N, D]."""
    texts = [prefix + caption for caption in captions]
    cosines = [np.zeros(0, np.float32)]
    for start in range(0, len(texts), batch):
        vectors = model.embed_texts(texts[start : start + batch])
        cosines.append((vectors * embedded[start : start + batch]).sum(dim=1).numpy())
    truncated = np.asarray([model.is_truncated(text) for text in texts], bool)
    return PairScores(np.concatenate(cosines), truncated)


def embed_all_images(model: ClipModel, images: np.ndarray, batch: int) -> torch.Tensor:
    """uint8 [N, H, W, 3] -> unit vectors [N, D] float32, in batches."""
    parts = []
    with Progress("embed images", len(images), "images") as progress:
        for start in range(0, len(images), batch):
            parts.append(model.embed_images(images[start : start + batch]))
            progress.advance(len(parts[-1]))
    return torch.cat(parts) if parts else torch.zeros(0, 1)


def score_captions(
    *,
    images: Path,
    index: Path,
    captions: list[Path],
    population: str,
    model: str,
    weights: Path,
    model_config: Path | None,
    prefix: str,
    batch: int,
    device: str,
    precision: str,
    output: Path,
) -> None:
    """Write cosine and CLIPScore of the captions that several captioners gave to one shard.

    Reads images, uint8 [N, H, W, 3] RGB, their index, and one captions table a captioner; the
    images are embedded once. Writes a row for each caption: cosine, 100 max(cosine, 0), and
    whether prefix and caption were too long for the text encoder. A caption that is empty or an
    error has no score (null).
    """
    ids = read_ids(index, population)
    shard = open_array(images, dimensions=4)
    require_rows(images, len(shard), index, ids)
    clip = load_clip(model, weights, select_device(device), model_config, precision)
    embedded = embed_all_images(clip, shard, batch)
    rows = {name: row for row, name in enumerate(ids)}
    columns: dict[str, list[Any]] = {
        name: [] for name in ("population", "id", "captioner", "cosine", "clipscore", "truncated")
    }
    for path in captions:
        table = read_table(path, "captions", ["population", "id", "captioner", "caption"])
        own = table.column("population").to_pylist()
        if any(name != population for name in own):
            raise InputError(
                f"{path} holds captions of another population than {population}; score each "
                "population with its own images."
            )
        _score_table(clip, embedded, rows, table, path, prefix, batch, columns)
    record = provenance(
        "score-captions",
        {"model": model, "prefix": prefix, "precision": precision},
        [images, index, *captions, weights],
    )
    write_table(output, columns, "caption_scores", record)


def _score_table(
    clip: ClipModel,
    embedded: torch.Tensor,
    rows: dict[str, int],
    table: pa.Table,
    path: Path,
    prefix: str,
    batch: int,
    columns: dict[str, list[Any]],
) -> None:
    names, texts = table.column("id").to_pylist(), table.column("caption").to_pylist()
    unknown = [name for name in names if name not in rows]
    if unknown:
        raise InputError(
            f"{path} holds a caption of {unknown[0]!r}, which is not in the index of these images; "
            "give captions and images of the same shard."
        )
    given = [number for number, text in enumerate(texts) if text]
    places = torch.tensor([rows[names[number]] for number in given], dtype=torch.long)
    scores = score_embedded(clip, embedded[places], [texts[n] for n in given], prefix, batch)
    cosine: list[float | None] = [None] * len(names)
    truncated = [False] * len(names)
    for number, value, cut in zip(given, scores.cosine, scores.truncated, strict=True):
        cosine[number], truncated[number] = float(value), bool(cut)
    columns["population"] += table.column("population").to_pylist()
    columns["id"] += names
    columns["captioner"] += table.column("captioner").to_pylist()
    columns["cosine"] += cosine
    columns["clipscore"] += [None if c is None else float(clipscore(c)) for c in cosine]
    columns["truncated"] += truncated
