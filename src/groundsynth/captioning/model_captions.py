"""Captions by a language model: what is asked about each image, what the answers are worth."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from groundsynth.captioning.checks import clean_answer, status_of
from groundsynth.captioning.engines.answers import Answer, ChatEngine, Conversation
from groundsynth.captioning.jobs import image_seed
from groundsynth.captioning.parts import Caption
from groundsynth.captioning.prompts import Method, Prompt, composition_text, conversation
from groundsynth.composition.ids import read_ids, require_rows
from groundsynth.composition.shares import read_composition
from groundsynth.landcover import Legend
from groundsynth.shards import open_array


class Requests:
    """Images and percentages of a shard, as the prompts need them."""

    def __init__(
        self,
        images: Path,
        index: Path,
        composition: Path,
        population: str,
        method: Method,
        legend: dict[str, Any],
        decimals: int,
    ) -> None:
        self.method, self.decimals = method, decimals
        self.ids = read_ids(index, population)
        self.images = open_array(images, dimensions=4)
        require_rows(images, len(self.images), index, self.ids)
        classes = Legend.from_json(legend)
        self.names = classes.names
        self.shares = read_composition(composition, classes).aligned(self.ids, composition).shares

    def conversation(self, row: int, prompt: Prompt) -> Conversation:
        """What is asked about one image."""
        image = None if self.method == "text" else np.asarray(self.images[row])
        facts = composition_text(self.shares[row].tolist(), self.names, self.decimals)
        return conversation(prompt, image, facts)


def ask_model(
    engine: ChatEngine,
    prompt: Prompt,
    requests: Requests,
    rows: list[int],
    seed: int,
    retry: Collection[str] = (),
) -> list[Caption]:
    """Captions of some rows; of a refused prompt the reason stands in ``raw``.

    Captions whose status is in ``retry`` are asked for once more with another seed; the second
    answer stands if it is ``ok``.
    """
    seeds = [image_seed(seed, requests.ids[row]) for row in rows]
    captions = _ask(engine, prompt, requests, rows, seeds)
    again = [place for place, caption in enumerate(captions) if caption.status in retry]
    others = [image_seed(seed, f"{requests.ids[rows[place]]}/again") for place in again]
    second = _ask(engine, prompt, requests, [rows[place] for place in again], others)
    for place, caption in zip(again, second, strict=True):
        if caption.status == "ok":
            captions[place] = caption
    return captions


def _ask(
    engine: ChatEngine, prompt: Prompt, requests: Requests, rows: list[int], seeds: list[int]
) -> list[Caption]:
    if not rows:
        return []
    answers = engine.answer([requests.conversation(row, prompt) for row in rows], seeds)
    return [_caption_of(answer, own) for answer, own in zip(answers, seeds, strict=True)]


def _caption_of(answer: Answer, seed: int) -> Caption:
    if answer.error is not None:
        return Caption("", answer.error, "error", 0, seed)
    text = clean_answer(answer.text)
    status = status_of(text, answer.finish_reason)
    return Caption(text, answer.text, status, answer.tokens, seed)
