"""Pictures of a generator's samples in a grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from groundsynth.files import atomic


def image_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """uint8 [N, H, W, 3] -> uint8 [rows * H, columns * W, 3], row by row; N fills whole rows."""
    count, height, width, _ = images.shape
    rows = images.reshape(count // columns, columns, height, width, 3)
    return rows.swapaxes(1, 2).reshape(-1, columns * width, 3)


def write_preview(path: Path, images: np.ndarray, columns: int) -> None:
    """Write the grid of ``images`` as a PNG file, atomically."""
    with atomic(path) as temporary:
        Image.fromarray(image_grid(images, columns)).save(temporary)
