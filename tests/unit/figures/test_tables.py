"""Result tables: figures worked out by hand, header-only tables, Markdown."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groundsynth.errors import InputError
from groundsynth.evaluation.caption_sets import score_caption_set
from groundsynth.figures.caption_tables import subsets
from groundsynth.figures.published_figures import published_captioners
from groundsynth.figures.tables import make_tables
from groundsynth.files import write_json
from groundsynth.landcover import Legend
from groundsynth.tables import SCHEMAS, composition_schema, read_table, write_table

DIVERSITY = {
    "normalised_redundancy_percent": 50.0,
    "vocabulary": 7,
    "words": 96,
    **{f"distinct_{order}_percent": 10.0 * order for order in (1, 2, 3)},
    "self_bleu": None,
    "self_bleu_sample": 0,
}
NAMES = (
    "table1",
    "table2",
    "table3",
    "table4",
    "cells",
    "significance",
    "composition",
    "rare_classes",
    "rare_gains",
    "distances",
    "silhouettes",
    "grounding",
    "diversity",
    "selection",
    "leaks",
)
COORDINATES = SCHEMAS["coordinates"].names


def read(folder: Path, name: str) -> list[dict[str, str]]:
    """Rows of a CSV table."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def make(run: Any, legend: dict[str, Any], folder: Path, **inputs: Any) -> Path:
    """Tables of a run, with some of its inputs replaced."""
    given = {**run.table_inputs(), **inputs}
    make_tables(**given, legend=legend, clip_name="tiny, of this run", folder=folder)
    return folder


def test_redundancy_of_table_1_is_the_papers(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    rows = {row["subset"]: row for row in read(make(full_run, legend, tmp_path / "t"), "table1")}
    assert list(rows) == ["all", "real", "synthetic", "NWPU", "RSICD", "UCMC"]
    # two captioners; the second one repeats one caption in each population
    assert (rows["all"]["images"], rows["all"]["captions"]) == ("20", "40")
    assert float(rows["all"]["redundancy_percent"]) == pytest.approx(100 * (1 - 38 / 40))
    assert float(rows["real"]["redundancy_percent"]) == pytest.approx(100 * (1 - 23 / 24))
    assert float(rows["synthetic"]["clipscore"]) == pytest.approx(25)  # of 20 and 30
    assert rows["real"]["image_text_model"] == "tiny, of this run"


def test_table_2_holds_each_captioner_of_each_subset(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    rows = read(make(full_run, legend, tmp_path / "t"), "table2")
    assert [row["subset"] for row in rows] == ["all"] * 2 + ["real"] * 2 + ["synthetic"] * 2
    hybrid = rows[3]
    assert (hybrid["captioner"], hybrid["unique_captions"]) == ("grammar_hybrid", "11")
    assert float(hybrid["redundancy_percent"]) == pytest.approx(100 / 12)
    assert float(hybrid["clipscore"]) == pytest.approx(30)
    assert float(hybrid["clip_s"]) == pytest.approx(0.75)
    assert float(hybrid["cut_percent"]) == 100


def test_captioners_of_the_paper_stand_beside_its_figures(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    paths = []
    for name in published_captioners():
        paths.append(tmp_path / f"{name}.json")
        counts = {"captions": 12, "unique": 11, "redundancy_percent": 100 / 12}
        record = {"groups": {"real": counts}, "diversity": DIVERSITY}
        write_json(paths[-1], {**counts, **record, "group_diversity": {"real": DIVERSITY}})
    folder = make(full_run, legend, tmp_path / "t", redundancies=paths)
    rows = {row["captioner"]: row for row in read(folder, "table2") if row["subset"] == "real"}
    row = rows["gemma3-4b_vision"]
    assert row["redundancy_percent_paper"] == "0.26"
    assert float(row["redundancy_percent_difference"]) == pytest.approx(100 / 12 - 0.26)
    assert (row["clipscore_paper"], row["clipscore_difference"]) == ("30.6", "")
    whole = read(folder, "table1")
    assert [row["redundancy_percent_paper"] for row in whole[:2]] == ["12.85", "8.01"]
    head = "| Redundancy (%) | in the paper | difference | CLIPScore | in the paper |"
    assert head in (folder / "table1.md").read_text()
    fewer = make(full_run, legend, tmp_path / "u", redundancies=paths[:4])
    ours = [row for row in read(fewer, "table1") if row["source"] == "this run"]
    assert {row["redundancy_percent_paper"] for row in ours} == {""}
    assert "in the paper" not in (make(full_run, legend, fewer) / "table2.md").read_text()


def test_sets_of_others_stand_in_table_1(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    """Those that the paper prints as its own, those of the configuration as measured."""
    paths = []
    for name, unique in (("RSICD", 4), ("my_set", 9)):
        (tmp_path / f"{name}.txt").write_text(
            "".join(f"caption {n % unique}\n" for n in range(10)), "utf-8"
        )
        paths.append(tmp_path / f"{name}.json")
        score_caption_set(
            captions=tmp_path / f"{name}.txt",
            column="any",
            self_bleu_sample=0,
            seed=0,
            output=paths[-1],
        )
    folder = make(full_run, legend, tmp_path / "t", caption_sets=paths)
    rows = {row["subset"]: row for row in read(folder, "table1")}
    assert [rows[name]["source"] for name in list(rows)[3:]] == [
        *("the paper", "measured here", "the paper", "measured here"),
    ]
    nwpu, rsicd, own = rows["NWPU"], rows["RSICD"], rows["my_set"]
    assert (nwpu["images"], nwpu["captions"]) == ("31500", "157500")
    assert (nwpu["redundancy_percent"], nwpu["redundancy_percent_paper"]) == ("", "72.65")
    assert (nwpu["clipscore"], nwpu["clipscore_paper"]) == ("", "30.25")
    assert (rsicd["captions"], float(rsicd["redundancy_percent"])) == ("10", 60)
    assert float(rsicd["redundancy_percent_difference"]) == pytest.approx(60 - 67.02)
    assert (own["redundancy_percent"], own["redundancy_percent_paper"]) == ("10.0", "")
    for ending in ("md", "tex"):
        text = (folder / f"table1.{ending}").read_text("utf-8")
        assert "157,500" in text
        assert "measured here" in text
    assert "nothing of which was measured by this run" in (folder / "table1.md").read_text("utf-8")


def test_a_run_without_captions_has_no_table_1_of_others(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    assert read(make(bare_run, legend, tmp_path / "t"), "table1") == []


def test_table_2_names_the_models_as_fetched(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    receipt = tmp_path / "m.json"
    write_json(receipt, {"repository": "x/m", "revision": "main", "commit": "01ab"})
    folder = make(full_run, legend, tmp_path / "t", receipts=[receipt])
    assert "x/m at commit 01ab (main)" in (folder / "table2.md").read_text("utf-8")
    assert "commit" not in (folder / "table1.md").read_text("utf-8")


def test_diversity_of_each_captioner(full_run: Any, legend: dict[str, Any], tmp_path: Path) -> None:
    rows = read(make(full_run, legend, tmp_path / "t"), "diversity")
    assert [row["subset"] for row in rows] == ["all"] * 2 + ["real"] * 2 + ["synthetic"] * 2
    assert float(rows[2]["words_a_caption"]) == 96 / 12
    assert (rows[0]["vocabulary"], rows[0]["distinct_2_percent"]) == ("7", "20.0")
    assert rows[0]["self_bleu"] == ""


def test_two_captioned_synthetic_populations_stand_by_name() -> None:
    groups: dict[str, Any] = {"real": {}, "unconditional": {}, "conditional": {}}
    found = subsets({"a": {"groups": groups}, "b": {"groups": {"real": {}}}})
    assert list(found) == ["all", "real", "unconditional", "conditional"]
    assert found["all"] == ["real", "unconditional", "conditional"]


def test_scores_come_from_summed_counts_in_percent(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    counts = np.zeros((2, 3, 3), int)
    counts[0] = [[8, 2, 0], [0, 0, 0], [0, 0, 0]]
    counts[1] = [[0, 0, 0], [0, 10, 0], [0, 0, 0]]
    bare_run.add_cell("real", "fpn", 2024, counts)
    folder = make(bare_run, legend, tmp_path / "t")
    f1 = (2 * 8 / (10 + 8) + 2 * 10 / (10 + 12)) / 2  # water occurs nowhere and is left out
    for name in ("table3", "cells"):
        (row,) = read(folder, name)
        assert float(row["f1"]) == pytest.approx(100 * f1, abs=1e-9)
        assert float(row["accuracy"]) == pytest.approx(90)
        assert (row["classes_left_out"], row["test_patches"]) == ("1", "2")
    assert row["seed"] == "2024"
    (by_class,) = read(folder, "table4")
    assert float(by_class["f1_tree"]) == pytest.approx(100 * 16 / 18)
    assert by_class["f1_water"] == ""
    note = (folder / "table3.md").read_text().splitlines()[-1]
    assert "2 test patches" in note
    assert "at most 1 of 3 are left out" in note
    assert "No mix is compared" in note


def one_in(shares: list[float], size: int = 100) -> np.ndarray:
    """int [N, 3, 3]: of ``size`` pixels of each class, that share is right, the rest is next."""
    right = np.round(np.array(shares) * size).astype(int)[:, None, None]
    return right * np.eye(3, dtype=int) + (size - right) * np.roll(np.eye(3, dtype=int), 1, axis=1)


def test_gains_are_tested_over_patches_and_marked(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    for seed, shift in ((1, 0.0), (2, 0.02)):
        for architecture in ("unet", "fpn"):
            real = np.linspace(0.5, 0.6, 12) + shift
            better = real + (0.1 if architecture == "unet" else 0.0)
            bare_run.add_cell("real", architecture, seed, one_in(real.tolist()))
            bare_run.add_cell("real+synthetic", architecture, seed, one_in(better.tolist()))
    folder = make(bare_run, legend, tmp_path / "t", permutations=5000)
    rows = {(row["mix"], row["architecture"]): row for row in read(folder, "table3")}
    assert list(rows) == [
        (m, a) for m in ("real", "real+synthetic") for a in ("unet", "fpn", "mean")
    ]
    row = rows["real+synthetic", "unet"]
    assert float(row["f1_gain"]) == pytest.approx(10, abs=0.6)
    assert float(row["f1_std"]) == pytest.approx(2 / np.sqrt(2), abs=0.2)
    assert float(row["f1_low"]) < float(row["f1"]) < float(row["f1_high"])
    assert (row["f1_mark"], row["seeds"], row["unit"]) == ("gain", "2", "patch")
    assert (row["samples"], rows["real", "fpn"]["samples"]) == ("all samples", "real patches only")
    assert rows["real+synthetic", "fpn"]["f1_mark"] == ""
    assert rows["real", "unet"]["f1_gain"] == ""
    assert row["f1_paper"] == ""  # three classes that the paper has not
    printed = (folder / "table3.md").read_text().splitlines()
    assert printed[0].startswith("| Training mix | Architecture | Seeds | F1 |")
    assert printed[5].startswith("| real+synthetic | unet | 2 | ")
    assert printed[5].count("↑") == 5
    assert "corrected for the 15 comparisons" in printed[-1]
    tests = read(folder, "significance")
    assert len(tests) == 3 * 5 + 3 * 3
    stored = read_table(folder / "significance.parquet", "significance").to_pylist()
    assert [row["p_corrected"] for row in stored] == [float(t["p_corrected"]) for t in tests]
    assert all(row["p_corrected"] >= row["p"] for row in stored)
    assert {row["mark"] for row in stored if row["architecture"] == "fpn"} == {""}


def test_mixes_say_which_samples_they_take(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    for mix in ("real", "real+synthetic", "real+selected"):
        bare_run.add_cell(mix, "fpn", 1, one_in([0.5, 0.6, 0.7]))
    names = [f"unconditional-{seed:08d}" for seed in range(8)]
    reasons = [None, "low_clipscore", None, "near_duplicate", None, None, "low_clipscore", None]
    columns = {
        "population": ["unconditional"] * 8,
        "id": names,
        "kept": [reason is None for reason in reasons],
        "reason": reasons,
    }
    write_table(tmp_path / "selection.parquet", columns, "selection", {})
    selected = {"real": True, "unconditional": "all", "conditional": 0, "selection": True}
    inputs = {
        "selections": [tmp_path / "selection.parquet"],
        "mixes": {**bare_run.table_inputs()["mixes"], "real+selected": selected},
    }
    folder = make(bare_run, legend, tmp_path / "t", **inputs)
    expected = {
        "real": "real patches only",
        "real+synthetic": "all samples",
        "real+selected": "selection (unconditional: 5 of 8 kept)",
    }
    assert {row["mix"]: row["samples"] for row in read(folder, "table3")} == expected
    for name in ("cells", "significance"):
        rows = read(folder, name)
        assert rows
        assert all(row["synthetic_samples"] == expected[row["mix"]] for row in rows)
    for name in ("table3", "table4"):
        note = (folder / f"{name}.md").read_text().splitlines()[-1]
        assert "real+selected takes a selection (unconditional: 5 of 8 kept), the first" in note
        assert "none is selected" not in note
    outcomes = {row["outcome"]: row["samples"] for row in read(folder, "selection")}
    assert outcomes == {"kept": "5", "near_duplicate": "1", "low_clipscore": "2"}
    without = make(bare_run, legend, tmp_path / "u")
    note = (without / "table3.md").read_text().splitlines()[-1]
    assert "take all samples: none is selected by its quality" in note
    assert read(without, "selection") == []


def test_cells_carry_boundary_f1_and_calibration_error(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    for seed in (1, 2):
        bare_run.add_cell("real", "unet", seed, one_in([0.5] * 2))
    boundaries = np.full((2, 4, 3), 6)
    boundaries[:, [1, 3]] = 3
    calibration = np.zeros((2, 3, 15))
    calibration[:, :, 14] = [10, 8, 9]
    columns = {
        "architecture": ["unet"] * 2,
        "mix": ["real"] * 2,
        "seed": [2] * 2,
        "patch_id": ["a", "b"],
        "boundaries": boundaries.reshape(2, -1).tolist(),
        "calibration": calibration.reshape(2, -1).tolist(),
    }
    path = tmp_path / "quality.parquet"
    write_table(path, columns, "quality", {})
    first, second = read(make(bare_run, legend, tmp_path / "t", qualities=[path]), "cells")
    assert (first["boundary_f1"], first["calibration_error"]) == ("", "")
    assert float(second["boundary_f1"]) == pytest.approx(50)
    assert float(second["calibration_error"]) == pytest.approx(10)
    write_table(path, {**columns, "boundaries": [[1] * 8] * 2}, "quality", {})
    with pytest.raises(InputError, match=r"quality\.parquet does not hold 4 x 3 counts"):
        make(bare_run, legend, tmp_path / "u", qualities=[path])


def test_rare_classes_stand_with_their_gains(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    legend = {**legend, "classes": [*legend["classes"], {**legend["classes"][0], "name": "rock"}]}
    legend["classes"][-1]["codes"] = [60]
    paths = []
    for population, rock in (("real", 2.0), ("conditional", 30.0)):
        shares = [100 - rock, 0.0, 0.0, rock]
        columns: dict[str, Any] = {"population": [population], "id": ["a"], "mask_source": ["m"]}
        names = [entry["name"] for entry in legend["classes"]]
        columns |= {f"share_{n}": [s] for n, s in zip(names, shares, strict=True)}
        paths.append(tmp_path / f"{population}.parquet")
        schema = composition_schema(Legend.from_json(legend))
        write_table(paths[-1], {**columns, "unlabelled_share": [0.0]}, schema, {})
    for mix in ("real", "real+synthetic"):
        bare_run.add_cell(mix, "unet", 1, np.full((2, 4, 4), 2))
    folder = make(bare_run, legend, tmp_path / "t", compositions=paths, indices=[])
    rock = {
        row["population"]: row for row in read(folder, "rare_classes") if row["class"] == "rock"
    }
    assert (rock["real"]["images_with_one_percent"], rock["real"]["total_percent"]) == ("1", "2.0")
    gains = read(folder, "rare_gains")
    assert [row["score"] for row in gains] == ["f1_crop & <b>field</b>", "f1_water", "f1_rock"]
    assert {(row["gain"], row["mark"]) for row in gains} == {("0.0", "")}


def test_blocks_are_drawn_as_one_and_few_of_them_prove_nothing(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    for mix, share in (("real", 0.5), ("real+synthetic", 0.9)):
        bare_run.add_cell(mix, "unet", 1, one_in([share] * 12))
    folder = make(bare_run, legend, tmp_path / "t", block_degrees=3.0)
    row = read(folder, "table3")[1]
    assert (row["test_patches"], row["units"], row["unit"]) == ("12", "2", "block")
    assert (row["f1_mark"], float(row["f1_gain"])) == ("", pytest.approx(40))
    note = (folder / "table3.md").read_text().splitlines()[-1]
    assert "12 test patches in 2 blocks of 3 degrees" in note
    assert "(100 resamples; 20 or fewer make it too narrow)" in note
    assert "With 2 blocks no single difference can reach it" in note


def test_cells_of_other_test_patches_are_refused(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    bare_run.add_cell("real", "unet", 1, one_in([0.5] * 3))
    bare_run.add_cell("real", "unet", 2, one_in([0.5] * 4))
    with pytest.raises(InputError, match="was tested on other patches"):
        make(bare_run, legend, tmp_path / "t")


def test_the_paper_stands_beside_what_it_measured_too(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    names = ("tree", "shrub", "grass", "crop", "built-up", "barren", "water")
    classes = [{"name": n, "codes": [i + 1], "color": [0, 0, 0]} for i, n in enumerate(names)]
    bare_run.add_cell("real", "unet", 1, np.full((2, 7, 7), 3))
    folder = make(bare_run, {"no_data": [0], "classes": classes}, tmp_path / "t", compositions=[])
    (row,) = read(folder, "table3")
    assert (row["f1_paper"], row["accuracy_paper"]) == ("76.37", "85.17")
    assert float(row["f1_difference"]) == pytest.approx(100 / 7 - 76.37)
    lines = (folder / "table4.md").read_text().splitlines()
    assert "| paper | 90.92 | 45.86 | 84.25 | 86.82 | 73.86 | 58.98 | 93.88 |" in lines[3]
    assert "| difference | -76.63 |" in lines[4]
    assert "arXiv 2603.09625" in lines[-1]


def test_markdown_and_latex_are_rounded_and_escaped(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    full_run.add_cell("a|b_c", "unet", 2024, full_run_counts())
    folder = make(full_run, legend, tmp_path / "t")
    lines = (folder / "table3.md").read_text().splitlines()
    assert lines[-3].startswith(
        "| a\\|b_c | unet | 1 | 33.33 [33.33, 33.33] | 20.00 [20.00, 20.00] |"
    )
    tex = (folder / "table3.tex").read_text().splitlines()
    assert tex[tex.index(r"\bottomrule") - 1].startswith(
        r"a\textbar{}b\_c & unet & 1 & 33.33 {[}33.33, 33.33] & 20.00"
    )


def full_run_counts() -> np.ndarray:
    """Counts of the full run's three test patches, all of them equal."""
    return np.ones((3, 3, 3), int)


def test_distances_and_composition(full_run: Any, legend: dict[str, Any], tmp_path: Path) -> None:
    paths = [
        full_run.add_distances(extractor, population, ratio)
        for extractor in ("segmenter", "inception")
        for population, ratio in (("unconditional", 0.25), ("conditional", 0.5))
    ]
    folder = make(full_run, legend, tmp_path / "t", measured=paths)
    rows = read(folder, "distances")
    assert [(r["extractor"], r["population"], r["compared"]) for r in rows] == [
        (extractor, *rest)
        for extractor in ("segmenter", "inception")
        for rest in (
            ("unconditional", "samples"),
            ("unconditional", "untrained generator"),
            ("conditional", "samples"),
            ("conditional", "untrained generator"),
            ("real", "test split"),
        )
    ]
    assert [r["percent_of_untrained"] for r in rows[:5]] == ["25.0", "", "50.0", "", ""]
    assert [r["distance"] for r in rows[:5]] == ["25.0", "100.0", "50.0", "100.0", "1.5"]
    assert [r["images"] for r in rows[:5]] == ["8", "4", "8", "4", "3"]
    assert [r["images_chosen"] for r in rows[:5]] == ["7", "4", "7", "4", "3"]
    assert {(r["train_patches"], r["train_patches_chosen"]) for r in rows} == {("9", "7")}
    assert (rows[0]["manifold_precision"], rows[0]["kernel_deviation"]) == ("0.75", "0.001")
    assert (rows[4]["manifold_precision"], rows[4]["density"]) == ("", "")  # too few to say
    assert (rows[5]["dimensions"], rows[5]["weights_digest"]) == ("2048", "0" * 64)
    text = (folder / "distances.md").read_text()
    assert "| segmenter | unconditional | samples | 8 | 9 | 25 | 25.00 | 7 | 7 | 0.00412 |" in text
    network = "inception: inception-net, 2048 dimensions, images resized, SHA-256 of the weights"
    assert f"; {network} {'0' * 64}." in text
    shares = [r for r in read(folder, "composition") if r["population"] == "real"]
    assert sum(float(r["total_percent"]) for r in shares[:3]) == pytest.approx(100)
    assert shares[-1]["class"] == "all classes"
    assert read(folder, "rare_classes") == []  # each of the three classes is frequent
    assert float(shares[-1]["jensen_shannon_to_real"]) == 0


def test_silhouettes_of_the_features_stand_once(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    rows = read(make(full_run, legend, tmp_path / "t"), "silhouettes")
    found = [(row["space"], row["populations"], row["silhouette"]) for row in rows]
    planes = [("all populations", "0.125"), ("real and unconditional", "0.25")]
    assert found == [("features", "all populations", "0.5")] + [
        (method, *plane) for method in ("tsne", "umap") for plane in planes
    ]
    assert {row["feature_model"] for row in rows} == {"unet"}
    write_table(tmp_path / "none.parquet", {n: [] for n in COORDINATES}, "coordinates", {})
    with pytest.raises(InputError, match=r"none\.parquet carries no 'model'"):
        make(full_run, legend, tmp_path / "u", coordinates=[tmp_path / "none.parquet"])


def test_without_input_every_table_is_its_header(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    lists = {k: v for k, v in bare_run.table_inputs().items() if isinstance(v, list)}
    empty: dict[str, Any] = {name: [] for name in lists}
    folder = make(bare_run, legend, tmp_path / "t", **empty)
    for name in NAMES:
        assert read(folder, name) == []
        assert len((folder / f"{name}.csv").read_text().splitlines()) == 1
    for name in NAMES[:4]:
        assert len((folder / f"{name}.md").read_text().splitlines()) == 2
        assert r"\midrule" in (folder / f"{name}.tex").read_text()
    assert len(read_table(folder / "significance.parquet", "significance")) == 0


def test_broken_input_is_named_and_leaves_nothing(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    broken = tmp_path / "grammar.json"
    write_json(broken, {"unique": 3})
    with pytest.raises(InputError, match=r"grammar\.json"):
        make(bare_run, legend, tmp_path / "t", redundancies=[broken])
    with pytest.raises(InputError, match=r"grammar\.json has no 'ratio'"):
        make(bare_run, legend, tmp_path / "u", measured=[broken])
    assert not list((tmp_path / "t").glob("*"))


def test_counts_of_another_legend_are_refused(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    path = bare_run.add_cell("real", "fpn", 1, np.ones((2, 4, 4), int))
    with pytest.raises(InputError, match=r"fpn/1/confusion\.parquet does not hold 3 x 3"):
        make(bare_run, legend, tmp_path / "t", confusions=[path])


def test_a_table_without_test_patches_is_refused(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    path = bare_run.add_cell("real", "fpn", 1, np.ones((0, 9), int))
    with pytest.raises(InputError, match="no test patch"):
        make(bare_run, legend, tmp_path / "t", confusions=[path])


def test_tables_and_report_do_not_import_heavy_libraries() -> None:
    code = (
        "import sys, groundsynth.figures.tables, groundsynth.figures.page;"
        "print([m for m in ('torch', 'matplotlib', 'rasterio') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_the_leak_audit_stands_beside_its_yardstick_and_in_words(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    rows = read(make(full_run, legend, tmp_path / "t"), "leaks")
    assert [row["population"] for row in rows] == [
        "unconditional",
        "conditional",
        "real (test split)",
    ]
    first, second, test = rows
    assert (first["images"], first["near_duplicates"], first["copies"]) == ("8", "1", "0")
    assert float(first["share_percent"]) == 12.5
    assert float(first["expected_percent"]) == 25  # before the first of three test patches
    assert "no more near-duplicates" in first["verdict"]
    assert "1 of 8 (12.50%)" in first["verdict"]
    assert (second["near_duplicates"], second["copies"]) == ("8", "2")
    # All eight before the first of three test patches: one order in 165.
    assert float(second["chance"]) == pytest.approx(1 / 165, rel=1e-6)
    assert "there are more near-duplicates" in second["verdict"]
    assert "2 lie at less than a tenth" in second["verdict"]
    assert (test["images"], float(test["smallest"]), test["verdict"]) == ("3", 1, "")
