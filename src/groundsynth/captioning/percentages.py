"""Percentages in words and figures: rounded as configured, never rounded into a falsehood."""

from __future__ import annotations


def figure(share: float, decimals: int) -> str:
    """``share`` in percent with ``decimals`` places: ``62%``.

    A share that would round to nothing is ``less than 1%`` (one unit of the last place), one
    that would round to everything but is not everything is ``over 99%``.
    """
    unit = 10.0**-decimals
    rounded = f"{share:.{decimals}f}"
    if float(rounded) == 0:
        return f"less than {unit:.{decimals}f}%"
    if float(rounded) >= 100 and share < 100 - 1e-6:
        return f"over {100 - unit:.{decimals}f}%"
    return f"{rounded}%"


def present(shares: list[float]) -> list[int]:
    """Indices of the classes that occur, largest share first."""
    found = [index for index, share in enumerate(shares) if share > 0]
    return sorted(found, key=lambda index: (-shares[index], index))
