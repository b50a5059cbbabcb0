"""The verb ``score-caption-set``: redundancy of captions that others made, for comparison."""

from __future__ import annotations

from pathlib import Path

from groundsynth.evaluation.redundancy import score_redundancy


def score_caption_set(
    *, captions: Path, column: str, self_bleu_sample: int, seed: int, output: Path
) -> None:
    """Write the redundancy and the diversity of a caption set of another make, as JSON.

    Reads the column ``column`` of a file of any kind that ``score-redundancy`` takes; ``output``
    holds what that verb writes. Raises InputError when the file holds no caption.
    """
    score_redundancy(
        captions=[captions],
        column=column,
        output=output,
        self_bleu_sample=self_bleu_sample,
        seed=seed,
    )
