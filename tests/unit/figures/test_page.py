"""The report page: whole, offline, escaped; and the headline."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from groundsynth.errors import InputError
from groundsynth.figures.generator_endings import thousands
from groundsynth.figures.headline import spoken
from groundsynth.figures.page import (
    gain_of_synthesis,
    read_picture,
    read_result_table,
    without_passwords,
    write_page,
)
from groundsynth.figures.style import nothing_to_draw, save_figure, styled
from groundsynth.figures.tables import make_tables
from groundsynth.files import read_json, write_json
from groundsynth.tables import write_table

CONFIGURATION = {
    "run": {"name": "demo", "seed": 1},
    "note": "<script>alert('configured')</script>",
    "segmentation": {
        "mix_definitions": {
            "real": {"real": True, "unconditional": 0, "conditional": 0},
            "real+synthetic": {"real": True, "unconditional": 8, "conditional": 0},
        }
    },
}
DISTANCES = (
    "split,other_split,distance_metres,distance_patches,pairs_nearer_than_one_patch,nearest\n"
    "train,validation,2571.4,1.086,0,a b\n"
    "train,test,,,0,\n"
)
SPLITS = "split,patches,percent\ntrain,6,50.000\nvalidation,3,25.000\ntest,3,25.000\n"
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Tags, references and text of a page; raises when tags are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.anchors: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.references += [values[k] or "" for k in ("src", "href") if k in values]
        self.anchors += [values["id"] or ""] if "id" in values else []
        if tag == "img":
            self.images.append(values)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def write(run: Any, legend: dict[str, Any], name: str = "demo", **changes: Any) -> tuple[Path, Any]:
    """The report of a run: (page, headline)."""
    folder = run.folder / "results"
    make_tables(
        **run.table_inputs(),
        legend=legend,
        clip_name="tiny <em>model</em>",
        folder=folder / "tables",
    )
    (folder / "patches/distances.csv").write_text(DISTANCES)
    (folder / "patches/splits.csv").write_text(SPLITS)
    with styled():
        for picture in ("overview", "confusion", "reliability", "neighbours"):
            save_figure(nothing_to_draw("Nothing."), folder / f"figures/{picture}.png")
    inputs: dict[str, Any] = {
        "tables": sorted((folder / "tables").iterdir()),
        "figures": sorted((folder / "figures").iterdir()),
        "funnel": folder / "patches/funnel.csv",
        "splits": folder / "patches/splits.csv",
        "distances": folder / "patches/distances.csv",
        "measured": run.measured,
        "generators": run.generators,
        "configuration": CONFIGURATION,
        "logs": run.folder / "logs",
        "page": folder / "report/index.html",
        "headline": folder / "report/headline.json",
        "settings": folder / "report/configuration.json",
    }
    inputs.update(changes)
    write_page(name=name, **inputs)
    return inputs["page"], read_json(inputs["headline"])


@pytest.fixture
def reported(full_run: Any, legend: dict[str, Any]) -> tuple[Page, Any, str]:
    """The page, parsed; the headline; the page as text."""
    for extractor, scale in (("segmenter", 0.5), ("inception", 1.0)):
        full_run.add_distances(extractor, "unconditional", 0.25 * scale)
        full_run.add_distances(extractor, "conditional", 0.125 * scale)
    timing = {"import_seconds": 2.0, "work_seconds": 6.0, "peak_mb": 400}
    full_run.add_log("cut_patches/a.log", verb="cut-patches", **timing)
    page, headline = write(full_run, legend, name="demo <b>1</b>")
    text = page.read_text("utf-8")
    return Page(text), headline, text


def test_simulated_tiles_are_called_so(full_run: Any, legend: dict[str, Any]) -> None:
    for kind, told in (("simulated", True), ("worldcover", False)):
        configuration = {**CONFIGURATION, "source": {"kind": kind}}
        page, _ = write(full_run, legend, configuration=configuration)
        assert ("Made from simulated tiles" in page.read_text("utf-8")) is told


def test_the_page_needs_nothing_from_outside(reported: tuple[Page, Any, str]) -> None:
    page, _, text = reported
    for reference in page.references:
        assert reference.startswith(("data:", "#")), reference
    assert not re.search(r"url\(|@import|<script|\bhttps?://", text.split("<body>")[0])
    assert "script" not in page.tags
    assert "default-src 'none'" in text


def test_every_entry_of_the_contents_leads_to_a_section(reported: tuple[Page, Any, str]) -> None:
    page, _, _ = reported
    targets = [r[1:] for r in page.references if r.startswith("#")]
    assert len(targets) >= 8
    assert set(targets) <= set(page.anchors)


def test_pictures_are_embedded_with_alternative_texts_and_sizes(
    reported: tuple[Page, Any, str],
) -> None:
    page, _, _ = reported
    assert len(page.images) == 4
    for image in page.images:
        assert (image["src"] or "").startswith("data:image/png;base64,iVBOR")
        assert len(image["alt"] or "") > 30
        assert (image["width"], image["height"]) == ("1200", "160")


def test_markup_in_names_is_text(reported: tuple[Page, Any, str]) -> None:
    page, _, text = reported
    for raw in ("<b>field</b>", "<em>model</em>", "<i>N36E030</i>", "<b>1</b>", "<script>"):
        assert raw not in text
        assert raw in page.text
    assert "alert('configured')" in page.text


def test_the_page_says_what_was_measured(reported: tuple[Page, Any, str]) -> None:
    page, _, text = reported
    words = " ".join(page.text.split())
    assert "Dropped labels missing" in words
    assert "Smallest distance (m) In patches Pairs nearer than one patch" in words
    assert "train validation 2,571.40 1.09 0 a b train test — — 0" in words
    assert "How diverse the captions are" in words
    assert "Vocabulary (words)" in words
    assert "Grounding: what captions say against what the maps show: this run has nothing" in words
    assert "Image-text model of all CLIPScores on this page: tiny <em>model</em>" in words
    assert "1 finished jobs took 8.0 s" in words
    assert "2.0 s (25%) went into importing" in words
    assert "mix_definitions:" in words
    assert "inception unconditional samples 8 9 25 25.00 7 7 0.00412 0.001 0.75 0.625" in words
    assert "inception real test split 3 9 1.5 — 3 7 — —" in words
    network = "inception: inception-net, 2048 dimensions, images resized, SHA-256 of the weights"
    assert f"{network} {'0' * 64}." in words
    assert "feature model" not in words.lower()  # said below the table, not in it
    assert text.count("<strong>") >= 4 + 5  # headline, and the best of five scores


def test_the_page_says_what_ended_each_training(reported: tuple[Page, Any, str]) -> None:
    page, _, _ = reported
    assert "The unconditional generator (stylegan2) reached its 16 images." in page.text
    assert (
        "The conditional generator (spade) was ended after 16 images: its distance had reached its "
        "plateau; the best distance was 0.5 after 8 images, whose weights are kept (Fréchet "
        "distance of 1,200 samples to 6 train patches, features of random convolutions 1)."
    ) in page.text


@pytest.mark.parametrize(
    ("images", "words"),
    [
        *((640, "640"), (5_000_000, "5,000 thousand"), (26_000, "26 thousand")),
        *((1_604_000, "1,604 thousand"), (1234, "1.2 thousand"), (12_345_600, "12,345.6 thousand")),
    ],
)
def test_numbers_of_images(images: int, words: str) -> None:
    assert thousands(images) == words


def test_the_report_tells_no_password() -> None:
    told = {"captions": [{"base_url": "https://me:pw@host:8000/v1?at=a@b", "seed": 1}], "at": "a@b"}
    expected = {"captions": [{"base_url": "https://host:8000/v1?at=a@b", "seed": 1}], "at": "a@b"}
    assert without_passwords(told) == expected


def test_the_headline_has_the_four_telling_figures(
    full_run: Any, reported: tuple[Page, Any, str]
) -> None:
    _, headline, _ = reported
    assert headline["report"].endswith("results/report/index.html")
    assert read_json(full_run.folder / "results/report/configuration.json") == CONFIGURATION
    values = [figure["value"] for figure in headline["figures"]]
    assert len(values) == 4
    assert values[1:] == [25, 12.5, pytest.approx(5)]
    assert "real patches only" in headline["figures"][0]["name"]
    assert 0 < values[0] < 100
    assert all({"name", "value", "unit"} <= set(figure) for figure in headline["figures"])


def test_a_distance_of_the_headline_stands_beside_that_of_real_images(
    reported: tuple[Page, Any, str],
) -> None:
    page, headline, _ = reported
    figure = headline["figures"][1]
    assert figure["name"] == "Fréchet distance, unconditional samples (Inception features)"
    assert figure["floor"] == {"value": 1.5, "images": 3}
    assert "8 samples; 3 real test images: 1.5" in page.text
    assert "untrained" not in json.dumps(headline)


def test_the_headline_says_in_which_features_a_distance_is(
    bare_run: Any, legend: dict[str, Any]
) -> None:
    bare_run.add_distances("segmenter", "unconditional", 0.123456)
    path = bare_run.measured[0]
    write_json(path, read_json(path) | {"floor": None})
    page, headline = write(bare_run, legend, figures=[])
    (figure, _) = headline["figures"]
    assert spoken(figure) == {
        "name": "Fréchet distance, unconditional samples "
        "(features of the run's own segmentation model)",
        "value": "12.3",
        "unit": "",
        "remark": "8 samples; no real test images to compare with",
    }
    assert "8 samples; no real test images to compare with" in page.read_text("utf-8")


def test_the_best_real_cell_leaves_mixes_with_samples_out(
    bare_run: Any, legend: dict[str, Any]
) -> None:
    import numpy as np

    bare_run.add_cell("real", "fpn", 1, np.full((1, 3, 3), 5))
    bare_run.add_cell("real", "unet", 1, 9 * np.eye(3, dtype=int)[None] + 1)
    bare_run.add_cell("real+synthetic", "fpn", 1, np.eye(3, dtype=int)[None])
    page, headline = write(bare_run, legend)
    best = headline["figures"][0]
    assert best["value"] == pytest.approx(100 * 10 / 12)
    assert "unet" in best["name"]
    text = page.read_text("utf-8").replace("&#43;", "+")
    assert "real+synthetic +66.67 points [" in text  # the fpn cells only


def test_a_run_without_anything_still_has_a_page(bare_run: Any, legend: dict[str, Any]) -> None:
    page, headline = write(bare_run, legend, figures=[])
    parsed = Page(page.read_text("utf-8"))
    assert parsed.images == []
    assert "No image-text model scored" in parsed.text
    assert "No log with a timing line" in parsed.text
    assert headline["figures"] == [{"name": "Real patches", "value": 12, "unit": "patches"}]


def gain(**changes: str) -> dict[str, str]:
    """A row of the table of tests."""
    row = {"table": "table3", "score": "f1", "mix": "real+synthetic", "baseline": "real"}
    row |= {"architecture": "unet", "gain": "1.25", "gain_low": "0.5", "gain_high": "2.125"}
    return {**row, "p_corrected": "0.012", "mark": "gain", **changes}


def test_a_selection_stands_on_the_page_with_what_it_asked(
    bare_run: Any, legend: dict[str, Any]
) -> None:
    page, _ = write(bare_run, legend)
    assert "Selection of samples" not in page.read_text("utf-8")
    columns = {
        "population": ["unconditional"] * 4,
        "id": ["a", "b", "c", "d"],
        "kept": [True, True, False, True],
        "reason": [None, None, "near_duplicate", None],
    }
    path = bare_run.folder / "unconditional.parquet"
    asked = {"parameters": {"drop_near_duplicates": True, "min_clipscore": 20.0}}
    write_table(path, columns, "selection", asked)
    bare_run.selections.append(path)
    words = Page(write(bare_run, legend)[0].read_text("utf-8")).text
    assert "Selection of samples" in words
    assert "Unconditional: drop near duplicates, min clipscore 20." in words
    assert re.search(r"near_duplicate\s+1\s+25\.00", words)


def test_the_gain_over_real_patches_in_words() -> None:
    assert gain_of_synthesis([]) == ""
    assert gain_of_synthesis([gain(table="table4"), gain(score="iou")]) == ""
    assert gain_of_synthesis([gain()]) == (
        "Macro F1 against real (mean over seeds): real+synthetic +1.25 points [0.50, 2.12] "
        "(p 0.012 after correction, a significant gain)."
    )
    rows = [gain(), gain(architecture="mean", gain="-0.5", mark="", p_corrected="1.0")]
    text = gain_of_synthesis(rows)
    assert "mean over architectures and seeds" in text
    assert "real+synthetic -0.50 points [0.50, 2.12] (p 1 after correction, not sig" in text


def test_tables_of_scores_stand_on_the_page_as_they_are_printed(
    full_run: Any, legend: dict[str, Any]
) -> None:
    page, _ = write(full_run, legend)
    words = " ".join(Page(page.read_text("utf-8")).text.split())
    assert "Training mix Architecture Seeds F1 IoU Precision Recall Accuracy real unet 1 " in words
    assert "3 test patches). One seed; in brackets the 95% percentile bootstrap" in words
    assert "Gains of tables 3 and 4 in points" in words
    text = page.read_text("utf-8")
    assert len(re.findall(r'<span class="interval">\[\d+\.\d\d, \d+\.\d\d\]</span>', text)) >= 10
    assert "<caption><span>Table 3:" in text  # which stay in sight in a table wider than the page
    table = read_result_table(full_run.folder / "results/tables/table3.csv")
    bold = [entry.text for row in table.rows for entry in row if entry.best]
    assert len(bold) == 5
    assert all(re.fullmatch(r"\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\]", text) for text in bold)


def test_a_table_is_rounded_on_the_page_and_whole_in_its_download(tmp_path: Path) -> None:
    path = tmp_path / "table3.csv"
    path.write_text("mix,seed,f1,classes_left_out\nreal,2021,61.2345678,0\nother,7,,1200\n")
    table = read_result_table(path)
    assert [entry.text for entry in table.headings] == [
        "Training mix",
        "Seed",
        "F1",
        "Classes left out",
    ]
    assert [entry.text for entry in table.rows[0]] == ["real", "2021", "61.23", "0"]
    assert [entry.text for entry in table.rows[1]] == ["other", "7", "—", "1,200"]
    assert [entry.best for entry in table.rows[0]] == [False, False, True, False]
    assert [entry.numeric for entry in table.rows[1]] == [False, False, True, True]


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "overview.png"
    with pytest.raises(InputError, match=r"overview\.png is missing"):
        read_picture(path)
    path.write_text("no")
    with pytest.raises(InputError, match=r"overview\.png is no PNG"):
        read_picture(path)


def test_a_broken_run_leaves_the_old_page(full_run: Any, legend: dict[str, Any]) -> None:
    page, _ = write(full_run, legend)
    before = page.read_bytes()
    with pytest.raises(InputError, match=r"none\.csv is missing"):
        write(full_run, legend, funnel=full_run.folder / "none.csv")
    assert page.read_bytes() == before
    assert json.loads((page.parent / "headline.json").read_text())["figures"]


def test_the_leak_audit_is_told_in_words(reported: tuple[Page, Any, str]) -> None:
    page, _, _ = reported
    assert "Among the unconditional samples there are no more near-duplicates" in page.text
    assert "Among the conditional samples there are more near-duplicates" in page.text
    assert "real (test split)" in page.text
    assert "Verdict" not in page.text, "the words stand once"
