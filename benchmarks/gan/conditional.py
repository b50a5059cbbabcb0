"""Images a second of the conditional model, beside a plain float32 NCHW loop of the same model.

Training is a step of generator and U-Net discriminator; sampling is from masks to pixels. Both
sides begin with equal weights, get equal inputs and are measured in turn; the median of the pairs'
ratios is printed with the lowest and highest, and how far the samples differ. On a CPU the time is
the process's CPU time, on one thread: other programs disturb it less; on a GPU it is the clock's.
"""

from __future__ import annotations

import argparse
import copy
import gc
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from plain_spade import plain_networks
from torch import Tensor
from torch.nn import functional as F

from groundsynth.device import autocast
from groundsynth.gan.latents import to_pixels
from groundsynth.gan.spade import Generator, one_hot
from groundsynth.gan.unet_discriminator import Discriminator

CLASSES, GOAL, BETAS, RATE = 7, 1.0, (0.0, 0.999), 0.0002


@dataclass(frozen=True)
class Size:
    """A configuration of the model: pixels, widths, and the batch on a CPU and on a GPU."""

    pixels: int
    base: int
    hidden: int
    latent: int
    noise: int
    upsamplings: int
    batch: int
    gpu_batch: int


SIZES = {
    "demo": Size(32, 8, 16, 8, 1, 4, 8, 256),
    "tour": Size(64, 8, 16, 8, 1, 4, 8, 256),
    "middle": Size(64, 32, 64, 64, 0, 4, 2, 64),
    "paper": Size(256, 64, 128, 64, 0, 5, 1, 16),
}


@dataclass(frozen=True)
class Inputs:
    """Masks uint8 [N, R, R], latents [N, Z], real images [N, 3, R, R]."""

    masks: Tensor
    z: Tensor
    images: Tensor

    @classmethod
    def draw(cls, size: Size, batch: int, length: int, device: torch.device) -> Inputs:
        """Blobs of classes, noise for images."""
        small = torch.randint(0, CLASSES, (batch, size.pixels // 8, size.pixels // 8))
        masks = small.repeat_interleave(8, 1).repeat_interleave(8, 2).to(torch.uint8)
        images = torch.rand(batch, 3, size.pixels, size.pixels) * 2 - 1
        return cls(*(x.to(device) for x in (masks, torch.randn(batch, length), images)))


class Side:
    """Generator, discriminator and their optimisers."""

    def __init__(self, G: Generator, D: Discriminator, precision: str, **adam: Any) -> None:
        self.G, self.D, self.precision = copy.deepcopy(G), copy.deepcopy(D), precision
        self.device = next(G.parameters()).device
        self.adams = [
            torch.optim.Adam(network.parameters(), lr=RATE, betas=BETAS, **adam)
            for network in (self.G, self.D)
        ]

    def sample(self, inputs: Inputs) -> Tensor:
        """Images uint8 [N, R, R, 3]."""
        self.G.eval()
        with torch.inference_mode(), autocast(self.device, self.precision):
            images = self.G(one_hot(inputs.masks, CLASSES), inputs.z)
        return torch.from_numpy(to_pixels(images))

    def train(self, inputs: Inputs) -> Tensor:
        """A step of both networks; returns the last images."""
        self.G.train()
        condition = one_hot(inputs.masks, CLASSES)
        with autocast(self.device, self.precision):
            self.D.requires_grad_(False)
            fake = self.G(condition, inputs.z)
            loss = _softplus(self.D(fake, condition=condition), sign=-1)
        self._step(0, loss)
        with autocast(self.device, self.precision):
            self.D.requires_grad_(True)
            with torch.no_grad():
                fake = self.G(condition, inputs.z)
            both = torch.cat([inputs.images, fake.float()])
            pixels, image = self.D(both, condition=torch.cat([condition] * 2))
            real, made = zip(*(x.chunk(2) for x in (pixels, image)), strict=True)
            loss = _softplus(real, sign=-1) + _softplus(made, sign=1)
        self._step(1, loss)
        return fake.detach().float()

    def _step(self, number: int, loss: Tensor) -> None:
        self.adams[number].zero_grad(set_to_none=True)
        loss.backward()
        self.adams[number].step()


def _softplus(judged: Any, sign: int) -> Tensor:
    return torch.stack([F.softplus(sign * logits.float()).mean() for logits in judged]).sum()


def main() -> None:
    """Measure the sizes that were asked for, print a line for each kind of work."""
    options = _options()
    device = torch.device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    else:
        torch.backends.cudnn.benchmark = True
    name = torch.cuda.get_device_name() if device.type == "cuda" else "one thread, CPU time"
    print(f"torch {torch.__version__}, {name}, {options.pairs} interleaved pairs")
    print(f"{'size':<26}{'work':<10}{'plain img/s':>12}{'ours':>9}  ratio (range), goal")
    for size in options.sizes:
        _measure(size, SIZES[size], options, device)
    print(f"load average {os.getloadavg()[0]:.1f} at the end")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", default=["demo", "tour", "middle"], metavar="size")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32", help="of our side")
    options = parser.parse_args()
    if unknown := set(options.sizes) - set(SIZES):
        parser.error(f"no size {', '.join(unknown)}; there are {', '.join(SIZES)}")
    return options


def _measure(name: str, size: Size, options: argparse.Namespace, device: torch.device) -> None:
    torch.manual_seed(0)
    G = Generator(
        CLASSES,
        ngf=size.base,
        crop_size=size.pixels,
        num_upsampling_layers=size.upsamplings,
        latent_dim=size.latent,
        noise_dim=size.noise,
        hidden=size.hidden,
    ).to(device)
    D = Discriminator(size.pixels, size.base, semantic_nc=CLASSES).to(device)
    batch = size.gpu_batch if device.type == "cuda" else size.batch
    inputs = Inputs.draw(size, batch, G.z_size, device)
    plain, ours = Side(G, D, "float32"), Side(G, D, options.precision, fused=True)
    title = f"{name}: {size.pixels} px, batch {batch}"
    for work in ("sample", "train"):
        pairs = [
            (
                _timed(getattr(plain, work), inputs, plain_networks),
                _timed(getattr(ours, work), inputs),
            )
            for _ in range(options.pairs + 1)
        ]
        _print(title, work, batch, pairs)


def _timed(
    call: Callable[[Inputs], Tensor], inputs: Inputs, context: Callable[[], Any] = nullcontext
) -> tuple[float, Tensor]:
    """Seconds of one call, and its result."""
    gc.collect()
    on_gpu = inputs.z.is_cuda
    clock = time.perf_counter if on_gpu else time.process_time
    with context():
        if on_gpu:
            torch.cuda.synchronize()
        started = clock()
        result = call(inputs)
        if on_gpu:
            torch.cuda.synchronize()
        return clock() - started, result


def _print(title: str, work: str, batch: int, pairs: list[Any]) -> None:
    plain, ours = (x.float() for x in (pairs[0][0][1], pairs[0][1][1]))
    difference = (ours - plain).abs().max().item()
    unit = "grey levels" if work == "sample" else "of a range of 2"
    pairs = pairs[1:]  # the first one warms up
    ratios = [theirs[0] / own[0] for theirs, own in pairs]
    rates = [batch / median(pair[side][0] for pair in pairs) for side in (0, 1)]
    print(
        f"{title:<26}{work:<10}{rates[0]:>12.2f}{rates[1]:>9.2f}  {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}), {GOAL}; differ by {difference:.2g} {unit}",
        flush=True,
    )


if __name__ == "__main__":
    main()
