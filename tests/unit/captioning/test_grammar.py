"""Captions of the grammar: true, short, varied, plain text whatever the classes are called."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import open_clip
import pytest

from groundsynth.captioning.engines.grammar import grammar_caption
from groundsynth.captioning.nouns import KNOWN, noun_for
from groundsynth.captioning.percentages import figure
from groundsynth.captioning.wording import Scene, finish, join
from groundsynth.composition.shares import count_classes, shares_of_counts

SEVEN = list(KNOWN)
HOSTILE = ['corn "field"; x', "a.b\nc", "naïve, 100% {tree}", "<b>' -- rm", "Water"]
PLACE_WORDS = re.compile(
    r"\b(north|south|east|west|centre|middle|edge|margin|corner|patch|block|piece|strip|band|belt)"
    r"(ern|s|es)?\b"
)
FIGURE = re.compile(r"(less than |\bover )?(\d+(?:\.\d+)?)%")


def scene_of(mask: np.ndarray, names: Sequence[str] = SEVEN, decimals: int = 0) -> Scene:
    counts = count_classes(mask[None], len(names))
    shares, unlabelled = shares_of_counts(counts[:, :-1], counts[:, -1])
    return Scene(shares[0].tolist(), float(unlabelled[0]), names, decimals)


def both(mask: np.ndarray, seed: int, names: Sequence[str] = SEVEN) -> list[str]:
    scene = scene_of(mask, names)
    return [
        grammar_caption(scene, None, seed).caption,
        grammar_caption(scene, mask, seed).caption,
    ]


@pytest.fixture(scope="module")
def captions(noise_maps: Callable[..., np.ndarray]) -> list[tuple[np.ndarray, list[str]]]:
    return [(mask, both(mask, seed)) for seed, mask in enumerate(noise_maps(250))]


def test_figures_are_shares_of_the_named_class(
    captions: list[tuple[np.ndarray, list[str]]],
) -> None:
    phrases = {noun.text: SEVEN.index(name) for name, nouns in KNOWN.items() for noun in nouns}
    pattern = re.compile(
        "(" + "|".join(sorted(map(re.escape, phrases), key=len, reverse=True)) + r") \(([^)]*)%\)"
    )
    checked = 0
    for mask, texts in captions:
        shares = scene_of(mask).shares
        rounded = {figure(share, 0) for share in shares}
        for text in texts:
            for noun, value in pattern.findall(text.lower()):
                expected = figure(shares[phrases[noun]], 0)
                assert re.sub(r"^(about|roughly|around|some) ", "", value) + "%" == expected
                checked += 1
            told = re.sub(r"below 5%|[0-9]+% is unlabelled", "", text)
            assert {"".join(found) + "%" for found in FIGURE.findall(told)} <= rounded, text
    assert checked > 500


def test_text_knows_the_composition_only(captions: list[tuple[np.ndarray, list[str]]]) -> None:
    assert [text for _, (text, _) in captions if PLACE_WORDS.search(text)] == []
    mask = captions[1][0]
    shuffled = np.random.default_rng(0).permutation(mask.ravel()).reshape(mask.shape)
    assert both(mask, 5)[0] == both(shuffled, 5)[0]
    assert both(mask, 5)[1] != both(shuffled, 5)[1]


def test_hybrid_speaks_of_the_layout(captions: list[tuple[np.ndarray, list[str]]]) -> None:
    told = [bool(PLACE_WORDS.search(hybrid)) for _, (_, hybrid) in captions]
    assert np.mean(told) > 0.8


def test_only_means_that_there_is_nothing_else(
    captions: list[tuple[np.ndarray, list[str]]],
) -> None:
    for mask, (_, hybrid) in captions:
        if re.search(r"broken only by|the exception is", hybrid):
            assert len(set(np.unique(mask)) - {255}) == 2, hybrid


def test_captions_are_sentences_that_fit(captions: list[tuple[np.ndarray, list[str]]]) -> None:
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    tokens = []
    for _, texts in captions:
        for text in texts:
            assert len(text.split()) <= 60
            assert text[0].isupper() or text[0].isdigit()
            assert text.endswith(".")
            assert not re.search(r"\s\s|[{}|\n]|\.\.|,\.| ,| \.", text), text
            tokens.append(len(tokenizer.encode("A photo depicts " + text)) + 2)
    assert np.mean(np.asarray(tokens) > 77) < 0.01


def test_captions_are_varied(captions: list[tuple[np.ndarray, list[str]]]) -> None:
    texts = [text for mask, two in captions if len(np.unique(mask)) > 1 for text in two]
    assert len(set(texts)) == len(texts)
    openings = {" ".join(re.sub(r"\d+", "n", text).split()[:3]) for text in texts}
    assert len(openings) > 60


def test_equal_seed_and_scene_give_equal_words(noise_maps: Callable[..., np.ndarray]) -> None:
    mask = noise_maps(3)[2]
    assert both(mask, 7) == both(mask, 7)
    assert len({tuple(both(mask, seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize("value", range(7))
def test_one_class_fills_the_scene(value: int) -> None:
    mask = np.full((16, 16), value, np.uint8)
    for seed in range(12):
        for text in both(mask, seed):
            named = [n.text for n in KNOWN[SEVEN[value]] if n.text in text.lower()]
            assert named, text
            assert "%" not in text


def test_scenes_with_few_or_no_labels() -> None:
    empty = np.full((8, 8), 255, np.uint8)
    for text in both(empty, 1):
        assert "land" in text
        assert "%" not in text
    part = empty.copy()
    part[:3] = 2
    for text in both(part, 1):
        assert "62% is unlabelled" in text


def test_class_names_are_plain_text(noise_maps: Callable[..., np.ndarray]) -> None:
    maps = noise_maps(60, classes=5)
    plain = [" ".join(name.split()) for name in HOSTILE]
    seen = set()
    for seed, mask in enumerate(maps):
        shares = scene_of(mask, HOSTILE).shares
        for text in both(mask, seed, HOSTILE):
            first = int(np.argmax(shares))
            assert plain[first].lower() in text.lower()
            assert "\n" not in text
            seen |= {name for name in plain if name in text}
    assert set(plain[:4]) <= seen


@pytest.mark.parametrize(
    ("share", "decimals", "expected"),
    [
        (62.4, 0, "62%"),
        (62.44, 1, "62.4%"),
        (0.3, 0, "less than 1%"),
        (0.5, 0, "less than 1%"),
        (0.04, 1, "less than 0.1%"),
        (99.7, 0, "over 99%"),
        (99.97, 1, "over 99.9%"),
        (100.0, 0, "100%"),
    ],
)
def test_percentages(share: float, decimals: int, expected: str) -> None:
    assert figure(share, decimals) == expected


def test_words_agree() -> None:
    import random

    nouns = {noun_for("tree", random.Random(seed)) for seed in range(30)}
    assert len(nouns) == len(KNOWN["tree"])
    for noun in nouns:
        assert f"{noun:covers|cover}" == ("cover" if noun.plural else "covers")
    assert join(["a", "b", "c"]) == "a, b and c"
    assert finish("one  two\nthree.") == "One two. Three."
