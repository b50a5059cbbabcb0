"""Prompts: shared words first, the scene's own last, absent classes left out."""

from __future__ import annotations

import numpy as np
import pytest

from groundsynth.captioning.prompts import PROMPTS, composition_text, conversation, select_prompt
from groundsynth.errors import ConfigurationError

NAMES = ["tree", 'corn "field"; x', "a\nb", "water"]


def test_composition_lists_what_is_there() -> None:
    assert composition_text([10.4, 0, 89.3, 0.3], NAMES, 0) == (
        "a b 89%, tree 10%, water less than 1%"
    )
    assert composition_text([10.44, 89.56, 0, 0], NAMES, 1) == 'corn "field"; x 89.6%, tree 10.4%'
    assert composition_text([0, 0, 0, 0], NAMES, 0) == "not known"


def test_text_prompt_is_one_plain_text() -> None:
    prompt = select_prompt("v1", "text")
    ((turn,), (other,)) = (conversation(prompt, None, f) for f in ("tree 60%", "water 90%"))
    assert turn["role"] == "user"
    assert turn["content"].startswith(prompt.instruction)
    assert turn["content"].endswith("tree 60%.")
    common = len(prompt.instruction) + len(prompt.lead or "")
    assert turn["content"][:common] == other["content"][:common]


def test_hybrid_prompt_has_instruction_image_and_figures_in_this_order() -> None:
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    (turn,) = conversation(select_prompt("v1", "hybrid"), image, "tree 60%")
    kinds = [part["type"] for part in turn["content"]]
    assert kinds == ["text", "image_pil", "text"]
    assert np.array_equal(np.asarray(turn["content"][1]["image_pil"]), image)
    assert turn["content"][2]["text"] == "Land cover of the scene: tree 60%."


def test_vision_prompt_tells_no_figures() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    (turn,) = conversation(select_prompt("v1", "vision"), image, "tree 60%")
    assert [part["type"] for part in turn["content"]] == ["text", "image_pil"]
    assert "60" not in str(turn["content"][0])


def test_every_version_has_the_three_methods() -> None:
    for version, methods in PROMPTS.items():
        assert set(methods) == {"text", "vision", "hybrid"}, version
        assert methods["vision"].lead is None


def test_unknown_version_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'7'"):
        select_prompt("7", "text")
