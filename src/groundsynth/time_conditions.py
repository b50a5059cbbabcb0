"""On which settings the seconds of a rule depend, besides the amount of its work.

A rate measured under other values of these says nothing; all other settings (learning rates,
seeds, lengths) cost no time of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LENGTHS = {"train", "kimg", "slots", "snapshot_ticks"}
TORCH = ("patches.size", "run.precision", "run.device")
SEGMENTER = (*TORCH, "segmentation.encoder")
VECTORS = ("patches.size", "segmentation.encoder", "evaluation.projection_extractor")
TRAINING = {"plateau", "batch", "micro_batch", "gpus", "augment", "discriminator"}
MODELS = "captions.captioner_definitions"
GAN_RULES = {"train_stylegan": "unconditional", "sample_unconditional": "unconditional"}
GAN_RULES |= dict.fromkeys(
    ("train_spade", "train_compared_spade", "sample_conditional", "measure_mask_fidelity"),
    "conditional",
)
"""Rules that run a generator, and the population that it makes."""
TUNING = {
    *("generator_rate", "discriminator_rate", "mapping_rate", "r1_gamma", "path_length_weight"),
    *("style_mixing", "ema_kimg", "x_flip", "ada_target", "consistency_weight", "warmup_kimg"),
    *("feature_matching", "label_mix_weight", "tick_kimg"),
}
"""Settings of a generator's training that hardly cost time."""
CONDITIONS: dict[str, tuple[str, ...]] = {
    "simulate_imagery": ("source.simulated.pixels_per_degree",),
    "simulate_labels": ("source.simulated.pixels_per_degree",),
    "cut_patches": ("source.kind", "patches.size", "patches.stride", "patches.scaling"),
    "train_stylegan": TORCH,
    "train_spade": TORCH,
    "train_compared_spade": TORCH,
    "sample_unconditional": (*TORCH, "synthesis.unconditional.batch"),
    "sample_conditional": (*TORCH, "synthesis.conditional.batch"),
    "measure_mask_fidelity": (*SEGMENTER, "segmentation.labeller.architecture"),
    "train_segmentation": (
        *SEGMENTER,
        "segmentation.batch",
        "segmentation.gpus",
        "segmentation.loss",
    ),
    "label_unconditional": (
        *SEGMENTER,
        "segmentation.labeller.architecture",
        "segmentation.labeller.flips",
    ),
    "compute_composition": ("patches.size",),
    "caption_grammar": ("patches.size", f"{MODELS}.<kind>"),
    "caption_vllm": (
        "patches.size",
        f"{MODELS}.<kind>",
        "captions.models.<model>",
        "captions.vllm",
    ),
    "caption_openai": ("patches.size", f"{MODELS}.<kind>", "captions.openai"),
    "score_redundancy": ("evaluation.self_bleu_sample",),
    "train_clip": ("run.precision", "run.device", "clip.model", "clip.image_size"),
    "score_captions": (*TORCH, "clip.model", "clip.image_size"),
    "extract_features": TORCH,
    "measure_distances": (
        *(*TORCH, "evaluation.distance_samples", "evaluation.baseline_samples"),
        *("evaluation.manifold_samples", "evaluation.kernel_subsets"),
        "evaluation.kernel_subset_size",
    ),
    "audit_leaks": VECTORS,
    "project_features": VECTORS,
    "make_tables": ("statistics.resamples", "statistics.permutations"),
}


def differences(
    rule: str, kind: str, plan: Mapping[str, Any], pilot: Mapping[str, Any]
) -> list[str]:
    """The settings that forbid to take the pilot's rate for the plan, each with both values."""
    found = []
    for path in _paths(rule, kind, plan):
        ours, theirs = _value(plan, path), _value(pilot, path)
        if ours != theirs:
            plain = not isinstance(ours, dict | list) and not isinstance(theirs, dict | list)
            found.append(f"{path} {theirs}, not {ours}" if plain else f"another {path}")
    return found


def _paths(rule: str, kind: str, plan: Mapping[str, Any]) -> Iterator[str]:
    model = plan["captions"]["captioner_definitions"].get(kind, {}).get("model", "")
    for path in CONDITIONS.get(rule, ()):
        yield path.replace("<kind>", kind).replace("<model>", model)
    if kind == "segmenter":  # among the extractors
        yield from ("segmentation.encoder", "segmentation.labeller.architecture")
    population = GAN_RULES.get(rule)
    if population is None:
        return
    left = LENGTHS | TUNING
    left = left | (set() if rule.startswith("train_") else TRAINING)
    left = left | ({"plateau", "discriminator"} if rule == "train_compared_spade" else set())
    for key in plan["gan"][population]:
        if key not in left:
            yield f"gan.{population}.{key}"


def _value(config: Mapping[str, Any], path: str) -> Any:
    """The value at a path; None where the configuration has none."""
    parts = path.split(".")
    for number, part in enumerate(parts):
        if not isinstance(config, Mapping):
            return None
        rest = ".".join(parts[number:])  # names of captioners may hold points
        if rest in config:
            return config[rest]
        config = config.get(part)  # type: ignore[assignment]
    return config
