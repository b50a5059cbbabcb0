"""Samples a second of our segmentation training beside the straightforward loop.

Both train the same model from the same weights on the same patches at the demonstration's size and
batch, in turn; the median of the pairs' ratios is printed with the lowest and highest. On a CPU the
ratio is that of CPU time (of one thread, other programs disturb it less); on a GPU that of the
clock. Validation, which both would do alike, is left out. On a CPU the last column says what no
loop in float32 can pass: the rate at which a large matrix product alone would get through the
multiplications of our step.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import numpy as np
import segmentation_models_pytorch as smp
import torch
from straightforward import Loop, PngFiles, write_png
from torch.utils.flop_counter import FlopCounterMode

from groundsynth.allocator import keep_freed_memory
from groundsynth.processes import Processes
from groundsynth.segmentation.architectures import ARCHITECTURES, build_model
from groundsynth.segmentation.data import Patches
from groundsynth.segmentation.populations import Population
from groundsynth.segmentation.settings import Settings
from groundsynth.segmentation.trainer import Trainer
from groundsynth.shards import JoinedArrays, write_array

CLASSES, GOAL = 7, 2.0
WARM_STEPS = 5


def main() -> None:
    """Measure each architecture and print a line for it."""
    options = _options()
    torch.set_num_threads(1 if options.device == "cpu" else torch.get_num_threads())
    print(
        f"torch {torch.__version__}, {options.device}, ours in {options.precision}, "
        f"{options.encoder}, {options.size} px, batch {options.batch}, {options.pairs} pairs of "
        f"{options.steps} steps"
    )
    print(
        f"{'architecture':<16}{'straightforward':>16}{'ours':>8}  per second; ratio (range); most"
    )
    for architecture in options.architectures:
        pairs = _pairs(architecture, options)
        most = _most(architecture, options) if options.device == "cpu" else None
        _print(architecture, pairs, most, options)
    print(f"goal {GOAL:.1f}; load average {os.getloadavg()[0]:.1f} at the end")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    demo = ["unet", "segformer"]
    parser.add_argument("--architectures", nargs="+", choices=ARCHITECTURES, default=demo)
    parser.add_argument("--encoder", default="tu-mobilenetv3_small_100")
    parser.add_argument("--size", type=int, default=32, help="pixels")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--patches", type=int, default=400)
    parser.add_argument("--steps", type=int, default=25, help="in each measurement")
    parser.add_argument("--pairs", type=int, default=5)
    return parser.parse_args()


def _pairs(architecture: str, options: argparse.Namespace) -> list[tuple[float, float]]:
    """Seconds of the straightforward loop and of ours, for each pair.

    Each side has a process of its own: what one leaves in memory would help or hinder the other.
    """
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        sides = [
            stack.enter_context(_side(context, name, architecture, options))
            for name in ("straightforward", "ours")
        ]
        return [(_asked(sides[0]), _asked(sides[1])) for _ in range(options.pairs)]


@contextmanager
def _side(
    context: multiprocessing.context.SpawnContext,
    name: str,
    architecture: str,
    options: argparse.Namespace,
) -> Iterator[Connection]:
    """A process that trains on; each word sent to it is answered by the seconds of its steps."""
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, name, architecture, options))
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join()


def _asked(side: Connection) -> float:
    side.send("steps")
    return float(side.recv())


def _serve(
    questions: Connection, name: str, architecture: str, options: argparse.Namespace
) -> None:
    torch.set_num_threads(1 if options.device == "cpu" else torch.get_num_threads())
    with tempfile.TemporaryDirectory() as folder, suppress(EOFError):
        run = _trained(Path(folder), name, architecture, options)
        run(WARM_STEPS)
        while questions.recv():
            questions.send(_timed(run, options))


def _trained(
    folder: Path, name: str, architecture: str, options: argparse.Namespace
) -> Callable[[int], None]:
    """Function that takes steps; both sides begin with the same weights and patches."""
    settings = Settings(
        (10**6,), options.batch, 0.004, "cosine", 0.01, 3, 5, 1.0, "dice_ce", 1, options.precision
    )
    device = torch.device(options.device)
    torch.manual_seed(0)
    images, masks = _patches(options)
    if name == "straightforward":
        model = smp.create_model(architecture, options.encoder, None, classes=CLASSES)
        return Loop(
            model, PngFiles(*write_png(folder, images, masks), seed=1), settings, device
        ).run
    keep_freed_memory()  # as select_device does
    model = build_model(architecture, options.encoder, CLASSES)
    patches = _shard(folder, images, masks)
    return Trainer(model, patches, patches, CLASSES, settings, Processes(device)).take_steps


def _patches(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of classes, each with a colour and noise, as uint8 images and masks."""
    random = np.random.default_rng(0)
    blocks = random.integers(0, CLASSES, (options.patches, 4, 4), dtype=np.uint8)
    masks = blocks.repeat(options.size // 4, 1).repeat(options.size // 4, 2)
    colors = random.integers(30, 220, (CLASSES, 3))
    noise = random.integers(-20, 20, (*masks.shape, 3))
    return (colors[masks] + noise).astype(np.uint8), masks


def _shard(folder: Path, images: np.ndarray, masks: np.ndarray) -> Patches:
    """The patches as a shard, opened as training opens it."""
    paths = folder / "0.images.npy", folder / "0.masks.npy"
    for path, rows in zip(paths, (images, masks), strict=True):
        write_array(path, rows)
    ids = tuple(str(number) for number in range(len(images)))
    population = Population(JoinedArrays([paths[0]]), JoinedArrays([paths[1]]), ids)
    return Patches(((population, np.arange(len(images))),))


def _timed(run: Callable[[int], None], options: argparse.Namespace) -> float:
    """Seconds of the steps: CPU time of this process, on a GPU the clock."""
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    started = clock()
    run(options.steps)
    if options.device == "cuda":
        torch.cuda.synchronize()
    return clock() - started


def _most(architecture: str, options: argparse.Namespace) -> float:
    """Samples a second if a step were its multiplications, at the rate of a matrix product."""
    model = build_model(architecture, options.encoder, CLASSES)
    images = torch.zeros(options.batch, 3, options.size, options.size)
    with FlopCounterMode(display=False) as counter:
        model(images).mean().backward()
    side, repeats = 1024, 10
    square = torch.randn(side, side)
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        _ = square @ square
        seconds.append(time.process_time() - started)
    return options.batch * 2 * side**3 / median(seconds) / counter.get_total_flops()


def _print(
    architecture: str,
    pairs: list[tuple[float, float]],
    most: float | None,
    options: argparse.Namespace,
) -> None:
    samples = options.steps * options.batch
    theirs, ours = (samples / median(pair[side] for pair in pairs) for side in (0, 1))
    ratios = [pair[0] / pair[1] for pair in pairs]
    print(
        f"{architecture:<16}{theirs:>16.0f}{ours:>8.0f}  {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})" + (f"; {most:.0f}" if most else ""),
        flush=True,
    )


if __name__ == "__main__":
    main()
