"""What a change makes run again, by comparing plans on the demonstration's finished run.

The run is not computed: its outputs are empty files that Snakemake takes for finished.
"""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Snakemake = Callable[..., Any]
BASE = "source: {area: {west: 29.1, south: 36.1, east: 32.9, north: 36.9}}"
"""One tile in the label tile N36E027, three in N36E030."""
ROOT = Path(__file__).resolve().parents[2]
END = {"make_tables": 1, "write_report": 1, "all": 1}

AFTER_LABELS = {
    "label_unconditional": 1,
    "train_segmentation": 2,  # those whose mix holds unconditional samples
    "compute_composition": 1,
    "caption_grammar": 2,
    "score_redundancy": 2,
    "score_grounding": 2,
    "score_captions": 1,
    **END,
}
# The labeller gives the masks of the unconditional samples and the features.
AFTER_SEGMENTATION = {
    **AFTER_LABELS,
    "train_segmentation": 4,
    "extract_features": 4,
    "measure_distances": 2,
    "audit_leaks": 2,
    "project_features": 1,
}
AFTER_CAPTIONS = {
    "caption_grammar": 6,
    "train_clip": 1,
    "score_redundancy": 2,
    "score_grounding": 2,
    "score_captions": 3,
    **END,
}
AFTER_UNCONDITIONAL_SAMPLES = {
    "sample_unconditional": 1,
    "label_unconditional": 1,
    "compute_composition": 1,
    "caption_grammar": 2,
    "score_redundancy": 2,
    "score_grounding": 2,
    "score_captions": 1,
    "train_segmentation": 2,  # those whose mix holds them
    "extract_features": 1,
    "measure_distances": 1,
    "audit_leaks": 1,
    "project_features": 1,
    **END,
}
# One more tile, in a label tile of its own: made, cut, described and captioned alone; then
# everything that learns from, or sums over, all patches.
AFTER_A_NEW_TILE = {
    "simulate_imagery": 1,
    "simulate_labels": 1,
    "cut_patches": 1,
    "summarise_patches": 1,
    "train_stylegan": 1,
    "train_spade": 1,
    "sample_unconditional": 1,
    "sample_conditional": 1,
    "train_segmentation": 4,
    "label_unconditional": 1,
    "compute_composition": 1 + 2,
    "caption_grammar": 2 + 2,
    "score_redundancy": 2,
    "score_grounding": 2,
    "train_clip": 1,
    "score_captions": 3 + 1,
    "extract_features": 3 + 2,
    "measure_distances": 2,
    "audit_leaks": 2,
    "project_features": 1,
    **END,
}
RECOLORED = """
legend:
  no_data: [0]
  classes:
    - {name: tree, codes: [10, 90, 95], color: [1, 2, 3]}
    - {name: shrub, codes: [20], color: [255, 182, 193]}
    - {name: grass, codes: [30, 100], color: [154, 205, 50]}
    - {name: crop, codes: [40], color: [255, 215, 0]}
    - {name: built-up, codes: [50], color: [139, 69, 19]}
    - {name: barren, codes: [60, 70], color: [211, 211, 211]}
    - {name: water, codes: [80], color: [0, 0, 255]}
"""
OVERLAYS: dict[str, dict[str, int]] = {
    "run: {seed: 1}": {},
    "run: {name: other}": {"write_report": 1, "all": 1},
    # How jobs work, not what they make; the report alone shows the configuration.
    "run: {device: cpu, keep_state: true, tensorboard: false}": {"write_report": 1, "all": 1},
    "gan: {unconditional: {snapshot_ticks: 3}, conditional: {snapshot_ticks: 5}}": {
        "write_report": 1,
        "all": 1,
    },
    RECOLORED: {"write_report": 1, "all": 1},
    "segmentation: {gpus: 2}": {"write_report": 1, "all": 1},
    "captions: {part_size: 7}\nevaluation: {feature_batch: 3}\nclip: {batch: 9}": {
        "write_report": 1,
        "all": 1,
    },
    "gan: {conditional: {slots: 1, kimg: 8, batch: 8}}": {},
    "segmentation: {learning_rate: 0.002}": AFTER_SEGMENTATION,
    "segmentation: {class_weights: balanced}": AFTER_SEGMENTATION,
    "segmentation: {sampling: balanced}": AFTER_SEGMENTATION,
    "segmentation: {labeller: {flips: true}}": AFTER_LABELS,
    "captions: {percent_decimals: 1}": AFTER_CAPTIONS,
    "evaluation: {neighbours: 3}": {"measure_distances": 2, **END},
    "grounding: {synonyms: {tree: [forest]}}": {"score_grounding": 2, **END},
    # 0 becomes 1 where another parameter is 0 and a third one 1.
    "synthesis: {unconditional: {first_seed: 1}}": AFTER_UNCONDITIONAL_SAMPLES,
    "source: {area: {west: 29.1, south: 36.1, east: 33.9, north: 36.9}}": AFTER_A_NEW_TILE,
}
EDITS: dict[tuple[str, str, str], dict[str, int]] = {
    ("rules/composition.smk", '"""Class', '"""A comment. Class'): {},
    ("rules/composition.smk", "--masks {", "--masks  {"): {},
    ("src/groundsynth/composition/shares.py", '"""', '"""A comment. '): {},
    ("rules/composition.smk", "revision=1", "revision=2"): {
        "compute_composition": 4,
        **AFTER_CAPTIONS,
    },
    # Trainings wait for it, but what it counts anew trains nothing again.
    (
        "rules/patches.smk",
        "revision=2,\n        needed_splits",
        "revision=3,\n        needed_splits",
    ): {"summarise_patches": 1, "write_report": 1, "all": 1},
    (
        "rules/report.smk",
        "    output:\n",
        '    output:\n        new="results/figures/new.png",\n',
    ): {
        "write_report": 1,
        "all": 1,
    },
}


@pytest.fixture(scope="module")
def finished(
    snakemake: Snakemake, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Counter[str]]:
    """``finished(overlay, snakefile=...)``: the jobs that an overlay would run again."""
    run = tmp_path_factory.mktemp("finished")
    base, changed = run / "base.yaml", run / "changed.yaml"
    base.write_text(BASE, "utf-8")
    words = ("--directory", run, "--configfile", "config/demo.yaml", base)
    for line in snakemake("--summary", *words).text.splitlines():
        name = line.partition("\t")[0]
        if name.startswith(("resources/", "results/")):
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).touch()
    answer = snakemake("--touch", "--forceall", "--cores", "1", "--quiet", "all", *words)
    assert answer.code == 0, answer.text

    def again(overlay: str = "", snakefile: Path = Path("Snakefile")) -> Counter[str]:
        changed.write_text(overlay, "utf-8")
        more = [changed] if overlay else []
        answer = snakemake("-n", "--snakefile", snakefile, *words, *more)
        assert answer.code == 0, answer.text
        assert "missing provenance" not in answer.text
        return answer.jobs

    return again


def test_nothing_is_left_of_a_finished_run(finished: Callable[..., Counter[str]]) -> None:
    assert not finished()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_changed_key_reruns_what_it_touches(
    finished: Callable[..., Counter[str]], overlay: str
) -> None:
    assert finished(overlay) == Counter(OVERLAYS[overlay])


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit[0]}: {edit[2]}")
def test_an_edit_reruns_nothing_but_a_raised_revision_does(
    finished: Callable[..., Counter[str]],
    copy_workflow: Callable[[Path], Path],
    tmp_path: Path,
    edit: tuple[str, str, str],
) -> None:
    name, before, after = edit
    checkout = copy_workflow(tmp_path / "checkout")
    edited = checkout / name
    text = edited.read_text("utf-8")
    assert before in text
    edited.write_text(text.replace(before, after, 1), "utf-8")
    assert finished(snakefile=checkout / "Snakefile") == Counter(EDITS[edit])


def test_classes_that_are_merged_otherwise_are_cut_again(
    finished: Callable[..., Counter[str]],
) -> None:
    jobs = finished(RECOLORED.replace("[10, 90, 95]", "[10, 90]"))
    assert set(jobs) >= {"cut_patches", "train_spade", "train_segmentation", "compute_composition"}


def test_rules_that_draw_no_map_get_no_colours() -> None:
    drawing = set()
    for path in (ROOT / "rules").glob("*.smk"):
        parts = re.split(r"(?m)^rule (\w+):\n", path.read_text("utf-8"))
        rules = zip(parts[1::2], parts[2::2], strict=True)
        drawing |= {name for name, text in rules if 'json_of("legend")' in text}
    assert drawing == {"compare_discriminators", "write_report"}


def test_limits_of_language_models_are_no_parameters_of_their_captions() -> None:
    """Millions of captions must not be made again for a limit that one shard asks to raise."""
    text = (ROOT / "rules" / "captioning.smk").read_text("utf-8")
    for key in ("part_size", "max_bad_percent"):
        assert f"captions/{key}" not in text
        assert text.count(f'{key}=execution("{key}"),') == 2, "of two of the three engines"
