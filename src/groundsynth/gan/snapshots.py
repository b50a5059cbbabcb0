"""Pictures of a generator in training, and the strip of those that tell how it went.

A snapshot shows the same seeds (and maps) at every time. They lie in the state folder, named by
the number of images seen; the strip is made from them when the training is finished.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from groundsynth.files import atomic
from groundsynth.gan.previews import image_grid

FOLDER, ROWS = "snapshots", 8
COUNTS = "images seen"
"""Text in a strip's file: a word a row, the number of images seen, or - where it says nothing."""


class Snapshots:
    """Snapshots of one training in its state folder, grids of square images of ``size`` pixels.

    Of each grid the first ``head`` rows are always the same (maps, real images); the next row
    goes into the strip. ``interval`` is in ticks.
    """

    def __init__(self, state: Path, size: int, head: int, interval: int) -> None:
        self.folder = state / FOLDER
        self.size, self.head, self.interval = size, head, interval

    def due(self, tick: int) -> bool:
        """Whether a tick has a snapshot: each ``interval``-th one, and those that are 2^n."""
        return tick % self.interval == 0 or tick & (tick - 1) == 0

    def write(self, images: np.ndarray, columns: int, seen: int) -> np.ndarray:
        """Write ``images``, uint8 [N, H, W, 3], as drawn after ``seen`` images; their grid."""
        grid = image_grid(images, columns)
        with atomic(self._path(seen)) as temporary:
            Image.fromarray(grid).save(temporary)
        return grid

    def forget_after(self, seen: int) -> None:
        """Remove what a killed attempt had drawn beyond the state that is taken up."""
        for count in self.counts():
            if count > seen:
                self._path(count).unlink()

    def counts(self) -> list[int]:
        """Numbers of images seen at which there are snapshots, rising."""
        return sorted(int(path.stem) for path in self.folder.glob("[0-9]*.png"))

    def write_strip(self, path: Path) -> None:
        """Write the strip: the rows that are always the same, then one row for each time.

        Times are spaced by equal factors. The file says in its text ``images seen`` what each
        row shows.
        """
        counts = spaced(self.counts(), ROWS)
        grids = [np.asarray(Image.open(self._path(count))) for count in counts]
        start, end = self.head * self.size, (self.head + 1) * self.size
        strip = np.concatenate([grids[-1][:start], *(grid[start:end] for grid in grids)])
        text = PngInfo()
        text.add_text(COUNTS, " ".join(["-"] * self.head + [str(count) for count in counts]))
        with atomic(path) as temporary:
            Image.fromarray(strip).save(temporary, pnginfo=text)

    def _path(self, seen: int) -> Path:
        return self.folder / f"{seen:010d}.png"


def spaced(counts: list[int], most: int) -> list[int]:
    """At most ``most`` of the rising ``counts``: first and last, between them by equal factors.

    The first may be 0, which has no factor to the others.
    """
    if len(counts) <= most:
        return counts
    first = [0] if counts[0] == 0 else []
    rest = np.array(counts[len(first) :])
    wanted = np.geomspace(rest[0], rest[-1], most - len(first))
    nearest = np.abs(np.log(rest[None]) - np.log(wanted[:, None])).argmin(1)
    return [*first, *(int(rest[place]) for place in np.unique(nearest))]
