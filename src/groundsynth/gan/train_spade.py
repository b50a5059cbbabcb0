"""Verbs advance-spade and train-spade: the conditional generator, trained on the train split."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from groundsynth.errors import ConfigurationError
from groundsynth.gan.discriminators import DiscriminatorOptions, build_adversary
from groundsynth.gan.generator_files import save_generator
from groundsynth.gan.latents import latents, to_pixels
from groundsynth.gan.perceptual import PerceptualDistance
from groundsynth.gan.plateau import Plateau, compared_positions
from groundsynth.gan.real_patches import TrainPatches
from groundsynth.gan.spade import Generator, one_hot
from groundsynth.gan.spade_objective import SpadeObjective, SpadeSettings
from groundsynth.gan.training import Networks, Trainer
from groundsynth.gan.training_options import APART, LastSlotOptions, TrainingOptions
from groundsynth.landcover import Legend
from groundsynth.processes import Processes
from groundsynth.provenance import digest_of, provenance
from groundsynth.slots import advance, finish
from groundsynth.verb_options import takes_options

PREVIEW_COLUMNS = 8


@dataclass(frozen=True, kw_only=True)
class SpadeOptions(DiscriminatorOptions, TrainingOptions):
    """Options of SPADE's trainings; advance-spade says what they mean."""

    head: ClassVar[int] = 2
    masks: list[Path] = field(metadata=APART)
    legend: dict[str, Any]
    colors: dict[str, Any] | None = field(default=None, metadata=APART)
    base_channels: int
    latent: int
    hidden_channels: int = 128
    noise_channels: int = 0
    upsamplings: int = 5
    augment: Literal["none", "geometry"] = "none"
    perceptual: float = 0.0
    perceptual_weights: Path | None = field(default=None, metadata=APART)

    @property
    def inputs(self) -> list[Path]:
        """The shards and the perceptual loss's weights, in the order of the fingerprint."""
        weights = [] if self.perceptual_weights is None else [self.perceptual_weights]
        return [*self.images, *self.masks, *self.indices, *weights]

    def draw(self, trainer: Trainer) -> tuple[np.ndarray, int]:
        """Maps, real images and two samples each, and the number of columns."""
        return preview_images(trainer, Legend.from_json(self.legend, self.colors))


@dataclass(frozen=True, kw_only=True)
class LastSpadeOptions(SpadeOptions, LastSlotOptions):
    """Options of SPADE's last time slot."""


@takes_options(SpadeOptions)
def advance_spade(options: SpadeOptions) -> None:
    """Train SPADE against its discriminator in one time slot of a chain.

    Reads the real shards (images uint8 (N, H, W, 3), masks uint8 (N, H, W), 255 unlabelled, index
    tables) and learns from the train split only. Continues from ``state`` and leaves its own
    state there; ``receipt`` (JSON) says how far the training has come. Lengths (kimg, ema_kimg,
    tick_kimg, warmup_kimg) are thousands of images, ``runtime`` is minutes. The latent has
    ``latent`` numbers for each image and ``noise_channels`` for each pixel (0 and 0: one image
    for each map). ``upsamplings`` is the number of doublings from the first feature map to the
    image. ``augment`` geometry adds quarter turns to mirroring. ``discriminator`` is patch
    (PatchGAN at ``scales`` scales), unet or segmentation; ``perceptual`` is the weight of the
    VGG-19 loss, whose weights (a file of the verb fetch-vgg) it needs. ``colors`` maps classes to
    the colours (RGB) of maps in pictures, unless the legend gives them.
    """
    advance(options.chain_slot, partial(build, options))


@takes_options(LastSpadeOptions)
def train_spade(options: LastSpadeOptions) -> None:
    """Train SPADE in the last of ``slots`` time slots and write the generator.

    As advance-spade; writes ``model`` (safetensors, with a JSON description beside it), the
    ``history`` table, the ``preview`` picture (rows: map, real image, two samples) and, if asked
    for, the ``progress`` strip (rows: map, real image, then a sample as the training went). Fails
    with the state saved when the training is not complete at the end of the slot.
    """
    train_to_the_end(options)


def train_to_the_end(options: LastSpadeOptions) -> None:
    """The last slot of a training, its outputs included."""
    finish(
        options.chain_slot,
        partial(build, options),
        options.outputs,
        lambda trainer, run: _write(options, trainer),
    )


def build(options: SpadeOptions, processes: Processes) -> Trainer:
    """A training at its beginning, from the verb's options."""
    device = processes.device
    torch.manual_seed(options.seed)
    classes = len(Legend.from_json(options.legend))
    patches = TrainPatches(options.images, options.masks, options.indices, classes)
    G = Generator(**generator_keywords(options, classes, patches.resolution)).to(device)
    adversary = build_adversary(options, classes, patches.resolution, device)
    networks = Networks(G, adversary.network, copy.deepcopy(G).eval().requires_grad_(False))
    reader = options.reader_of(patches, processes, adversary.needs_class_pixels)
    objective = SpadeObjective(G, adversary, _settings(options), _perceptual(options, device))
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


def _plateau(options: SpadeOptions, patches: TrainPatches, processes: Processes) -> Plateau | None:
    """What ends the training before its length, if so configured; maps are used in turn."""
    settings = options.plateau
    if settings is None:
        return None
    positions = compared_positions(patches, settings.samples)

    def sample(generator: nn.Module, seeds: np.ndarray) -> Tensor:
        masks = patches.masks_at(positions[seeds % len(positions)])
        condition = one_hot(torch.from_numpy(masks).to(processes.device), patches.classes)
        return _samples(generator, condition, seeds)

    batch = options.micro_batch or options.batch
    return Plateau(settings, patches, sample, batch, processes)


def generator_keywords(options: SpadeOptions, classes: int, resolution: int) -> dict[str, Any]:
    """Constructor keywords of the generator."""
    return {
        "semantic_nc": classes,
        "ngf": options.base_channels,
        "crop_size": resolution,
        "num_upsampling_layers": options.upsamplings,
        "latent_dim": options.latent,
        "noise_dim": options.noise_channels,
        "hidden": options.hidden_channels,
    }


def _perceptual(options: SpadeOptions, device: torch.device) -> PerceptualDistance | None:
    """The perceptual loss where its weight is above 0; ConfigurationError without its weights."""
    if options.perceptual == 0:
        return None
    if options.perceptual_weights is None:
        raise ConfigurationError(
            "A perceptual loss needs the weights of VGG-19; give --perceptual-weights (a file of "
            "the verb fetch-vgg), or 0 for gan.conditional.perceptual."
        )
    return PerceptualDistance(options.perceptual_weights, device)


def _settings(options: SpadeOptions) -> SpadeSettings:
    return SpadeSettings(
        generator_rate=options.generator_rate,
        discriminator_rate=options.discriminator_rate,
        precision=options.precision,
        perceptual_weight=options.perceptual,
    )


def _write(options: LastSpadeOptions, trainer: Trainer) -> None:
    """Write model, description, history and pictures of a finished training."""
    outcome = trainer.keep_best()
    legend = Legend.from_json(options.legend)
    record = provenance("train-spade", options.parameters, options.inputs)
    save_generator(
        options.model,
        trainer.networks.average,
        "spade",
        generator_keywords(options, len(legend), trainer.reader.patches.resolution),
        population="conditional",
        resolution=trainer.reader.patches.resolution,
        classes=list(legend.names),
        seed=options.seed,
        train_split=trainer.reader.patches.digest,
        discriminator=options.discriminator,
        perceptual_weights=_digest(options.perceptual_weights if options.perceptual else None),
        provenance=record,
        **outcome,
    )
    trainer.history.write(options.history, record)
    options.write_pictures(options.watch, trainer, options.state)


def _digest(path: Path | None) -> str | None:
    return None if path is None else digest_of(path)


def preview_images(trainer: Trainer, legend: Legend) -> tuple[np.ndarray, int]:
    """Maps, real images and two samples each, uint8 [4 n, H, W, 3], and the number of columns n."""
    patches = trainer.reader.patches
    columns = min(PREVIEW_COLUMNS, len(patches))
    positions = np.linspace(0, len(patches) - 1, columns).astype(np.int64)
    images, masks = patches.images_at(positions), patches.masks_at(positions)
    condition = one_hot(torch.from_numpy(masks).to(trainer.device), len(legend))
    rows = [legend.colorize(masks), images]
    average = trainer.networks.average
    for first in (0, columns):
        seeds = np.arange(first, first + columns)
        rows.append(to_pixels(_samples(average, condition, seeds)))
    return np.concatenate(rows), columns


@torch.no_grad()
def _samples(generator: nn.Module, condition: Tensor, seeds: np.ndarray) -> Tensor:
    G: Any = generator
    images: Tensor = G(condition, latents(seeds, G.z_size).to(condition.device))
    return images
