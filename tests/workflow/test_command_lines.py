"""The command lines that the rules build are those that the verbs read."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groundsynth.cli import load_verb, parser_of

from .conftest import ROOT


def words_of(command: str) -> list[str]:
    """Verb and options of a job's shell command."""
    words = shlex.split(command)
    return words[words.index("groundsynth") + 1 : words.index(">")]


@pytest.mark.parametrize("name", ["paper", "published_split", "demo", "tour", "micro"])
def test_every_verb_reads_its_command_line(
    plans: Callable[[str], Any], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = []
    read = set()
    for command in plans(name).commands:
        verb, *options = words_of(command)
        if verb in read and name in ("paper", "published_split"):
            continue  # hundreds of jobs that differ in the names of their files
        read.add(verb)
        try:
            parser_of(verb, load_verb(verb)).parse_args(options)
        except SystemExit:
            refused.append(capsys.readouterr().err.splitlines()[-1])
    assert not refused
    assert read == {rule.replace("_", "-") for rule in plans(name).jobs} - {"all"}


def test_a_training_on_two_gpus(snakemake: Callable[..., Any], tmp_path: Path) -> None:
    """torchrun starts the verb; a section in a section gives its keys, null is left out."""
    overlay = tmp_path / "two.yaml"
    plateau = "{patience: 3, samples: 64}"
    overlay.write_text(f"gan: {{unconditional: {{gpus: 2, plateau: {plateau}}}}}\n")
    files = ["--configfile", ROOT / "config" / "micro.yaml", overlay]
    plan = snakemake("-n", "-p", "--directory", tmp_path, *files)
    assert plan.code == 0, plan.text
    (command,) = [line for line in plan.commands if "train-stylegan" in line]
    launcher, _, words = command.partition(" -m groundsynth train-stylegan ")
    assert launcher.endswith("python -m torch.distributed.run --standalone --nproc-per-node 2")
    read = parser_of("train-stylegan", load_verb("train-stylegan"))
    options = read.parse_args(shlex.split(words.partition(" > ")[0]))
    assert (options.plateau_patience, options.plateau_tolerance, options.plateau_samples) == (
        3,
        0.02,
        64,
    )
    assert options.micro_batch is None


def test_cells_in_three_slots_on_two_gpus(snakemake: Callable[..., Any], tmp_path: Path) -> None:
    """Each cell has a chain of its own, in one state folder; the last slot writes no receipt."""
    overlay = tmp_path / "slots.yaml"
    overlay.write_text("segmentation: {gpus: 2, slots: 3}\n")
    files = ["--configfile", ROOT / "config" / "demo.yaml", overlay]
    plan = snakemake("-n", "-p", "--directory", tmp_path, *files, "--", "segmentation")
    assert plan.code == 0, plan.text
    assert (plan.jobs["advance_segmentation"], plan.jobs["train_segmentation"]) == (8, 4)
    chains: dict[str, list[str]] = {}
    for verb in ("advance-segmentation", "train-segmentation"):
        read = parser_of(verb, load_verb(verb))
        for command in plan.commands:
            launcher, _, words = command.partition(f" -m groundsynth {verb} ")
            if words:
                assert launcher.endswith("-m torch.distributed.run --standalone --nproc-per-node 2")
                options = read.parse_args(shlex.split(words.partition(" > ")[0]))
                receipt = getattr(options, "receipt", None)
                slot = f"{options.slot} {receipt}" if receipt else str(options.model.parent)
                chains.setdefault(str(options.state), []).append(slot)
    assert len(chains) == 4
    for state, slots in chains.items():
        folder = state.replace("work/train_segmentation", "results/segmentation")
        assert sorted(slots) == [*(f"{n} {folder}/slots/{n}.json" for n in (1, 2)), folder]
    before = {2: "real/unet/1/slots/1.json", None: "real/unet/1/slots/2.json"}
    for slot, receipt in before.items():
        title = "Training unet on real (seed 1)" + (f", time slot {slot}" if slot else "")
        (reason,) = re.findall(rf"(?m)^Job \d+: {re.escape(title)}\nReason: (.*)$", plan.text)
        assert receipt in reason.partition("updated by another job")[2]
