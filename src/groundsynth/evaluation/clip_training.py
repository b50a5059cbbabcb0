"""Training of a small CLIP model: architecture, batches, steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import open_clip
import torch
from torch import nn

from groundsynth.device import autocast, loss_scaler, require_precision, select_device
from groundsynth.evaluation.clip_data import Pairs
from groundsynth.evaluation.clip_model import ClipModel, preparation_of
from groundsynth.evaluation.image_preparation import prepare_images

VOCABULARY, CONTEXT = 49408, 77
WARM_UP = 0.1
HIGHEST_SCALE = math.log(100.0)  # Radford et al. 2021, section 2.5


def tiny_config(image_size: int) -> dict[str, Any]:
    """open_clip configuration of a model of 3.4 million parameters, most of them words."""
    return {
        "embed_dim": 64,
        "vision_cfg": {
            "image_size": image_size,
            "layers": 2,
            "width": 64,
            "head_width": 32,
            "patch_size": max(1, image_size // 8),
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": VOCABULARY,
            "width": 64,
            "heads": 2,
            "layers": 2,
        },
    }


class ClipTraining:
    """Network, optimizer and pairs of one training; batches depend on seed and step only."""

    def __init__(
        self,
        pairs: Pairs,
        image_size: int,
        batch: int,
        rate: float,
        seed: int,
        device: str,
        precision: str = "float32",
    ) -> None:
        torch.manual_seed(seed)
        self.pairs, self.seed, self.rate = pairs, seed, rate
        self.batch = min(batch, len(pairs))
        self.device, self.precision = select_device(device), precision
        require_precision(self.device, precision)
        self.scaler = loss_scaler(self.device, precision)
        self.config = tiny_config(image_size)
        self.network = open_clip.CLIP(**self.config).to(self.device)
        open_clip.set_model_preprocess_cfg(self.network, preprocess_of(image_size))
        self.preparation = preparation_of(self.network)
        self.tokenizer = open_clip.SimpleTokenizer(context_length=CONTEXT)
        self.loss = open_clip.ClipLoss()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.05
        )
        self.step = 0
        self.history: list[list[Any]] = []

    def advance(self, steps: int) -> float:
        """One step of the ``steps`` in all; returns the loss."""
        images, tokens = self.draw(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * schedule(self.step, steps)
        self.network.train()
        with autocast(self.device, self.precision):
            seen, read, scale = self.network(images, tokens)
        loss = self.loss(seen.float(), read.float(), scale)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        with torch.no_grad():
            self.network.logit_scale.clamp_(0.0, HIGHEST_SCALE)
        self.step += 1
        return float(loss.detach())

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Batch of a step: images [B, 3, S, S] and one caption's tokens [B, 77] each.

        Every image comes once in an epoch (of whole batches); its caption is drawn anew.
        """
        epoch, place = divmod(step, len(self.pairs) // self.batch)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.pairs))
        which = order[place * self.batch : (place + 1) * self.batch]
        chance = np.random.default_rng([self.seed, epoch, place])
        texts = [
            self.pairs.captions[n][int(chance.integers(len(self.pairs.captions[n])))] for n in which
        ]
        pixels = torch.from_numpy(self.pairs.pixels(which)).to(self.device)
        return prepare_images(pixels, self.preparation), self.tokenizer(texts).to(self.device)

    def model(self, name: str) -> ClipModel:
        """The trained model, ready to embed."""
        self.network.eval()
        return ClipModel(
            name, self.network, self.tokenizer, self.preparation, self.device, self.precision
        )


def preprocess_of(image_size: int) -> dict[str, Any]:
    """Image preparation of the small model, in open_clip's terms."""
    return {
        "size": image_size,
        "mode": "RGB",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
        "fill_color": 0,
    }


def schedule(step: int, steps: int) -> float:
    """Factor of the learning rate: linear warm-up over a tenth of the steps, then cosine to 0."""
    warm = max(1, int(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
