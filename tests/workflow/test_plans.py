"""What each configuration would run: every rule's number of jobs, and the stages one by one."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groundsynth.verbs import VERBS

ROOT = Path(__file__).resolve().parents[2]
Plans = Callable[[str], Any]

# 160 imagery tiles in 28 label tiles; 300,000 unconditional samples in 15 shards, 80,182
# conditional ones in 5; 6 architectures x 6 mixes; 5 captioners of the real and the unconditional
# shards. Inception and DINOv2 see the real shards and the first three (50,000 samples) of each
# synthetic population, the segmenter all (for the projections).
PAPER = {
    "fetch_imagery": 160,
    "fetch_labels": 28,
    "cut_patches": 28,
    "summarise_patches": 1,
    "advance_stylegan": 7,
    "train_stylegan": 1,
    "advance_spade": 3,
    "train_spade": 1,
    "sample_unconditional": 15,
    "sample_conditional": 5,
    "fetch_encoder": 1,
    "train_segmentation": 36,
    "label_unconditional": 15,
    "compute_composition": 28 + 15 + 5,
    "fetch_model": 3,
    "caption_vllm": 5 * (28 + 15),
    "score_redundancy": 5,
    "fetch_clip": 1,
    "score_captions": 28 + 15,
    "score_grounding": 5,
    "fetch_feature_weights": 2,
    "extract_features": 28 + 15 + 5 + 2 * (28 + 3 + 3),
    "measure_distances": 3 * 2,
    "audit_leaks": 2,
    "project_features": 2,
    "make_tables": 1,
    "write_report": 1,
    "all": 1,
}
# 4 imagery tiles in 2 label tiles; one shard of each synthetic population; 2 architectures x 2
# mixes; 2 captioners; a small image-text model of its own.
DEMO = {
    "simulate_imagery": 4,
    "simulate_labels": 2,
    "cut_patches": 2,
    "summarise_patches": 1,
    "train_stylegan": 1,
    "train_spade": 1,
    "sample_unconditional": 1,
    "sample_conditional": 1,
    "train_segmentation": 4,
    "label_unconditional": 1,
    "compute_composition": 4,
    "caption_grammar": 6,
    "score_redundancy": 2,
    "train_clip": 1,
    "score_captions": 3,
    "score_grounding": 2,
    "extract_features": 4,
    "measure_distances": 2,
    "audit_leaks": 2,
    "project_features": 1,
    "make_tables": 1,
    "write_report": 1,
    "all": 1,
}
MICRO = {
    "simulate_imagery": 1,
    "simulate_labels": 1,
    "cut_patches": 1,
    "summarise_patches": 1,
    "train_stylegan": 1,
    "train_segmentation": 1,
    "compute_composition": 1,
    "caption_grammar": 1,
    "score_redundancy": 1,
    "make_tables": 1,
    "write_report": 1,
    "all": 1,
}
NO_CELLS = "segmentation: {mixes: []}"
PATCHES = {"simulate_imagery", "simulate_labels", "cut_patches"}
LABELS = PATCHES | {"summarise_patches", "train_stylegan", "train_spade", "train_segmentation"}
LABELS |= {"sample_unconditional", "sample_conditional", "label_unconditional"}
STAGES = {
    "patches": PATCHES | {"summarise_patches"},
    "gan": PATCHES | {"summarise_patches", "train_stylegan", "train_spade"},
    "synthesis": LABELS,
    "segmentation": LABELS,
    "composition": LABELS | {"compute_composition"},
    "captions": LABELS - {"train_spade", "sample_conditional"}
    | {"compute_composition", "caption_grammar"},
    "evaluation": set(DEMO) - {"make_tables", "write_report", "all"},
    "report": set(DEMO) - {"all"},
}


@pytest.mark.parametrize(
    ("name", "jobs"),
    [("paper", PAPER), ("published_split", PAPER), ("demo", DEMO), ("micro", MICRO)],
)
def test_jobs_of_every_rule(plans: Plans, name: str, jobs: dict[str, int]) -> None:
    assert plans(name).jobs == Counter(jobs)


@pytest.mark.parametrize(
    ("overlay", "needed"),
    [
        ("", ["train", "validation", "test"]),
        (NO_CELLS, ["train"]),
        (f"{NO_CELLS}\ngan: {{unconditional: {{train: false}}}}", []),
    ],
)
def test_splits_that_models_need_are_looked_for(
    snakemake: Callable[..., Any], tmp_path: Path, overlay: str, needed: list[str]
) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(overlay or "{}")
    files = ["--configfile", ROOT / "config" / "micro.yaml", changed]
    plan = snakemake("-n", "-p", "--directory", tmp_path, *files)
    assert plan.code == 0, plan.text
    (command,) = [line for line in plan.commands if "summarise-patches" in line]
    assert option(command, "needed-splits") == needed


def test_the_tour_compares_discriminators(plans: Plans) -> None:
    jobs = plans("tour").jobs
    assert jobs["train_compared_spade"] == jobs["measure_mask_fidelity"] == 3
    assert jobs["compare_discriminators"] == 1
    trained = [c for c in plans("tour").commands if "train-compared-spade" in c]
    assert {c.partition("--discriminator ")[2].split()[0] for c in trained} == {
        *("patch", "unet", "segmentation")
    }
    for command in trained:
        assert command.count("--discriminator ") == command.count("--kimg ") == 1


def test_compared_trainings_have_one_length(snakemake: Callable[..., Any], tmp_path: Path) -> None:
    """Trainings that end at their plateau would differ in images, and not be compared."""
    overlay = tmp_path / "compared.yaml"
    overlay.write_text(
        "gan: {conditional: {snapshot_ticks: 3, plateau: {patience: 2}}}\n"
        "studies: {discriminators: {compared: [patch, unet]}}\n"
    )
    files = ["--configfile", ROOT / "config" / "demo.yaml", overlay]
    plan = snakemake("-n", "-p", "--directory", tmp_path, *files, "--", "studies", "gan")
    assert plan.code == 0, plan.text
    trained = [line for line in plan.commands if "train-compared-spade" in line]
    assert len(trained) == 2
    assert not any("--plateau" in line or "--snapshot-ticks" in line for line in trained)
    (own,) = [line for line in plan.commands if " train-spade " in line]
    assert "--plateau-patience 2 " in own


def test_a_perceptual_loss_fetches_its_weights(
    snakemake: Callable[..., Any], tmp_path: Path
) -> None:
    overlay = tmp_path / "perceptual.yaml"
    overlay.write_text("gan: {conditional: {discriminator: patch, perceptual: 10}}\n")
    files = ["--configfile", ROOT / "config" / "demo.yaml", overlay]
    plan = snakemake("-n", "-p", "--directory", tmp_path, *files, "--", "gan")
    assert plan.code == 0, plan.text
    assert plan.jobs["fetch_vgg"] == 1
    (command,) = [line for line in plan.commands if "train-spade" in line]
    assert "--perceptual-weights resources/models/vgg19.safetensors" in command
    assert "--perceptual 10 " in command


def test_caption_sets_of_others_are_counted(snakemake: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "my set.csv").write_text("text\na\n")
    overlay = tmp_path / "sets.yaml"
    overlay.write_text("captions: {other_sets: {mine: {file: my set.csv, column: text}}}\n")
    files = ["--configfile", ROOT / "config" / "micro.yaml", overlay]
    plan = snakemake("-n", "-p", "--directory", tmp_path, *files)
    assert plan.code == 0, plan.text
    assert plan.jobs == Counter(MICRO) + Counter(score_caption_set=1)
    (command,) = [c for c in plan.commands if "score-caption-set" in c]
    assert "--captions 'my set.csv' --column text " in command
    (command,) = [c for c in plan.commands if "make-tables" in c]
    assert option(command, "caption-sets") == ["results/scores/caption_sets/mine.json"]


def test_captions_and_tables_name_the_commit_of_their_model(plans: Plans) -> None:
    commands = [c for c in plans("paper").commands if "caption-vllm" in c]
    assert {option(c, "receipt")[0] for c in commands} == {
        f"resources/models/{name}.json" for name in ("qwen3-4b", "gemma3-4b", "qwen3-vl-8b")
    }
    (command,) = [c for c in plans("paper").commands if "make-tables" in c]
    assert len(option(command, "receipts")) == 3


SELECTION = """
selection:
  populations: [unconditional, conditional]
  captioner: grammar_text
  min_confidence: 0.5
  plausible_percent: 99
  drop_near_duplicates: true
  min_grounding_precision: 0.9
  min_grounding_recall: 0.5
  min_clipscore: 10
  drop_repeated_captions: true
captions: {populations: [real, unconditional, conditional]}
segmentation:
  mixes: [real, real+selected]
  mix_definitions:
    real+selected: {real: true, unconditional: all, conditional: 100, selection: true}
"""


def option(command: str, name: str) -> list[str]:
    """The words after an option of a command, up to the next one."""
    return command.partition(f" --{name} ")[2].partition(" --")[0].split()


def test_a_selection_asks_for_the_tables_of_its_criteria(
    snakemake: Callable[..., Any], tmp_path: Path
) -> None:
    overlay = tmp_path / "selection.yaml"
    overlay.write_text(SELECTION)
    files = ["--configfile", ROOT / "config" / "demo.yaml", overlay]
    plan = snakemake("-n", "-p", "--directory", tmp_path, *files)
    assert plan.code == 0, plan.text
    assert plan.jobs == Counter(DEMO) + Counter(caption_grammar=2, score_captions=1) + Counter(
        select_samples=2
    )
    command = next(c for c in plan.commands if "select-samples --population uncond" in c)
    confidence = "results/labels/unconditional/00000.confidence.parquet"
    assert option(command, "confidences") == [confidence]
    assert option(command, "audits") == ["results/audit/unconditional.parquet"]
    assert option(command, "groundings") == ["results/scores/grounding/grammar_text.parquet"]
    assert option(command, "captions") == [
        "results/captions/grammar_text/unconditional/00000.parquet"
    ]
    assert option(command, "caption-scores") == [
        "results/scores/captions/unconditional/00000.parquet"
    ]
    assert option(command, "min-clipscore") == ["10"]
    assert option(command, "drop-near-duplicates") == ["True"]
    other = next(c for c in plan.commands if "select-samples --population cond" in c)
    assert option(other, "confidences") == []  # these samples have no labeller
    assert "--min-confidence" in command
    assert "--min-confidence" not in other
    mixed = next(c for c in plan.commands if "--mix real+selected" in c)
    for population in ("unconditional", "conditional"):
        path = f"results/selection/{population}.parquet"
        assert option(mixed, f"{population}-selection") == [path]
    tables = next(c for c in plan.commands if "make-tables" in c)
    assert len(option(tables, "selections")) == 2


def test_a_selection_by_one_criterion_asks_for_little(
    snakemake: Callable[..., Any], tmp_path: Path
) -> None:
    overlay = tmp_path / "selection.yaml"
    overlay.write_text("selection: {populations: [unconditional], min_confidence: 0}\n")
    files = ["--configfile", ROOT / "config" / "demo.yaml", overlay]
    wanted = "results/selection/unconditional.parquet"
    plan = snakemake("-n", "-p", "--directory", tmp_path, *files, "--", wanted)
    assert plan.code == 0, plan.text
    assert set(plan.jobs) == (LABELS - {"train_spade", "sample_conditional"}) | {"select_samples"}
    (command,) = [line for line in plan.commands if "select-samples" in line]
    assert option(command, "min-confidence") == ["0"]
    assert option(command, "audits") == option(command, "real-compositions") == []


def test_sizes_stay_within_their_limits(plans: Plans) -> None:
    assert plans("paper").jobs.total() <= 2000
    assert plans("demo").jobs.total() <= 50
    assert plans("micro").jobs.total() <= 12


def test_at_most_two_jobs_of_micro_import_torch() -> None:
    heavy = {"train_stylegan", "train_segmentation"}
    light = sorted(set(MICRO) - heavy - {"all"})
    modules = [VERBS[rule.replace("_", "-")].partition(":")[0] for rule in light]
    program = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_is_a_target(snakemake: Callable[..., Any], tmp_path: Path, stage: str) -> None:
    answer = snakemake(
        "-n", "--directory", tmp_path, "--configfile", "config/demo.yaml", "--", stage
    )
    assert answer.code == 0, answer.text
    assert set(answer.jobs) == STAGES[stage] | {stage}


@pytest.mark.parametrize("name", ["paper", "demo", "micro"])
def test_commands_fit_into_one_argument(plans: Plans, name: str) -> None:
    """A job's shell gets its command as one argument, of which Linux takes 128 KiB."""
    assert max(len(command.encode()) for command in plans(name).commands) < 100 * 1024


def test_the_example_of_own_rasters_works_as_the_readme_prints_it(
    snakemake: Callable[..., Any], tmp_path: Path
) -> None:
    example = (ROOT / "config" / "rasters.yaml").read_text("utf-8")
    (printed,) = re.findall(r"```yaml\n(run:.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    assert printed in example
    (tmp_path / "my.yaml").write_text(example, "utf-8")
    for name in ("harran_s2.tif", "harran_landcover.tif"):
        (tmp_path / name).touch()
    plan = snakemake("-n", "--directory", tmp_path, "--configfile", tmp_path / "my.yaml")
    assert plan.code == 0, plan.text
    fewer = {"simulate_imagery": 4, "simulate_labels": 2, "cut_patches": 1}
    fewer |= {"compute_composition": 1, "caption_grammar": 2, "score_captions": 1}
    fewer |= {"extract_features": 1}  # one shard of real patches instead of two
    assert plan.jobs == Counter(DEMO) - Counter(fewer)


SERVED = """
captions:
  captioners: [served]
  retry: []
  captioner_definitions:
    served:
      {engine: openai, method: vision, base_url: "http://localhost:8000/v1",
       served_model: org/model, temperature: 0, top_p: 1, needs_key: %s}
"""


def test_a_server_captions_and_its_key_is_asked_for(
    snakemake: Callable[..., Any], tmp_path: Path
) -> None:
    def plan(needs_key: str) -> Any:
        (tmp_path / "served.yaml").write_text(SERVED % needs_key, "utf-8")
        files = ("config/micro.yaml", tmp_path / "served.yaml")
        return snakemake("-n", "-p", "--directory", tmp_path / "run", "--configfile", *files)

    def command_of(plan: Any) -> str:
        (command,) = [words for words in plan.commands if "caption-openai" in words]
        return str(command)

    open_server = plan("false")
    assert open_server.jobs["caption_openai"] == 1
    assert open_server.jobs["caption_grammar"] == 0
    assert "OPENAI_API_KEY" not in open_server.text
    command = command_of(open_server)
    assert re.search(r"--retry +--max-bad-percent 5 .*--concurrency 16 .*--timeout 120 ", command)
    assert "--base-url http://localhost:8000/v1 --served-model org/model" in command
    assert "--needs-key False" in command
    closed_server = plan("true")  # without a key its captions fail, and nothing else
    assert closed_server.code == 0
    assert closed_server.jobs == open_server.jobs
    assert "OPENAI_API_KEY is not set: captions by served will fail" in closed_server.text
    assert "--needs-key True" in command_of(closed_server)


def test_a_missing_key_stops_its_captions_alone(
    snakemake: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "served.yaml").write_text(SERVED % "true", "utf-8")
    run = tmp_path / "run"
    words = ["--cores", "1", "--directory", run, "--configfile", "config/micro.yaml"]
    answer = snakemake(
        *words, tmp_path / "served.yaml", "--keep-going", "--", "patches", "captions"
    )
    assert answer.code != 0
    assert (run / "results/patches/funnel.csv").exists()
    (log,) = run.glob("logs/caption_openai/served/real/*.log")
    assert (
        log.read_text("utf-8")
        .splitlines()[-1]
        .startswith(
            "caption-openai: OPENAI_API_KEY is not set, but the captioner served wants a key"
        )
    )
    assert answer.text.count("captions by served will fail") == 1
    as_a_job = snakemake(*words, tmp_path / "served.yaml", "-n", "--mode", "remote")
    assert as_a_job.code == 0
    assert "captions by served" not in as_a_job.text  # said once, not by each job of a cluster
