"""CPU time of our StyleGAN networks beside the published ones, or beside plain operators.

Both sides have the same weights and inputs, are measured in turn on one thread, several times;
the median of the pairs' ratios is printed with the lowest and highest, and how far the two
results differ. Time is the process's CPU time: other programs disturb it less.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch
from official import published_network, use_checkout
from phases import DISCRIMINATOR_PASSES, GENERATOR_PASSES, Pass
from plain_operators import plain_operators
from torch import Tensor

from groundsynth.gan import stylegan2, stylegan3


@dataclass(frozen=True)
class Network:
    """One network at one size; goals are ratios by the name of the pass."""

    name: str
    generation: int
    kind: str
    resolution: int
    channel_base: int
    batch: int
    passes: tuple[str, ...]
    goals: dict[str, float] = field(default_factory=dict)

    def keywords(self) -> dict[str, Any]:
        """Constructor keywords, the same on both sides."""
        common = {"c_dim": 0, "img_resolution": self.resolution, "img_channels": 3}
        # The small size is that of the reference tensors of the parity tests.
        width = 64 if self.resolution == 64 else 512
        common |= {"channel_base": self.channel_base, "channel_max": width}
        if self.kind == "Discriminator":
            return common
        common |= {"z_dim": width, "w_dim": width}
        return common | (
            {"fused_modconv_default": "inference_only"} if self.generation == 2 else {}
        )


G3 = ("forward", "forward + backward")
G2 = (*G3, "path length")
ALWAYS = dict.fromkeys(DISCRIMINATOR_PASSES, 1.0)
T_GOALS = {"forward": 3.8, "forward + backward": 2.4}
G2_GOALS = {"forward": 1.35, "forward + backward": 1.35}
NETWORKS = [
    Network("StyleGAN3-T", 3, "Generator", 64, 1024, 2, G3, T_GOALS),
    Network("StyleGAN3-T", 3, "Generator", 256, 16384, 1, G3, T_GOALS),
    Network("StyleGAN2", 2, "Generator", 64, 2048, 4, G2, G2_GOALS),
    Network("StyleGAN2", 2, "Generator", 256, 16384, 2, G2, G2_GOALS),
    Network("discriminator", 2, "Discriminator", 64, 2048, 4, tuple(ALWAYS), ALWAYS),
    Network("discriminator", 2, "Discriminator", 256, 16384, 2, tuple(ALWAYS), ALWAYS),
]


def main() -> None:
    """Measure every network that was asked for, print a line for each pass."""
    options = _options()
    torch.set_num_threads(1)
    if options.official is not None:
        use_checkout(options.official)
    other = "published" if options.official else "plain operators"
    print(f"torch {torch.__version__}, one thread, CPU seconds, {options.pairs} interleaved pairs")
    print(f"{'network':<34}{'pass':<20}{other:>16}{'ours':>8}  ratio (range), goal; difference")
    for network in NETWORKS:
        if options.resolution in (None, network.resolution) and options.network in network.name:
            _measure(network, options)
    print(f"load average {os.getloadavg()[0]:.1f} at the end")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", type=Path, help="checkout of the published implementation")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--resolution", type=int, choices=(64, 256), help="only this size")
    parser.add_argument("--network", default="", help="only networks with this in their name")
    parser.add_argument("--pass", dest="only", help="only this pass")
    return parser.parse_args()


def _measure(network: Network, options: argparse.Namespace) -> None:
    torch.manual_seed(0)
    module = stylegan3 if network.generation == 3 else stylegan2
    ours = getattr(module, network.kind)(**network.keywords())
    theirs, context = ours, plain_operators
    if options.official is not None:
        theirs = published_network(network.generation, network.kind, network.keywords())
        theirs.load_state_dict(ours.state_dict(), strict=True)
        context = nullcontext
    passes = GENERATOR_PASSES if network.kind == "Generator" else DISCRIMINATOR_PASSES
    shape = [3, network.resolution, network.resolution]
    inputs = torch.randn(network.batch, *([ours.z_dim] if network.kind == "Generator" else shape))
    for name in network.passes:
        if options.only in (None, name):
            pairs = [
                (_timed(passes[name], theirs, inputs, context), _timed(passes[name], ours, inputs))
                for _ in range(options.pairs)
            ]
            _print(network, name, pairs)


def _timed(
    call: Pass, network: Any, inputs: Tensor, context: Callable[[], Any] = nullcontext
) -> tuple[float, Tensor]:
    """CPU seconds of one pass, and its result."""
    network.zero_grad(set_to_none=True)
    gc.collect()
    with context():
        started = time.process_time()
        result = call(network, inputs)
        return time.process_time() - started, result


def _print(network: Network, name: str, pairs: list[Any]) -> None:
    ratios = [theirs[0] / ours[0] for theirs, ours in pairs]
    seconds = [median(pair[side][0] for pair in pairs) for side in (0, 1)]
    theirs, ours = pairs[-1][0][1], pairs[-1][1][1]
    difference = (ours - theirs).abs().max() / (theirs.max() - theirs.min())
    title = f"{network.name} {network.resolution} px, batch {network.batch}"
    goal = f", goal {network.goals[name]}" if name in network.goals else ""
    print(
        f"{title:<34}{name:<20}{seconds[0]:>16.2f}{seconds[1]:>8.2f}  {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}){goal}; {difference:.0e} of the range",
        flush=True,
    )


if __name__ == "__main__":
    main()
