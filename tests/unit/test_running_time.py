"""How long a run will take, by hand-made pilots whose rates are known."""

from __future__ import annotations

import json
import re
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundsynth.errors import InputError
from groundsynth.estimate import estimate, expected_rows, merged_configuration
from groundsynth.files import write_json
from groundsynth.pilot import CONFIGURATION, read_pilot
from groundsynth.running_time import Duration, durations, time_report
from groundsynth.tables import SCHEMAS, write_table
from groundsynth.time_conditions import CONDITIONS, differences
from groundsynth.verbs import VERBS
from groundsynth.workload import GPU_RULES, IN_SLOTS, PLACES, Run, work_of

ROOT = Path(__file__).resolve().parents[2]
RULES = dict(
    part.split(":", 1)
    for path in (ROOT / "rules").glob("*.smk")
    if path.name != "targets.smk"
    for part in re.split(r"(?m)^rule ", path.read_text("utf-8"))[1:]
)
BY_JOBS = {
    *("simulate_imagery", "simulate_labels", "summarise_patches", "select_samples"),
    *("compare_discriminators", "score_caption_set", "write_report"),
}
"""Rules whose time is taken to be that of the pilot's jobs."""


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def log(folder: Path, name: str, verb: str, work: float, imports: float = 1.0) -> None:
    touch(folder, f"logs/{name}.log")
    record = {"verb": verb, "import_seconds": imports, "work_seconds": work, "peak_mb": 9}
    text = f"timing: {json.dumps({**record, 'device': 'A tiny GPU'})}\n"
    (folder / "logs" / f"{name}.log").write_text(text, "utf-8")


def history(folder: Path, name: str, images: int, seconds: float) -> None:
    columns: dict[str, list[Any]] = {"step": [1, 2], "name": ["loss"] * 2, "value": [1.0, 0.5]}
    columns |= {"images": [1, images], "seconds": [0.5, seconds]}
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    write_table(folder / name, columns, "history", {})


@pytest.fixture
def config() -> dict[str, Any]:
    """The paper's configuration with trainings as long as a test can add up."""
    found = merged_configuration([])
    found["gan"]["unconditional"] |= {"kimg": 1, "gpus": 2}
    found["segmentation"] |= {"mixes": ["real"], "architectures": ["unet", "fpn"], "epochs": 2}
    found["segmentation"] |= {"gpus": 3}
    found["captions"] |= {"captioners": ["grammar_text"], "populations": ["real"]}
    found["synthesis"]["unconditional"] |= {"samples": 30, "shard_size": 20}
    return found


@pytest.fixture
def pilot(tmp_path: Path, config: dict[str, Any]) -> Path:
    """A finished run of 10 real patches in two shards and 8 samples."""
    folder = tmp_path / "pilot"
    write_json(folder / CONFIGURATION, config)
    for shard, count in (("A.1", 4), ("B", 6)):
        columns: dict[str, list[Any]] = {
            name: [None] * count for name in SCHEMAS["real_index"].names
        }
        columns |= {"patch_id": [f"{shard}_{n}" for n in range(count)], "split": ["train"] * count}
        path = folder / f"results/patches/real/{shard}.index.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(path, columns, "real_index", {})
        touch(
            folder,
            f"results/patches/real/{shard}.images.npy",
            f"results/captions/grammar_text/real/{shard}.parquet",
        )
        log(folder, f"cut_patches/{shard}", "cut-patches", 2.5)
        log(folder, f"caption_grammar/grammar_text/real/{shard}", "caption-grammar", 5, 0.5)
    history(folder, "results/gan/unconditional/history.parquet", 500, 100)  # it ended early
    log(folder, "advance_stylegan/1", "advance-stylegan", 30)
    log(folder, "train_stylegan", "train-stylegan", 20)  # killed: its log has the last attempt
    history(folder, "results/segmentation/real/unet/42/history.parquet", 160, 30)
    log(folder, "advance_segmentation/real/unet/42/1", "advance-segmentation", 12)
    log(folder, "train_segmentation/real/unet/42", "train-segmentation", 20)
    log(folder, "write_report", "write-report", 7)
    return folder


def plan_of(config: dict[str, Any]) -> tuple[Run, Counter[str]]:
    """A run ten times as large as the pilot."""
    names = ["results/gan/unconditional/history.parquet"]
    for shard in ("x", "y"):
        names += [
            f"results/patches/real/{shard}.counts.json",
            f"results/patches/real/{shard}.images.npy",
            f"results/captions/grammar_text/real/{shard}.parquet",
        ]
    for architecture in ("unet", "fpn"):
        names.append(f"results/segmentation/real/{architecture}/42/history.parquet")
    jobs = Counter(cut_patches=2, caption_grammar=2, advance_stylegan=7, train_stylegan=1)
    jobs |= Counter(train_segmentation=2, write_report=1, fetch_encoder=1)
    return Run(names, expected_rows(names, config, 100), config), jobs


def by_name(config: dict[str, Any], folder: Path) -> dict[str, Duration]:
    run, jobs = plan_of(config)
    return {duration.name: duration for duration in durations(run, jobs, read_pilot(folder))}


def test_time_grows_with_the_work(config: dict[str, Any], pilot: Path) -> None:
    found = by_name(config, pilot)
    assert found["cut_patches"].seconds == pytest.approx(100 * 5 / 10 + 2 * 1)
    assert found["caption_grammar grammar_text"].seconds == pytest.approx(100 * 10 / 10 + 2 * 0.5)
    assert found["caption_grammar grammar_text"].rate == pytest.approx(1)
    # 1,000 images at 5 a second, which its history knows though a part of it was killed
    assert found["train_stylegan"].seconds == pytest.approx(1000 / 5 + 1)
    # two passes over 80 train patches; testing counts with the training
    assert found["train_segmentation unet"].seconds == pytest.approx(2 * 80 * 32 / 160 + 1)
    assert found["write_report"].seconds == pytest.approx(8)
    names = ("train_stylegan", "train_segmentation unet", "cut_patches")
    assert [found[name].gpus for name in names] == [2, 3, 0]


def test_what_the_pilot_lacks_is_not_guessed(config: dict[str, Any], pilot: Path) -> None:
    assert not {name for name in by_name(config, pilot) if name.startswith("fetch")}
    other = deepcopy(config)
    other["patches"]["size"] = 128
    found = by_name(other, pilot)
    assert found["train_segmentation fpn"].reason == "no such job in the pilot"
    for name in ("train_stylegan", "cut_patches", "train_segmentation unet"):
        assert found[name].seconds is None
        assert found[name].reason.startswith("the pilot has patches.size 256, not 128")
    assert found["write_report"].seconds == pytest.approx(8)


def test_the_report_says_what_it_knows(config: dict[str, Any], pilot: Path) -> None:
    run, jobs = plan_of(config)
    read = read_pilot(pilot)
    text = time_report(durations(run, jobs, read), read)
    lines = {" ".join(line.split()[:-1]): line.split()[-1] for line in text.splitlines() if line}
    assert lines["train_stylegan 1 1,000 images 5.00 3.4"] == "min"
    total = 52 + 101 + 201 + 33 + 8
    on_gpus = (2 * 201 + 3 * 33) / 60
    assert (
        f"at least {total / 60:.1f} min; in jobs that ask for a GPU at least {on_gpus:.1f}" in text
    )
    assert "\n  train_segmentation fpn: no such job in the pilot\n" in text
    assert "Measured on A tiny GPU." in text
    assert "an order of magnitude at best" not in text
    run = Run(run.names, expected_rows(run.names, config, 1001), config)
    text = time_report(durations(run, jobs, read), read)
    assert re.search(r"(?m)^cut_patches .*\*$", text)
    assert "an order of magnitude at best" in text


@pytest.mark.parametrize(
    ("rule", "kind", "change", "said"),
    [
        ("train_spade", "", ("gan", "conditional", "batch", 7), "gan.conditional.batch 50, not 7"),
        ("sample_conditional", "", ("gan", "conditional", "base_channels", 7), "base_channels 64"),
        (
            "caption_vllm",
            "qwen3-4b_text",
            ("captions", "vllm", "max_tokens", 7),
            "another captions",
        ),
        ("extract_features", "segmenter", ("segmentation", "encoder", "x"), "not x"),
        (
            *("caption_vllm", "qwen3-vl-8b_hybrid"),
            *(("captions", "models", "qwen3-vl-8b", {}), "another captions.models.qwen3-vl-8b"),
        ),
        ("train_segmentation", "unet", ("run", "precision", "bfloat16"), "float32, not bfloat16"),
    ],
)
def test_settings_that_cost_time(
    rule: str, kind: str, change: tuple[Any, ...], said: str, config: dict[str, Any]
) -> None:
    other = deepcopy(config)
    section: Any = other
    for key in change[:-2]:
        section = section[key]
    section[change[-2]] = change[-1]
    (found,) = differences(rule, kind, other, config)
    assert said in found
    assert differences(rule, kind, config, config) == []


def test_another_model_is_no_matter(config: dict[str, Any]) -> None:
    other = deepcopy(config)
    other["captions"]["models"]["gemma3-4b"] = {}
    assert differences("caption_vllm", "qwen3-4b_text", other, config) == []
    other["segmentation"]["encoder"] = "x"
    assert differences("extract_features", "dinov2", other, config) == []


@pytest.mark.parametrize("key", ["kimg", "slots", "generator_rate"])
def test_settings_that_cost_none(key: str, config: dict[str, Any]) -> None:
    other = deepcopy(config)
    other["gan"]["conditional"][key] = 99
    assert differences("train_spade", "", other, config) == []


def test_every_rule_has_its_measure() -> None:
    """A new rule is to be put where its time is proportional to something, or among the others."""
    captions = {rule for rule in RULES if rule.startswith("caption_")}
    known = set(PLACES) - {"caption"} | captions | set(IN_SLOTS) | BY_JOBS
    assert {rule for rule in RULES if not rule.startswith("fetch_")} == known
    assert set(CONDITIONS) <= set(RULES)
    assert {rule for rule, text in RULES.items() if re.search(r"(?m)^        gpu=", text)} == (
        GPU_RULES
    )
    assert {rule.replace("_", "-") for rule in RULES} <= set(VERBS)


def test_conditions_are_keys_of_the_configuration() -> None:
    content = yaml.safe_load((ROOT / "config" / "config.yaml").read_text("utf-8"))
    for path in {re.sub(r"\.<\w+>", "", path) for paths in CONDITIONS.values() for path in paths}:
        section = content
        for part in path.split("."):
            assert part in section, path
            section = section[part]


def test_places_are_outputs_of_their_rules() -> None:
    """A renamed output would otherwise leave its rule without work."""
    for rule, (place, _, _) in PLACES.items():
        literal = re.sub(r"\(\?[P=][^)]*\)|\\w\+|\\d\+|\[\^/\]\+", "*", place).replace("\\", "")
        ending = literal.rpartition("*")[2] or literal.rpartition("/")[2]
        rules = [rule] if rule != "caption" else ["caption_vllm", "caption_grammar"]
        for name in rules:
            assert ending in RULES[name].partition("    log:")[0], rule


def test_a_run_without_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no results/report/configuration\.json"):
        estimate(configuration=[], times=tmp_path)


def test_what_an_earlier_configuration_left_in_the_pilot_is_passed_over(
    config: dict[str, Any], pilot: Path
) -> None:
    """A captioner and a mix that are defined no longer."""
    before = by_name(config, pilot)
    touch(pilot, "results/captions/mine/real/B.parquet")
    log(pilot, "caption_vllm/mine/real/B", "caption-vllm", 9)
    history(pilot, "results/segmentation/mine/fpn/42/history.parquet", 10, 3)
    assert by_name(config, pilot) == before


def test_outputs_that_were_deleted_leave_no_rate(config: dict[str, Any], pilot: Path) -> None:
    for path in (pilot / "results/captions").rglob("*.parquet"):
        path.unlink()
    found = by_name(config, pilot)["caption_grammar grammar_text"]
    assert (found.seconds, found.reason) == (None, "the pilot did none of it")


def test_work_of_a_finished_run_is_that_of_its_files(pilot: Path) -> None:
    read = read_pilot(pilot)
    assert read.work["cut_patches", ""].amount == 10
    assert read.work["train_stylegan", ""].amount == 500
    assert read.spent["train_stylegan", ""].work == 100
    assert read.spent["train_stylegan", ""].jobs == 2
    assert work_of(Run([], {}, read.config)) == {}
