"""Verbs advance-stylegan and train-stylegan: the unconditional generator, on the train split."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from groundsynth.device import require_precision
from groundsynth.gan import stylegan2
from groundsynth.gan.augment_adaptive import AdaptiveAugment
from groundsynth.gan.generator_files import build_generator, save_generator
from groundsynth.gan.latents import latents, to_pixels
from groundsynth.gan.plateau import Plateau
from groundsynth.gan.real_patches import TrainPatches
from groundsynth.gan.stylegan_objective import StyleganObjective, StyleganSettings
from groundsynth.gan.training import Networks, Trainer
from groundsynth.gan.training_options import LastSlotOptions, TrainingOptions
from groundsynth.processes import Processes
from groundsynth.provenance import provenance
from groundsynth.slots import advance, finish
from groundsynth.verb_options import takes_options

PREVIEW_COLUMNS, PREVIEW_COUNT = 8, 32
Architecture = Literal["stylegan2", "stylegan3-t", "stylegan3-r"]


@dataclass(frozen=True, kw_only=True)
class StyleganOptions(TrainingOptions):
    """Options of StyleGAN's trainings; advance-stylegan says what they mean."""

    architecture: Architecture
    z_dim: int
    w_dim: int
    mapping_layers: int
    channel_base: int
    channel_max: int
    r1_gamma: float
    path_length_weight: float
    ada_target: float
    style_mixing: float = 0.9
    layer_noise: bool = True
    mapping_rate: float = 0.01

    def draw(self, trainer: Trainer) -> tuple[np.ndarray, int]:
        """Samples of fixed seeds, and the number of columns."""
        return preview_images(trainer), PREVIEW_COLUMNS


@dataclass(frozen=True, kw_only=True)
class LastStyleganOptions(StyleganOptions, LastSlotOptions):
    """Options of StyleGAN's last time slot."""


@takes_options(StyleganOptions)
def advance_stylegan(options: StyleganOptions) -> None:
    """Train StyleGAN2 or StyleGAN3 in one time slot of a chain.

    Reads the real shards (images uint8 (N, R, R, 3), R a power of two; index tables) and learns
    from the train split only. Continues from ``state`` and leaves its own state there;
    ``receipt`` (JSON) says how far the training has come. Lengths (kimg, ema_kimg, tick_kimg) are
    thousands of images, ``runtime`` is minutes. ``augment`` geometry adds quarter turns to the
    patches, ada shows augmented images to the discriminator only. Path-length regularisation,
    style mixing and ``layer_noise`` belong to StyleGAN2; StyleGAN3 takes 0, 0 and false.
    """
    advance(options.chain_slot, partial(build, options))


@takes_options(LastStyleganOptions)
def train_stylegan(options: LastStyleganOptions) -> None:
    """Train StyleGAN2 or StyleGAN3 in the last of ``slots`` time slots and write the generator.

    As advance-stylegan; writes ``model`` (safetensors, with a JSON description beside it), the
    ``history`` table, the ``preview`` picture and, if asked for, the ``progress`` strip (a row of
    the same seeds for each of some times). Fails with the state saved when the training is not
    complete at the end of the slot.
    """
    finish(
        options.chain_slot,
        partial(build, options),
        options.outputs,
        lambda trainer, run: _write(options, trainer),
    )


def build(options: StyleganOptions, processes: Processes) -> Trainer:
    """A training at its beginning, from the verb's options."""
    device = processes.device
    require_precision(device, options.precision)
    torch.manual_seed(options.seed)
    patches = TrainPatches(options.images, [], options.indices, classes=0)
    keywords = generator_keywords(options, patches.resolution)
    G = build_generator(options.architecture, keywords).to(device)
    D = stylegan2.Discriminator(
        c_dim=0,
        img_resolution=patches.resolution,
        img_channels=3,
        channel_base=options.channel_base,
        channel_max=options.channel_max,
        block_kwargs=_low_precision(options),
    ).to(device)
    networks = Networks(G, D, copy.deepcopy(G).eval().requires_grad_(False))
    reader = options.reader_of(patches, processes)
    ada = AdaptiveAugment(options.batch, options.ada_target).to(device)
    objective = StyleganObjective(
        G, D, _settings(options), ada if options.augment == "ada" else None
    )
    plateau = _plateau(options, patches, processes)
    return Trainer(
        networks,
        objective,
        reader,
        options.schedule,
        processes,
        options.precision,
        plateau,
        options.watch,
    )


def _plateau(
    options: StyleganOptions, patches: TrainPatches, processes: Processes
) -> Plateau | None:
    """What ends the training before its length, if so configured."""
    settings = options.plateau
    if settings is None:
        return None
    fp32 = options.precision == "float32"
    sample = partial(_samples, device=processes.device, force_fp32=fp32)
    batch = options.micro_batch or options.batch
    return Plateau(settings, patches, sample, batch, processes)


def generator_keywords(options: StyleganOptions, resolution: int) -> dict[str, Any]:
    """Constructor keywords of the generator (configuration R: Karras et al. 2021, section 3.2)."""
    rotation = options.architecture == "stylegan3-r"
    keywords = {
        "z_dim": options.z_dim,
        "c_dim": 0,
        "w_dim": options.w_dim,
        "img_resolution": resolution,
        "img_channels": 3,
        "mapping_kwargs": {
            "num_layers": options.mapping_layers,
            "lr_multiplier": options.mapping_rate,
        },
        "channel_base": options.channel_base * (2 if rotation else 1),
        "channel_max": options.channel_max * (2 if rotation else 1),
        **_low_precision(options),
    }
    if options.architecture == "stylegan2":
        keywords["use_noise"] = options.layer_noise
    else:
        keywords["magnitude_ema_beta"] = 0.5 ** (options.batch / 20_000)
    if rotation:
        keywords |= {"conv_kernel": 1, "use_radial_filters": True}
    return keywords


def _low_precision(options: StyleganOptions) -> dict[str, Any]:
    """Keyword of the blocks for the type of the upper resolutions; float32 needs none."""
    precision = options.precision
    return {} if precision == "float32" else {"low_precision": precision}


def _settings(options: StyleganOptions) -> StyleganSettings:
    rotation = options.architecture == "stylegan3-r"
    return StyleganSettings(
        generator_rate=options.generator_rate,
        discriminator_rate=options.discriminator_rate,
        r1_gamma=options.r1_gamma,
        path_length_weight=options.path_length_weight,
        style_mixing=options.style_mixing,
        blur_images=options.batch * 200_000 / 32 if rotation else 0.0,
        force_fp32=options.precision == "float32",
    )


def _write(options: LastStyleganOptions, trainer: Trainer) -> None:
    """Write model, description, history and pictures of a finished training."""
    outcome = trainer.keep_best()
    resolution = trainer.reader.patches.resolution
    record = provenance("train-stylegan", options.parameters, options.inputs)
    save_generator(
        options.model,
        trainer.networks.average,
        options.architecture,
        generator_keywords(options, resolution),
        population="unconditional",
        resolution=resolution,
        seed=options.seed,
        provenance=record,
        **outcome,
    )
    trainer.history.write(options.history, record)
    options.write_pictures(options.watch, trainer, options.state)


def preview_images(trainer: Trainer) -> np.ndarray:
    """Samples of the averaged generator, uint8 [PREVIEW_COUNT, R, R, 3]."""
    numbers = np.arange(PREVIEW_COUNT).reshape(-1, PREVIEW_COLUMNS)
    G, fp32 = trainer.networks.average, trainer.precision == "float32"
    parts = (_samples(G, row, trainer.device, fp32) for row in numbers)
    return np.concatenate([to_pixels(part) for part in parts])


@torch.no_grad()
def _samples(
    generator: nn.Module, seeds: np.ndarray, device: torch.device, force_fp32: bool
) -> Tensor:
    G: Any = generator
    z = latents(seeds, G.z_dim).to(device)
    images: Tensor = G(z, None, noise_mode="const", force_fp32=force_fp32)
    return images
