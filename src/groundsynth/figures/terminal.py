"""A Markdown table as it reads well on a terminal."""

from __future__ import annotations


def aligned(markdown: str) -> str:
    """The Markdown text with the cells of its table padded to columns, the rest as it is.

    A vertical bar within a cell (written ``\\|``) stays one.
    """
    lines = markdown.splitlines()
    rows = [_cells(line) for line in lines if line.startswith("|")]
    if not rows:
        return markdown
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    shown = []
    for line in lines:
        cells = _cells(line) if line.startswith("|") else None
        if cells is None:
            shown.append(line)
        elif set("".join(cells)) <= {":", "-"}:
            shown.append("  ".join("-" * width for width in widths))
        else:
            padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            shown.append("  ".join(padded).rstrip())
    return "\n".join(shown)


def _cells(line: str) -> list[str]:
    bar = "\0"
    inner = line.replace("\\|", bar).strip().strip("|")
    return [cell.strip().replace(bar, "|") for cell in inner.split("|")]
