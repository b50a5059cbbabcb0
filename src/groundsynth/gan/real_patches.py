"""Real patches of the train split, in batches that follow from the number of images seen.

The order of a pass over the patches follows from the seed and the number of the pass, and the
flips from the seed and the place in the order: a resumed training sees the same batches, and
nothing about the reader needs to be saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from groundsynth.errors import InputError
from groundsynth.landcover import UNLABELLED
from groundsynth.parts import WHOLE, Part
from groundsynth.provenance import digest_of_value
from groundsynth.shards import JoinedArrays
from groundsynth.tables import read_table

TRAIN = "train"


@dataclass(frozen=True)
class Batch:
    """Images float32 [N, 3, H, W] in [-1, 1] and, where there are masks, uint8 [N, H, W]."""

    images: Tensor
    masks: Tensor | None
    seen: int
    """Images seen in training before this batch."""
    part: Part = WHOLE
    """Place of these images in the batch."""
    class_pixels: Tensor | None = None
    """Pixels of each class in the whole batch, int64 [K], whatever part of it this is."""

    def split(self, size: int, rank: int, processes: int) -> list[Batch]:
        """Parts of ``size`` images, where this is the share of process ``rank``."""
        own = len(self.images) // size
        parts = []
        for n in range(own):
            rows = Part(n, own).rows(size)
            masks = None if self.masks is None else self.masks[rows]
            place = Part(rank * own + n, processes * own)
            parts.append(Batch(self.images[rows], masks, self.seen, place, self.class_pixels))
        return parts


class TrainPatches:
    """The train split of the real shards; patches of other splits cannot be reached.

    ``images`` or ``masks`` may be empty where only the other is wanted. Raises InputError when
    shards and index differ in length, or no patch is in the train split.
    """

    def __init__(
        self, images: Sequence[Path], masks: Sequence[Path], indices: Sequence[Path], classes: int
    ) -> None:
        tables = [read_table(path, "real_index", ["patch_id", "split"]) for path in indices]
        self.images = _opened(images, tables) if images else None
        self.masks = _opened(masks, tables) if masks else None
        self.classes = classes
        splits = [split for table in tables for split in table.column("split").to_pylist()]
        ids = [patch for table in tables for patch in table.column("patch_id").to_pylist()]
        self.rows = np.flatnonzero(np.asarray(splits) == TRAIN)
        self.ids = [ids[row] for row in self.rows]
        if not self.ids:
            raise InputError(
                f"{indices[0]} and the other indices list no patch of the train split; enlarge "
                "the area or the split's fraction in splits.fractions, or lower "
                "splits.block_degrees."
            )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def digest(self) -> str:
        """What a generator's description says of the patches it was trained on."""
        return train_split_digest(self.ids)

    @property
    def resolution(self) -> int:
        """Width of a patch in pixels; patches are square."""
        shards = self.images or self.masks
        height, width = shards.row_shape[:2] if shards is not None else (0, 0)
        if height != width:
            raise InputError(f"Patches are {width} x {height} px; generators need square ones.")
        return width

    def images_at(self, positions: np.ndarray) -> np.ndarray:
        """Images uint8 [B, H, W, 3] at ``positions`` of the split."""
        if self.images is None:
            raise ValueError("these patches were opened without images")
        return self.images.gather(self.rows[positions])

    def masks_at(self, positions: np.ndarray) -> np.ndarray:
        """Masks uint8 [B, H, W]; InputError for a value that is neither a class nor 255."""
        if self.masks is None:
            raise ValueError("these patches were opened without masks")
        masks = self.masks.gather(self.rows[positions])
        wrong = (masks >= self.classes) & (masks != UNLABELLED)
        if wrong.any():
            first = int(np.flatnonzero(wrong.any((1, 2)))[0])
            raise InputError(
                f"The mask of patch {self.ids[positions[first]]} holds the value "
                f"{masks[first][wrong[first]][0]}, but the legend has {self.classes} classes; cut "
                "the patches with the same legend."
            )
        return masks


def train_split_digest(ids: Sequence[str]) -> str:
    """Digest of the names of the train patches, whatever order the shards come in."""
    return digest_of_value(sorted(ids))


def _opened(paths: Sequence[Path], tables: Sequence[pa.Table]) -> JoinedArrays:
    """Shards of which each has as many rows as its index table; InputError otherwise."""
    arrays = JoinedArrays(paths)
    for path, array, table in zip(paths, arrays.arrays, tables, strict=True):
        if len(array) != len(table):
            raise InputError(
                f"{path} holds {len(array)} patches, its index {len(table)}; delete both and run "
                "the stage that cuts patches again."
            )
    return arrays


Read = tuple[Tensor, Tensor | None, Tensor | None]
"""Images uint8, masks uint8, pixels of each class."""


class BatchReader:
    """Batches of ``size`` in training order; the next one is read while one is computed on.

    Where a batch is shared by processes, ``share`` is the part of it that is read here.
    ``x_flip`` mirrors each patch with probability a half; ``turns`` adds quarter turns, so that
    all eight symmetries of the square occur. Image and mask move together. ``count_classes``
    counts the pixels of each class in the whole batch, of which every share reads the masks.
    """

    def __init__(
        self,
        patches: TrainPatches,
        size: int,
        seed: int,
        device: torch.device,
        x_flip: bool = False,
        turns: bool = False,
        share: Part = WHOLE,
        count_classes: bool = False,
    ) -> None:
        self.count_classes = count_classes
        self.patches, self.size, self.seed, self.device = patches, size, seed, device
        self.x_flip, self.turns = x_flip, turns
        self.rows = share.rows(size // share.count)
        self.pool = ThreadPoolExecutor(max_workers=1)
        self.ahead: tuple[int, Future[Read]] | None = None
        self.orders: dict[int, np.ndarray] = {}

    def batch(self, seen: int) -> Batch:
        """The batch that follows after ``seen`` images."""
        if self.ahead is not None and self.ahead[0] == seen:
            images, masks, counts = self.ahead[1].result()
        else:
            images, masks, counts = self._read(seen)
        following = seen + self.size
        self.ahead = (following, self.pool.submit(self._read, following))
        pixels = images.to(self.device, non_blocking=True)
        return Batch(
            images=pixels.permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous(),
            masks=None if masks is None else masks.to(self.device, non_blocking=True),
            seen=seen,
            class_pixels=None if counts is None else counts.to(self.device, non_blocking=True),
        )

    def _read(self, seen: int) -> Read:
        positions = self._positions(seen)[self.rows]
        images = self.patches.images_at(positions)
        masks = None if self.patches.masks is None else self.patches.masks_at(positions)
        draw = np.random.default_rng([self.seed, 1, seen])
        flips = draw.random(self.size) < (0.5 if self.x_flip or self.turns else 0.0)
        quarters = draw.integers(0, 4, self.size) * self.turns
        moves = list(zip(flips, quarters, strict=True))[self.rows]
        for n, (flip, turned) in enumerate(moves):
            images[n] = _moved(images[n], flip, turned)
            if masks is not None:
                masks[n] = _moved(masks[n], flip, turned)
        counts = self._class_pixels(seen) if self.count_classes else None
        return self._pinned(images), None if masks is None else self._pinned(masks), counts

    def _class_pixels(self, seen: int) -> Tensor:
        """Pixels of each class [K] in the whole batch; flips and turns do not change them."""
        masks = self.patches.masks_at(self._positions(seen))
        counts = np.bincount(masks.ravel(), minlength=UNLABELLED + 1)[: self.patches.classes]
        return self._pinned(counts)

    def _pinned(self, values: np.ndarray) -> Tensor:
        """In memory from which a GPU copies without anyone waiting; on the CPU as it is."""
        tensor = torch.from_numpy(values)
        return tensor.pin_memory() if self.device.type == "cuda" else tensor

    def _positions(self, seen: int) -> np.ndarray:
        passes, places = np.divmod(np.arange(seen, seen + self.size), len(self.patches))
        return np.asarray(
            [self._order(p)[place] for p, place in zip(passes, places, strict=True)], np.int64
        )

    def _order(self, number: int) -> np.ndarray:
        """Order of the patches in pass ``number``."""
        if number not in self.orders:
            self.orders = {n: order for n, order in self.orders.items() if n == number - 1}
            draw = np.random.default_rng([self.seed, 0, number])
            self.orders[number] = draw.permutation(len(self.patches))
        return self.orders[number]


def _moved(patch: np.ndarray, flip: bool, quarters: int) -> np.ndarray:
    """``patch`` [H, W, ...] mirrored left to right, then turned by quarters."""
    return np.rot90(patch[:, ::-1] if flip else patch, quarters)
