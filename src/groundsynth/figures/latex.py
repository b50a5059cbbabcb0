"""Result tables for papers: LaTeX with the rules of booktabs, every text escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from groundsynth.figures.table_files import Row, is_numeric, readable
from groundsynth.files import atomic

ESCAPES = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # else an optional argument after a line end
    "—": "---",
    "±": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "↑": r"$^{\uparrow}$",
    "↓": r"$^{\downarrow}$",
    "é": r"\'e",
}
MINUS = re.compile(r"(?<!\w)-(?=\d)")


def write_latex(
    path: Path,
    columns: Mapping[str, str],
    rows: Sequence[Row],
    *,
    caption: str,
    note: str = "",
) -> None:
    """Write rows as a table environment (needs the package booktabs), atomically.

    ``columns``: column -> heading. Figures are rounded and stand at the right; ``caption`` stands
    above, ``note`` below. The label is ``tab:`` and the file's stem.
    """
    alignment = "".join("r" if is_numeric(name, rows) else "l" for name in columns)
    lines = [
        "% Needs \\usepackage{booktabs}.",
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{escaped(caption)}}}",
        f"\\label{{tab:{path.stem}}}",
        f"\\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        _line(columns.values()),
        r"\midrule",
        *[_line(readable(row[name], name) for name in columns) for row in rows],
        r"\bottomrule",
        r"\end{tabular}",
        *([r"\par\smallskip", f"\\footnotesize {escaped(note)}"] if note else []),
        r"\end{table}",
    ]
    with atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", "utf-8")


def escaped(text: str) -> str:
    """Text as LaTeX prints it letter by letter; a minus before a figure is no hyphen."""
    return MINUS.sub("$-$", "".join(ESCAPES.get(sign, sign) for sign in text))


def _line(cells: Iterable[str]) -> str:
    return " & ".join(escaped(cell) for cell in cells) + r" \\"
