"""Diversity of captions: counts by hand, self-BLEU beside its definition, the drawn sample."""

from __future__ import annotations

import math
import random

import pytest

from groundsynth.evaluation.diversity import DiversityCounter, normalised_words, self_bleu


def count(captions: list[str], sample: int = 0, seed: int = 0) -> DiversityCounter:
    counter = DiversityCounter(sample, seed)
    for caption in captions:
        counter.add(caption)
    return counter


def test_figures_by_hand() -> None:
    found = count(["The river, the wood.", "the RIVER  the wood", "A river"]).result()
    assert found["normalised_unique"] == 2
    assert found["normalised_redundancy_percent"] == pytest.approx(100 / 3)
    assert (found["vocabulary"], found["words"]) == (4, 10)  # the river wood a
    assert found["distinct_1_percent"] == pytest.approx(40)
    # the river, river the, the wood, a river: of 3 + 3 + 1
    assert found["distinct_2_percent"] == pytest.approx(100 * 4 / 7)
    assert found["distinct_3_percent"] == pytest.approx(100 * 2 / 4)


def test_words_without_letters_of_one_alphabet() -> None:
    assert normalised_words("Fôrêt-ONE (45%) 森林, don't") == [
        "fôrêt",
        "one",
        "45",
        "森林",
        "don",
        "t",
    ]


def test_nothing_to_count_has_no_shares() -> None:
    found = count(["...", "!"]).result()
    assert found["normalised_redundancy_percent"] == 50  # both are empty without punctuation
    assert (found["distinct_1_percent"], found["self_bleu"]) == (None, None)


def test_self_bleu() -> None:
    same = ["a river bends in the wood"] * 3
    assert self_bleu(same) == pytest.approx(100)
    assert self_bleu([*same[:2], "A RIVER bends in the wood"]) == pytest.approx(100)
    assert self_bleu(["one"]) is None
    # 6 words, 4 matching unigrams, 3 bigrams, 2 trigrams, 1 four-gram; equal lengths: no penalty
    pair = ["a b c d e f", "a b c d x y"]
    expected = 100 * math.exp(sum(map(math.log, (4 / 6, 3 / 5, 2 / 4, 1 / 3))) / 4)
    assert self_bleu(pair) == pytest.approx(expected)


def test_the_sample_is_seeded_and_spread() -> None:
    captions = [f"caption {number}" for number in range(500)]
    drawn = {seed: {text for _, text in count(captions, 40, seed).drawn} for seed in (1, 2)}
    assert {len(found) for found in drawn.values()} == {40}
    assert drawn[1] == {text for _, text in count(captions, 40, 1).drawn}
    assert drawn[1] != drawn[2]
    places = sorted(int(text.split()[1]) for text in drawn[1])
    assert places[0] < 100 < 400 < places[-1]
    assert {text for _, text in count(captions[:10], 40).drawn} == set(captions[:10])


def test_the_sample_of_self_bleu_is_stated() -> None:
    words = random.Random(0)
    captions = [" ".join(words.choice("abcdefgh") for _ in range(9)) for _ in range(30)]
    found = count(captions, 12).result()
    assert found["self_bleu_sample"] == 12
    assert isinstance(found["self_bleu"], float)
    assert 0 < found["self_bleu"] < 100
