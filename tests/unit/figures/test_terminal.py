"""Markdown tables on a terminal."""

from groundsynth.figures.terminal import aligned

TABLE = """| Mix | F1 |
| :--- | ---: |
| a\\|b | 33.33 [30.00, 40.00] |
| real+synthetic |  |

A note | with a bar.
"""


def test_columns_are_aligned_and_notes_stay() -> None:
    assert aligned(TABLE).splitlines() == [
        "Mix             F1",
        "--------------  --------------------",
        "a|b             33.33 [30.00, 40.00]",
        "real+synthetic",
        "",
        "A note | with a bar.",
    ]


def test_a_text_without_a_table_stays() -> None:
    assert aligned("no table\n") == "no table\n"
