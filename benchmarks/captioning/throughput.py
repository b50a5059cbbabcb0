"""Captions a second: vLLM's batches beside transformers one at a time; real sizes on a GPU.

Without options, tiny random models on a CPU: both sides write captions of the same length for
the same prompts, in turn, and the median of the rounds' ratios is printed. With ``--dummy``, a
model of a real size whose weights are made up, and the GPU hours of the paper's 2,001,200
captions at its rate.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from architectures import REAL, has_images, write_real, write_tiny

from groundsynth.captioning.engines.answers import Conversation, Sampling
from groundsynth.captioning.engines.vllm_offline import (
    OfflineEngine,
    load_engine,
    modality_limits,
)
from groundsynth.captioning.prompts import composition_text, conversation, select_prompt

IMAGES, CAPTIONERS, PAPER_HOURS = 400_240, 5, 300
"""The paper's images, each captioned by five captioners, in about 300 GPU hours."""
NAMES = ("tree", "shrub", "grass", "crop", "built-up", "barren", "water")
ON_CPU = {
    "distributed_executor_backend": "uni",
    "enforce_eager": True,
    "enable_chunked_prefill": False,
}


@dataclass(frozen=True)
class Cost:
    """Seconds of one caption: by the clock, and of processor time of this process."""

    wall: float
    cpu: float


def main() -> None:
    """Measure what was asked for, print a line for each round and model."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        if options.dummy:
            measure_real(options, Path(folder))
        else:
            for name in options.tiny:
                compare(name, options, Path(folder))


def scenes(count: int, with_images: bool, size: int, seed: int) -> list[Conversation]:
    """What is asked of that many images: noise, and made-up shares of the classes.

    A seed of its own for each round: what was asked before would come from the prefix cache.
    """
    generator = np.random.default_rng(seed)
    prompt = select_prompt("v1", "hybrid" if with_images else "text")
    asked = []
    for _ in range(count):
        shares = (100 * generator.dirichlet(np.full(len(NAMES), 0.5))).tolist()
        image = generator.integers(0, 256, (size, size, 3), np.uint8) if with_images else None
        asked.append(conversation(prompt, image, composition_text(shares, NAMES, 0)))
    return asked


def measured(write: Callable[[list[Conversation]], Any], asked: list[Conversation]) -> Cost:
    """Cost of one of the captions that are asked for."""
    wall, cpu = time.perf_counter(), time.process_time()
    write(asked)
    count = len(asked)
    return Cost((time.perf_counter() - wall) / count, (time.process_time() - cpu) / count)


def compare(name: str, options: argparse.Namespace, folder: Path) -> None:
    """Both sides in turn on a tiny model; the first round warms them up and does not count."""
    model = write_tiny(name, folder / name)
    together = batches(vllm_side(model, options, ON_CPU, dtype="float32"))
    alone = transformers_side(model, options.tokens)
    ratios: list[tuple[float, float]] = []
    for number in range(options.rounds + 1):
        asked = scenes(options.batch, has_images(model), 32, number)
        batch, single = measured(together, asked), measured(alone, asked[: options.alone])
        if number:
            ratios.append((single.wall / batch.wall, single.cpu / batch.cpu))
            print(
                f"{name}, round {number}: vLLM {1 / batch.wall:.1f} captions/s, transformers "
                f"{1 / single.wall:.1f}; ratio {ratios[-1][0]:.1f} by the clock, "
                f"{ratios[-1][1]:.1f} by processor time",
                flush=True,
            )
    for kind, values in zip(("clock", "processor time"), zip(*ratios, strict=True), strict=True):
        print(
            f"{name}: batches of {options.batch} are {median(values):.1f} times as fast by "
            f"{kind} ({min(values):.1f} to {max(values):.1f}; goal 4)"
        )


def batches(engine: OfflineEngine) -> Callable[[list[Conversation]], None]:
    """A function that has the engine write captions; a refused prompt, free of cost, ends it."""

    def write(asked: list[Conversation]) -> None:
        for answer in engine.answer(asked, [0] * len(asked)):
            if answer.error:
                raise SystemExit(f"A prompt was refused: {answer.error}")

    return write


def vllm_side(
    model: Path,
    options: argparse.Namespace,
    further: dict[str, Any],
    *,
    dtype: str,
) -> OfflineEngine:
    """The engine as the verb loads it; every caption has the same number of tokens."""
    engine = load_engine(
        model,
        sampling=Sampling(0.0, 1.0, options.tokens),
        limits=modality_limits(model, with_images=has_images(model)),
        max_model_len=options.length,
        max_num_seqs=options.sequences,
        gpu_memory_utilization=0.9,
        tensor_parallel=1,
        dtype=dtype,
        seed=0,
        options=further,
    )
    from vllm import SamplingParams

    fixed = SamplingParams(temperature=0.0, max_tokens=options.tokens, ignore_eos=True)
    return OfflineEngine(engine.model, lambda seed: fixed, engine.refusals)


def transformers_side(model: Path, tokens: int) -> Callable[[list[Conversation]], None]:
    """A function that writes captions one at a time, as the models' cards show it."""
    import torch
    import transformers

    torch.set_num_threads(1)
    if has_images(model):
        kind, reader = transformers.AutoModelForImageTextToText, transformers.AutoProcessor
    else:
        kind, reader = transformers.AutoModelForCausalLM, transformers.AutoTokenizer
    network = kind.from_pretrained(model, dtype=torch.float32).eval()
    read = reader.from_pretrained(model)

    def write_one(asked: Conversation) -> None:
        inputs = read.apply_chat_template(
            [_for_transformers(turn) for turn in asked],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            network.generate(
                **inputs, do_sample=False, min_new_tokens=tokens, max_new_tokens=tokens
            )

    def write(asked: list[Conversation]) -> None:
        for one in asked:
            write_one(one)

    return write


def measure_real(options: argparse.Namespace, folder: Path) -> None:
    """Captions a second of models of real sizes, in parts as the verb asks for them."""
    rates: dict[bool, float] = {}
    for name in options.dummy:
        model = write_real(name, folder / name) if name in REAL else Path(name)
        images = has_images(model)
        engine = vllm_side(model, options, {"load_format": "dummy"}, dtype="bfloat16")
        write = batches(engine)
        write(scenes(16, images, 256, 0))  # compiles
        asked = scenes(options.captions, images, 256, 1)
        parts = [asked[n : n + options.part] for n in range(0, len(asked), options.part)]
        seconds = sum(measured(write, part).wall * len(part) for part in parts)
        rates[images] = len(asked) / seconds
        print(f"{name}: {rates[images]:.1f} captions/s of {options.tokens} tokens", flush=True)
        del engine, write
        _free()
    if rates:
        print(projection(rates))


def projection(rates: dict[bool, float]) -> str:
    """GPU hours of the paper's captions: one text captioner of five; the others look at images.

    Where only one kind was measured, its rate (captions a second) stands for all. Gemma 3 (4B)
    is counted as the larger vision model.
    """
    text, vision = rates.get(False, rates.get(True)), rates.get(True, rates.get(False))
    assert text is not None
    assert vision is not None
    hours = IMAGES * (1 / text + (CAPTIONERS - 1) / vision) / 3600
    return (
        f"{IMAGES * CAPTIONERS:,} captions: {hours:.1f} GPU hours beside the paper's "
        f"{PAPER_HOURS} (goal: below 40)"
    )


def _for_transformers(turn: dict[str, Any]) -> dict[str, Any]:
    """The same turn with the image as transformers names it."""
    if isinstance(turn["content"], str):
        return turn
    parts = [
        {"type": "image", "image": part["image_pil"]} if part["type"] == "image_pil" else part
        for part in turn["content"]
    ]
    return {**turn, "content": parts}


def _free() -> None:
    """Give the GPU's memory back before the next model is loaded."""
    import gc

    from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

    gc.collect()
    cleanup_dist_env_and_memory()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", nargs="*", default=["qwen3", "qwen3-vl"], help="tiny models")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64, help="captions of a batch (tiny)")
    parser.add_argument("--alone", type=int, default=6, help="captions one at a time, a round")
    parser.add_argument("--tokens", type=int, default=100, help="tokens of every caption")
    parser.add_argument("--length", type=int, default=1024, help="context in tokens")
    parser.add_argument("--sequences", type=int, default=256, help="sequences at work at once")
    parser.add_argument(
        "--dummy",
        action="append",
        default=[],
        metavar="NAME",
        help=f"{', '.join(REAL)}, or a folder with a model's config.json and tokenizer",
    )
    parser.add_argument("--captions", type=int, default=4000, help="captions to write (--dummy)")
    parser.add_argument("--part", type=int, default=500, help="captions asked for at once")
    return parser.parse_args()


if __name__ == "__main__":
    main()
