"""Verbs advance-segmentation and train-segmentation: one cell of the experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.processes import Processes
from groundsynth.progress import Progress
from groundsynth.provenance import digest_of, provenance
from groundsynth.run_state import RunState
from groundsynth.segmentation.architectures import build_model, load_encoder_weights
from groundsynth.segmentation.confusion import confusion_of, write_confusion
from groundsynth.segmentation.data import Patches, first_samples, joined, split_of
from groundsynth.segmentation.models import Description, save_model
from groundsynth.segmentation.options import LastSlotOptions, SlotOptions, TrainingOptions
from groundsynth.segmentation.patch_sizes import check_patch_size
from groundsynth.segmentation.populations import open_population
from groundsynth.segmentation.quality import QualityCounts
from groundsynth.segmentation.settings import Settings
from groundsynth.segmentation.trainer import Trainer
from groundsynth.slots import Slot, advance, finish
from groundsynth.tables import write_table
from groundsynth.verb_options import takes_options


@takes_options(SlotOptions)
def advance_segmentation(options: SlotOptions) -> None:
    """Train a segmentation model in one time slot of a chain, before the last.

    As train-segmentation. Continues from ``state`` and leaves its own state there; ``receipt``
    (JSON) says how far the training has come.
    """
    cell = open_cell(options)
    advance(cell.slot(options.slot, options.receipt), cell.build)


@takes_options(LastSlotOptions)
def train_segmentation(options: LastSlotOptions) -> None:
    """Train a segmentation model on one mix, validate on real patches, test on real patches.

    Reads shards of images uint8 (N, H, W, 3) and masks uint8 (N, H, W) with their indices; the
    lists of a synthetic population may be empty where ``mix_parts`` asks for none of it, and a
    selection is read where they ask for selected samples. With the budget ``epochs`` a round is
    one pass over the mix; with ``steps`` all mixes take ``steps`` steps, in ``epochs`` rounds.
    Validation closes each round. The learning rate falls on a plateau of ``patience`` rounds, or
    along a cosine. ``class_weights`` weigh the loss by the mix's masks; with the ``sampling``
    ``balanced`` each batch takes equally many patches of every population, in rounds as long as
    a pass over the mix would be. ``runtime`` is in minutes; fails with the state saved when the
    training is not complete at its end. Writes the weights of the best round to ``model`` with a
    JSON sidecar, the training ``history``, and ``confusion``: K x K pixel counts of each real
    test patch, and ``quality``: what boundary F1 and calibration error of each derive from.
    """
    cell = open_cell(options)
    finish(cell.slot(), cell.build, options.outputs, partial(_write, options, cell))


@dataclass(frozen=True)
class Cell:
    """A training before its first step: its options, and the patches that they name."""

    options: TrainingOptions
    splits: Mapping[str, Patches]
    settings: Settings
    patch_size: int

    @property
    def parameters(self) -> dict[str, Any]:
        """What the trained weights depend on besides the shards."""
        options = self.options
        weights = options.encoder_weights
        return {
            "architecture": options.architecture,
            "encoder": options.encoder,
            "encoder_weights": digest_of(weights) if weights else None,
            "class_names": list(options.class_names),
            "mix": options.mix,
            "mix_parts": options.chosen_mix.parts,
            **asdict(self.settings),
        }

    def slot(self, number: int = 1, receipt: Path | None = None) -> Slot:
        """The job of the chain; the last one writes no receipt, but its outputs."""
        return Slot(
            parameters=self.parameters,
            inputs=self.options.inputs,
            state=self.options.state,
            keep_state=self.options.keep_state,
            number=number,
            runtime=self.options.runtime,
            receipt=receipt,
            device=self.options.device,
        )

    def build(self, processes: Processes) -> Trainer:
        """The training at its beginning."""
        options = self.options
        _check_batch(options.batch, len(self.splits["train"]), processes.count)
        classes = len(options.class_names)
        network = _initial_model(
            options.architecture, options.encoder, options.encoder_weights, classes, options.seed
        )
        train, validation = self.splits["train"], self.splits["validation"]
        return Trainer(network, train, validation, classes, self.settings, processes)


def open_cell(options: TrainingOptions) -> Cell:
    """Open the patches of a cell; an error in one sentence if it cannot be trained on them."""
    splits = _open_splits(options)
    _check_batch(options.batch, len(splits["train"]))
    settings = options.settings(len(splits["train"]))
    return Cell(options, splits, settings, _checked_size(splits, options.architecture))


def _open_splits(options: TrainingOptions) -> dict[str, Patches]:
    """The mix as ``train``, and the real ``validation`` and ``test`` patches."""
    mix, shards, selections = options.chosen_mix, options.shards, options.selections
    real = open_population(*shards["real"], real=True)
    parts = [split_of(real, "train")] if mix.real else []
    for name, count in mix.samples.items():
        if mix.selection and selections[name] is None:
            raise InputError(
                f"The mix {mix.name!r} takes selected {name} samples, but no table says which; "
                f"give --{name}-selection."
            )
        samples = open_population(*shards[name], real=False)
        parts.append(first_samples(samples, count, name, selections[name]))
    splits = {name: split_of(real, name) for name in ("validation", "test")}
    return {"train": joined(parts), **splits}


def _checked_size(splits: Mapping[str, Patches], architecture: str) -> int:
    """Patch size in pixels; an error unless it is one for all patches and fits."""
    height, width = joined(splits.values()).size
    if height != width:
        raise InputError(
            f"The patches are {height} x {width} pixels; the augmentation turns them and needs "
            "square ones: cut them again."
        )
    check_patch_size(architecture, height)
    return height


def _check_batch(batch: int, patches: int, processes: int = 1) -> None:
    size = min(batch, patches)
    if size < 2:
        raise ConfigurationError(
            f"A training of {patches} patches in batches of {batch} cannot work: batch "
            "normalisation needs two patches; raise segmentation.batch or enlarge the mix."
        )
    if size % processes:
        raise ConfigurationError(
            f"A batch of {size} of {patches} patches cannot be divided over {processes} processes; "
            "choose segmentation.gpus that divides it."
        )


def _initial_model(
    architecture: str, encoder: str, weights: Path | None, classes: int, seed: int
) -> nn.Module:
    """The model before its first step; its random weights follow from the seed."""
    torch.manual_seed(seed)
    network = build_model(architecture, encoder, classes)
    if weights is not None:
        load_encoder_weights(network, weights)
    return network


def _write(options: LastSlotOptions, cell: Cell, trainer: Trainer, run: RunState) -> None:
    """Test the finished training and write everything about it."""
    test = cell.splits["test"]
    counts, pixels = _test(trainer, test, run)
    about = Description(
        architecture=options.architecture,
        encoder=options.encoder,
        class_names=options.class_names,
        mix=options.mix,
        mix_parts=options.chosen_mix.parts,
        seed=options.seed,
        patch_size=cell.patch_size,
        validation_f1=trainer.best_f1,
    )
    record = provenance("train-segmentation", cell.parameters, options.inputs)
    save_model(options.model, trainer.best_weights, about, record)
    write_history(options.history, trainer.history, record)
    names: dict[str, Any] = {
        "architecture": options.architecture,
        "mix": options.mix,
        "seed": options.seed,
    }
    write_confusion(options.confusion, test.ids, counts, **names, provenance=record)
    pixels.write(options.quality, test.ids, **names, provenance=record)


def _test(trainer: Trainer, test: Patches, run: RunState) -> tuple[np.ndarray, QualityCounts]:
    """int32 [N, K, K] and other counts of the kept weights on the real test patches."""
    quality = QualityCounts(trainer.classes)
    trainer.model.load_state_dict(trainer.best_weights)
    with Progress("segmentation test", len(test), "patch") as progress:

        def after_batch(size: int) -> None:
            progress.advance(size)
            if run.should_stop():  # the training is saved whole; only the test starts again
                raise run.leave("the test of the trained model")

        counts = confusion_of(
            trainer.model,
            test,
            classes=trainer.classes,
            batch=trainer.settings.batch,
            device=trainer.device,
            precision=trainer.settings.precision,
            after_batch=after_batch,
            also=quality.add,
        )
    return counts, quality


def write_history(path: Path, rows: Sequence[Sequence[Any]], record: Mapping[str, Any]) -> None:
    """Write history rows (step, images, seconds, name, value) as their table."""
    names = ("step", "images", "seconds", "name", "value")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    write_table(path, {name: list(values) for name, values in columns.items()}, "history", record)
