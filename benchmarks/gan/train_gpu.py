"""Training images a second of the paper's StyleGAN2 on one GPU, beside the published code.

A cycle is 16 steps with all lazy phases: path length at every fourth, R1 at the first. Both sides
take the same uint8 batches from pinned memory, without augmentation, and are measured in turn.
Ours: TF32, bfloat16 (or float16) in channels_last order, compiled main phases, fused Adam, nothing
that waits for the device. Published: its loss class, its defaults (float16, no TF32, plain Adam),
with its plugins where they can be built.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from official import published_module, use_checkout
from torch import Tensor

from groundsynth.gan import losses, stylegan2
from groundsynth.gan.ema import update_ema
from groundsynth.gan.stylegan_objective import lazy_adam

CYCLE, PATH_INTERVAL, EMA_DECAY, GOAL = 16, 4, 0.999, 1.44
RATE, R1_GAMMA, MIXING = 0.002, 0.01, 0.9


class Ours:
    """Our networks and phases."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.device, self.batch = torch.device(options.device), options.batch
        half = {"low_precision": options.precision, "fp16_channels_last": True}
        common = {"channel_base": options.channel_base, "num_fp16_res": 4}
        R = options.resolution
        self.G = stylegan2.Generator(512, 0, 512, R, 3, **common, **half).to(self.device)
        self.D = stylegan2.Discriminator(0, R, 3, **common, block_kwargs=half).to(self.device)
        self.average = copy.deepcopy(self.G).requires_grad_(False)
        self.adam_g = lazy_adam(self.G, RATE, PATH_INTERVAL)
        self.adam_d = lazy_adam(self.D, RATE, CYCLE)
        self.path_mean = torch.zeros([], device=self.device)
        self.scaler = torch.amp.GradScaler("cuda", enabled=options.precision == "float16")
        compiled = torch.compile if options.compile else lambda function: function
        self.g_main: Callable[[], Tensor] = compiled(self._g_main)
        self.d_main: Callable[[Tensor], Tensor] = compiled(self._d_main)

    def step(self, number: int, images: Tensor) -> None:
        """One step on images float32 [N, 3, R, R]."""
        self.G.requires_grad_(True)
        self.D.requires_grad_(False)
        self._take(self.adam_g, self.g_main)
        if number % PATH_INTERVAL == 0:
            self._take(self.adam_g, self._path_length)
        self.G.requires_grad_(False)
        self.D.requires_grad_(True)
        self._take(self.adam_d, lambda: self.d_main(images))
        if number % CYCLE == 0:
            self._take(self.adam_d, lambda: self._r1(images))
        update_ema(self.average, self.G, EMA_DECAY)

    def _take(self, adam: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> None:
        adam.zero_grad(set_to_none=True)
        self.scaler.scale(loss()).backward()
        self.scaler.step(adam)
        self.scaler.update()

    def _styles(self, count: int, update_emas: bool = False) -> Tensor:
        """Mixed styles; where to mix is decided on the device, which nobody waits for."""
        z = torch.randn(2, count, 512, device=self.device)
        first = self.G.mapping(z[0], update_emas=update_emas)
        place = torch.randint(1, self.G.num_ws, [], device=self.device)
        mixing = torch.rand([], device=self.device) < MIXING
        later = torch.arange(self.G.num_ws, device=self.device)[None, :, None] >= place
        return torch.where(later & mixing, self.G.mapping(z[1]), first)

    def _g_main(self) -> Tensor:
        return losses.generator_logistic(self.D(self.G.synthesis(self._styles(self.batch))))

    def _path_length(self) -> Tensor:
        ws = self._styles(max(1, self.batch // 2))
        images = self.G.synthesis(ws)
        penalty, self.path_mean = losses.path_length_penalty(images, ws, self.path_mean)
        return penalty * PATH_INTERVAL

    def _d_main(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            fake = self.G.synthesis(self._styles(self.batch, update_emas=True))
        return losses.discriminator_logistic_fake(
            self.D(fake)
        ) + losses.discriminator_logistic_real(self.D(images))

    def _r1(self, images: Tensor) -> Tensor:
        images = images.detach().requires_grad_(True)
        return losses.r1_penalty(self.D(images), images, R1_GAMMA) * CYCLE


class Published:
    """The published networks and loss class, with the update that its training loop makes."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.device, self.batch = torch.device(options.device), options.batch
        networks = published_module("training.networks_stylegan2")
        common = {"channel_base": options.channel_base, "c_dim": 0, "img_channels": 3}
        common |= {"img_resolution": options.resolution}
        self.G = networks.Generator(
            z_dim=512, w_dim=512, fused_modconv_default="inference_only", **common
        ).to(self.device)
        self.D = networks.Discriminator(**common).to(self.device)
        self.average = copy.deepcopy(self.G).eval().requires_grad_(False)
        self.adam_g = _plain_adam(self.G, PATH_INTERVAL)
        self.adam_d = _plain_adam(self.D, CYCLE)
        self.loss = published_module("training.loss").StyleGAN2Loss(
            device=self.device,
            G=self.G,
            D=self.D,
            r1_gamma=R1_GAMMA,
            style_mixing_prob=MIXING,
            pl_weight=2,
            pl_no_weight_grad=True,
        )

    def step(self, number: int, images: Tensor) -> None:
        """One step on images float32 [N, 3, R, R]."""
        phases = [("Gmain", self.G, self.adam_g, 1), ("Greg", self.G, self.adam_g, PATH_INTERVAL)]
        phases += [("Dmain", self.D, self.adam_d, 1), ("Dreg", self.D, self.adam_d, CYCLE)]
        none = torch.zeros([self.batch, 0], device=self.device)
        self.G.requires_grad_(False)
        self.D.requires_grad_(False)
        for name, network, adam, interval in phases:
            if number % interval == 0:
                adam.zero_grad(set_to_none=True)
                network.requires_grad_(True)
                self.loss.accumulate_gradients(
                    phase=name,
                    real_img=images,
                    real_c=none,
                    gen_z=torch.randn(self.batch, 512, device=self.device),
                    gen_c=none,
                    gain=interval,
                    cur_nimg=0,
                )
                network.requires_grad_(False)
                _replace_non_finite(network)
                adam.step()
        with torch.no_grad():
            for old, new in zip(self.average.parameters(), self.G.parameters(), strict=True):
                old.copy_(new.lerp(old, EMA_DECAY))
            for old, new in zip(self.average.buffers(), self.G.buffers(), strict=True):
                old.copy_(new)


def _plain_adam(network: torch.nn.Module, interval: int) -> torch.optim.Adam:
    ratio = interval / (interval + 1)
    betas = (0.0, 0.99**ratio)
    return torch.optim.Adam(network.parameters(), lr=RATE * ratio, betas=betas, eps=1e-8)


def _replace_non_finite(network: torch.nn.Module) -> None:
    """All gradients as one vector, NaN and infinities replaced."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.nan_to_num(flat, nan=0, posinf=1e5, neginf=-1e5, out=flat)
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, part in zip(gradients, flat.split(sizes), strict=True):
        gradient.copy_(part.view_as(gradient))


def main() -> None:
    """Measure both sides in turn, print images a second and the ratio."""
    options = _options()
    on_gpu = options.device.startswith("cuda")
    torch.backends.cudnn.benchmark = True
    sides: dict[str, Any] = {"ours": Ours(options)}
    if options.official is not None:
        use_checkout(options.official)
        sides = {"published": Published(options), **sides}
    shape = [options.batch, 3, options.resolution, options.resolution]
    batches = [torch.randint(256, shape, dtype=torch.uint8) for _ in range(4)]
    batches = [batch.pin_memory() for batch in batches] if on_gpu else batches
    print(torch.cuda.get_device_name() if on_gpu else "CPU: for a trial only", torch.__version__)
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for cycle in range(options.pairs + 1):
        for name, side in sides.items():
            torch.backends.cuda.matmul.allow_tf32 = name == "ours"
            torch.backends.cudnn.allow_tf32 = name == "ours"
            seconds = _cycle_seconds(side, batches, options)
            if cycle > 0:  # the first one compiles and warms up
                rates[name].append(options.batch * options.steps / seconds)
    for name, found in rates.items():
        print(f"{name}: {median(found):.1f} images/s ({min(found):.1f} to {max(found):.1f})")
    if len(rates) == 2:
        ratios = [b / a for a, b in zip(*rates.values(), strict=True)]
        print(f"ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), goal {GOAL}")


def _cycle_seconds(side: Any, batches: list[Tensor], options: argparse.Namespace) -> float:
    """Seconds of the steps, the device's queue emptied before and after."""
    wait = torch.cuda.synchronize if options.device.startswith("cuda") else lambda: None
    wait()
    started = time.perf_counter()
    for number in range(options.steps):
        images = batches[number % len(batches)].to(options.device, non_blocking=True)
        side.step(number, images.float() / 127.5 - 1)
    wait()
    return time.perf_counter() - started


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", type=Path, help="checkout of the published implementation")
    parser.add_argument("--precision", choices=("bfloat16", "float16"), default="bfloat16")
    parser.add_argument("--batch", type=int, default=32, help="images a step on this GPU")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--channel-base", type=int, default=16384)
    parser.add_argument("--steps", type=int, default=CYCLE, help="steps of a cycle")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
