"""Training history: means over each tick, as rows (step, images, seconds, name, value)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from groundsynth.errors import TrainingError
from groundsynth.tables import SCHEMAS, write_table


class History:
    """Figures of a training; sums stay on the device until a tick, so that no step waits."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def record(self, figures: Mapping[str, Tensor]) -> None:
        """Add one step's figures (scalars)."""
        for name, value in figures.items():
            value = value.detach().double()
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Means since the last tick."""
        return {name: float(total) / self.counts[name] for name, total in self.sums.items()}

    def close_tick(self, step: int, images: int, seconds: float) -> dict[str, float]:
        """Turn the means into rows, start the next tick, and return them."""
        means = self.means()
        self.rows += [[step, images, seconds, name, value] for name, value in means.items()]
        self.sums, self.counts = {}, {}
        return means

    def require_finite(self, images: int, state: Path) -> None:
        """TrainingError that names the first figure that is no longer a number."""
        for name, value in self.means().items():
            if not torch.isfinite(torch.tensor(value)):
                raise TrainingError(
                    f"The training diverged before {images} images: {name} is {value}; lower the "
                    "learning rates or raise the regularisation, and start again (the last good "
                    f"state is in {state})."
                )

    def state_dict(self) -> dict[str, Any]:
        """Rows and the open tick, for a checkpoint."""
        return {"rows": self.rows, "sums": self.sums, "counts": self.counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        self.rows = [list(row) for row in state["rows"]]
        self.sums, self.counts = dict(state["sums"]), dict(state["counts"])

    def write(self, path: Path, provenance: Mapping[str, Any]) -> None:
        """Write the rows as the table ``history``."""
        names = SCHEMAS["history"].names
        columns = {name: [row[n] for row in self.rows] for n, name in enumerate(names)}
        write_table(path, columns, "history", provenance)
