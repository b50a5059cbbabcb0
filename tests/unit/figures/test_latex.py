"""LaTeX tables: escaped, aligned, with the rules of booktabs."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundsynth.figures.latex import escaped, write_latex


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50% of A&B_1 #2 $3 {x}", r"50\% of A\&B\_1 \#2 \$3 \{x\}"),
        ("a\\b~c^d", r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d"),
        ("76.37 ± 0.12 [75.90, 76.81] ↑", r"76.37 $\pm$ 0.12 {[}75.90, 76.81] $^{\uparrow}$"),
        ("-0.27 and [-1.00, 2]", r"$-$0.27 and {[}$-$1.00, 2]"),
        ("qwen3-4b, efficientnet-b7", "qwen3-4b, efficientnet-b7"),
        ("Fréchet — Ağaç", r"Fr\'echet --- Ağaç"),
    ],
)
def test_text_is_printed_letter_by_letter(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_a_table_environment(tmp_path: Path) -> None:
    path = tmp_path / "table9.tex"
    rows = [{"name": "a_b", "share": 12.345, "none": None}, {"name": "c", "share": 1.0, "none": 2}]
    columns = {"name": "Name & kind", "share": "Share (%)", "none": "None"}
    write_latex(path, columns, rows, caption="100% ours.", note="A note_1.")
    assert path.read_text("utf-8").splitlines() == [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"\centering",
        r"\caption{100\% ours.}",
        r"\label{tab:table9}",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"Name \& kind & Share (\%) & None \\",
        r"\midrule",
        r"a\_b & 12.35 & --- \\",
        r"c & 1.00 & 2 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip",
        r"\footnotesize A note\_1.",
        r"\end{table}",
    ]
