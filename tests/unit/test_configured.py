"""Values that carry their key: written as usual, never mistaken for one another."""

import copy
import json

import pytest

from groundsynth.configured import with_keys

SECTION = {"seed": 1, "gan": {"kimg": 0.5, "augment": "none", "slots": [1, 2]}, "off": [None, True]}


def test_values_are_equal_and_written_as_before() -> None:
    keyed = with_keys(SECTION)
    assert keyed == SECTION
    assert json.dumps(keyed) == json.dumps(SECTION)
    assert f"{keyed['seed']} {keyed['gan']['kimg']} {keyed['gan']['augment']}" == "1 0.5 none"
    assert [str(slot) for slot in keyed["gan"]["slots"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("seed",), "seed=1"),
        (("gan", "kimg"), "gan/kimg=0.5"),
        (("gan", "augment"), "gan/augment='none'"),
    ],
)
def test_the_representation_names_the_key(path: tuple[str, ...], text: str) -> None:
    value = with_keys(SECTION)
    for part in path:
        value = value[part]
    assert repr(value) == text
    assert repr(copy.deepcopy(value)) == text


def test_equal_numbers_of_two_keys_differ_in_their_representation() -> None:
    assert repr(with_keys({"first": 1})["first"]) != repr(with_keys({"batch": 1})["batch"])
    assert repr(with_keys([1, 1])) == "[/0=1, /1=1]"


def test_true_false_and_null_stay_as_they_are() -> None:
    assert repr(with_keys(SECTION)["off"]) == "[None, True]"
