"""The straightforward training loop: PNG files, augmentation of each image on the CPU, float32.

What tutorials of the field do: a torch DataLoader over pairs of PNG files, NumPy augmentation of
one image at a time, AdamW as it is built by default, the loss read back at every step.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from groundsynth.segmentation.losses import make_loss
from groundsynth.segmentation.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from groundsynth.segmentation.settings import Settings


class PngFiles(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Pairs of PNG files (image and mask), augmented one at a time."""

    def __init__(self, images: list[Path], masks: list[Path], seed: int) -> None:
        self.images, self.masks = images, masks
        self.random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Image float32 [3, H, W] standardised, mask int64 [H, W]."""
        image = np.asarray(Image.open(self.images[number]), np.float32) / 255
        mask = np.asarray(Image.open(self.masks[number]))
        image, mask = self._augmented(image, mask)
        image = (image - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
        chw = np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)
        return torch.from_numpy(chw), torch.from_numpy(mask.astype(np.int64))

    def _augmented(self, image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.random.random() < 0.5:
            image, mask = image[:, ::-1], mask[:, ::-1]
        if self.random.random() < 0.5:
            image, mask = image[::-1], mask[::-1]
        if self.random.random() < 0.5:
            image, mask = np.rot90(image), np.rot90(mask)
        if self.random.random() < 0.3:
            gain, offset = self.random.uniform(-0.2, 0.2, 2)
            image = np.clip(image * (1 + gain) + offset, 0, 1)
        return image, mask


def write_png(folder: Path, images: np.ndarray, masks: np.ndarray) -> tuple[list[Path], list[Path]]:
    """Write uint8 [N, H, W, 3] and [N, H, W] as PNG files; their paths."""
    pairs: tuple[list[Path], list[Path]] = ([], [])
    for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
        for kind, paths, pixels in (("image", pairs[0], image), ("mask", pairs[1], mask)):
            paths.append(folder / f"{number}.{kind}.png")
            Image.fromarray(pixels).save(paths[-1])
    return pairs


class Loop:
    """The loop with its model; every call of ``run`` takes some more steps."""

    def __init__(
        self, model: nn.Module, files: PngFiles, settings: Settings, device: torch.device
    ) -> None:
        self.model, self.device, self.settings = model.to(device).train(), device, settings
        self.loss = make_loss(settings.loss)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        workers = 4 if device.type == "cuda" else 0  # on a CPU they would take it from the model
        self.loader = DataLoader(
            files, settings.batch, shuffle=True, drop_last=True, num_workers=workers
        )
        self.batches = iter(self.loader)

    def run(self, steps: int) -> None:
        """Take ``steps`` steps, going through the files anew where they end."""
        total = 0.0
        for _ in range(steps):
            images, masks = self._next()
            loss = self.loss(self.model(images.to(self.device)), masks.to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
            self.optimizer.step()
            total += loss.item()

    def _next(self) -> tuple[torch.Tensor, torch.Tensor]:
        try:
            images, masks = next(self.batches)
        except StopIteration:
            self.batches = iter(self.loader)
            images, masks = next(self.batches)
        return images, masks
