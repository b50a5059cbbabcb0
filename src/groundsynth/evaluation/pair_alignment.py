"""Whether matched pairs of images and captions fit better than shuffled ones."""

from __future__ import annotations

import numpy as np
import torch

from groundsynth.evaluation.clip_data import Pairs
from groundsynth.evaluation.clip_model import ClipModel

CHUNK = 256


def measure_alignment(model: ClipModel, pairs: Pairs, limit: int = 1000) -> dict[str, float]:
    """Mean cosine of matched and of all other pairs, and ranks of the own image.

    One caption an image (the first), at most ``limit`` images. ``median_rank`` is the place of a
    caption's own image among all (1 is best, (N + 1) / 2 is chance); ``top_tenth`` the share of
    captions whose image is in the best tenth; ``truncated`` the share of captions cut.
    """
    count = min(limit, len(pairs))
    texts = [captions[0] for captions in pairs.captions[:count]]
    images = torch.cat(
        [
            model.embed_images(pairs.pixels(np.arange(start, min(start + CHUNK, count))))
            for start in range(0, count, CHUNK)
        ]
    )
    captions = torch.cat(
        [model.embed_texts(texts[start : start + CHUNK]) for start in range(0, count, CHUNK)]
    )
    cosines = (captions @ images.T).double().numpy()
    own = cosines.diagonal()
    ranks = 1 + (cosines > own[:, None]).sum(axis=1)
    others = (cosines.sum() - own.sum()) / max(count * (count - 1), 1)
    return {
        "pairs": float(count),
        "matched_cosine": float(own.mean()),
        "shuffled_cosine": float(others),
        "median_rank": float(np.median(ranks)),
        "top_tenth": float((ranks <= max(1, count // 10)).mean()),
        "truncated": float(np.mean([model.is_truncated(text) for text in texts])),
    }
