"""Samples follow from their seed alone; conditional ones from maps of the train split alone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.gan import growing_shard
from groundsynth.gan.generator_files import sidecar_of
from groundsynth.gan.growing_shard import GrowingShard
from groundsynth.gan.latents import latents
from groundsynth.gan.sampling import ranked, sample_conditional, sample_unconditional
from groundsynth.run_state import SLOT_SPENT, Stopped
from groundsynth.segmentation.data import first_samples
from groundsynth.segmentation.populations import open_population
from groundsynth.shards import write_array
from groundsynth.tables import read_provenance, read_table, write_table

JOB = Path(__file__).with_name("sampling_job.py")


def unconditional(model: Path, folder: Path, **changes: Any) -> tuple[np.ndarray, dict[str, Any]]:
    """Images and index of one shard."""
    options: dict[str, Any] = {
        "first_seed": 10,
        "count": 7,
        "truncation": 1.0,
        "batch": 4,
        "device": "cpu",
        "precision": "float32",
        "state": folder / "state",
        "keep_state": False,
        "images": folder / "images.npy",
        "index": folder / "index.parquet",
    } | changes
    sample_unconditional(model=model, **options)
    return np.load(options["images"]), pq.read_table(options["index"]).to_pydict()


def conditional(
    model: Path, shards: Any, legend: dict[str, Any], folder: Path, **changes: Any
) -> tuple[np.ndarray, dict[str, Any], np.ndarray, dict[str, Any]]:
    """Images, index, label masks and confidences of one shard."""
    options = {
        "masks": shards.masks,
        "indices": shards.indices,
        "legend": legend,
        "rank_seed": 1,
        "first": 0,
        "count": 8,
        "seed": 0,
        "batch": 4,
        "device": "cpu",
        "precision": "float32",
        "state": folder / "state",
        "keep_state": False,
        "images": folder / "images.npy",
        "index": folder / "index.parquet",
        "labels": folder / "masks.npy",
        "confidence": folder / "confidence.parquet",
    } | changes
    sample_conditional(model=model, **options)
    tables = [pq.read_table(options[name]).to_pydict() for name in ("index", "confidence")]
    return np.load(options["images"]), tables[0], np.load(options["labels"]), tables[1]


def legend_of(spade: Any) -> dict[str, Any]:
    legend: dict[str, Any] = spade().options["legend"]
    return legend


def mask_of(shards: Any, patch: str) -> np.ndarray:
    shard, _, number = patch.split("_")
    masks: np.ndarray = np.load(shards.masks["AB".index(shard)])
    return masks[int(number)]


def test_unconditional_shard(stylegan_model: Path, tmp_path: Path) -> None:
    images, index = unconditional(stylegan_model, tmp_path)
    assert images.shape == (7, 16, 16, 3)
    assert images.dtype == np.uint8
    assert len(np.unique(images.reshape(7, -1), axis=0)) == 7
    assert index["seed"] == list(range(10, 17))
    assert index["sample_id"][0] == "unconditional-00000010"
    assert set(index["condition_patch_id"]) == {None}
    digest = json.loads(sidecar_of(stylegan_model).read_text())["digest"]
    assert set(index["model_digest"]) == {digest}
    assert read_provenance(tmp_path / "index.parquet")["verb"] == "sample-unconditional"


def test_sample_depends_on_its_seed_alone(stylegan_model: Path, tmp_path: Path) -> None:
    whole, _ = unconditional(stylegan_model, tmp_path)
    shifted, index = unconditional(stylegan_model, tmp_path, first_seed=13, count=3)
    assert index["seed"] == [13, 14, 15]
    np.testing.assert_array_equal(shifted, whole[3:6])
    other, _ = unconditional(stylegan_model, tmp_path, batch=7)
    assert np.abs(other.astype(int) - whole.astype(int)).max() <= 1


def test_shards_by_seed_range_hold_the_first_seeds(stylegan_model: Path, tmp_path: Path) -> None:
    """A mix of "the first N" is that of the N lowest seeds, in whatever order the shards come."""
    paths: dict[str, list[Path]] = {"images": [], "masks": [], "index": []}
    for first in (10**8 - 3, 10**8 - 7):  # the ids of the later shard are one digit longer
        folder = tmp_path / str(first)
        images, _ = unconditional(stylegan_model, folder, first_seed=first, count=4)
        write_array(folder / "masks.npy", images[..., 0])
        for kind, found in paths.items():
            found.append(next(folder.glob(f"{kind}.*")))
    population = open_population(paths["images"], paths["masks"], paths["index"], real=False)
    chosen = first_samples(population, 6, "unconditional").ids
    assert sorted(int(name.rpartition("-")[2]) for name in chosen) == [
        10**8 - 7 + n for n in range(6)
    ]


def test_throughput_is_shown(
    stylegan_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unconditional(stylegan_model, tmp_path)
    assert "sampling: 7 of 7 img, " in (said := capsys.readouterr().err)
    assert "img/s, 0 s left" in said


def test_truncation_narrows(stylegan_model: Path, tmp_path: Path) -> None:
    whole, _ = unconditional(stylegan_model, tmp_path)
    narrow, _ = unconditional(stylegan_model, tmp_path, truncation=0.0)
    assert whole.std(0).max() > 0
    assert narrow.std(0).max() == 0


def test_latents_are_those_of_the_published_script() -> None:
    expected = np.random.RandomState(7).randn(1, 5).astype(np.float32)
    np.testing.assert_array_equal(latents([3, 7], 5)[1:].numpy(), expected)


def test_latents_of_neighbouring_seeds_are_uncorrelated() -> None:
    """Samples count their seeds on: one apart on the next map, a round apart on the same one."""
    vectors = latents(range(4000), 32).numpy().astype(float)
    assert len(np.unique(vectors[:, 0])) == len(vectors)
    for apart in (1, 2, 997):
        both = [np.corrcoef(vectors[:-apart, n], vectors[apart:, n])[0, 1] for n in range(32)]
        deviation = 1 / np.sqrt(len(vectors) - apart)
        assert np.abs(both).max() < 4.5 * deviation
        assert np.sqrt(np.mean(np.square(both))) < 1.4 * deviation


def test_conditional_shard(spade_model: Path, spade: Any, shards: Any, tmp_path: Path) -> None:
    images, index, labels, confidence = conditional(spade_model, shards, legend_of(spade), tmp_path)
    assert images.shape == (8, 16, 16, 3)
    assert sorted(index["condition_patch_id"]) == shards.train_ids
    assert index["sample_id"][3] == "conditional-00000003"
    for patch, mask in zip(index["condition_patch_id"], labels, strict=True):
        np.testing.assert_array_equal(mask, mask_of(shards, patch))
    assert confidence["id"] == index["sample_id"]
    assert set(confidence["confidence"]) == {1.0}


def test_conditional_never_takes_another_split(
    spade_model: Path, spade: Any, shards: Any, tmp_path: Path
) -> None:
    _, index, labels, _ = conditional(
        spade_model, shards, legend_of(spade), tmp_path, count=40, rank_seed=9
    )
    assert set(index["condition_patch_id"]) == set(shards.train_ids)
    assert 2 not in labels  # the class of every patch outside the train split


@pytest.mark.parametrize("split", ["validation", "test"])
def test_masks_of_another_split_are_refused(
    spade_model: Path, spade: Any, shards: Any, tmp_path: Path, split: str
) -> None:
    legend = legend_of(spade)
    for path in shards.indices:
        columns = read_table(path, "real_index").to_pydict()
        write_table(path, columns | {"split": [split] * 6}, "real_index", {})
    with pytest.raises(InputError, match="no patch of the train split"):
        conditional(spade_model, shards, legend, tmp_path)
    assert not (tmp_path / "images.npy").exists()


def test_splits_of_other_shards_do_not_let_masks_in(
    spade_model: Path, spade: Any, shards: Any, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="shards A, B cannot go with the indices of B, A"):
        conditional(spade_model, shards, legend_of(spade), tmp_path, indices=shards.indices[::-1])


def test_rounds_use_new_seeds_for_the_same_maps(
    spade_model: Path, spade: Any, shards: Any, tmp_path: Path
) -> None:
    legend = legend_of(spade)
    images, index, labels, _ = conditional(
        spade_model, shards, legend, tmp_path, count=16, seed=100
    )
    assert index["seed"] == list(range(100, 116))
    assert index["condition_patch_id"][:8] == index["condition_patch_id"][8:]
    np.testing.assert_array_equal(labels[:8], labels[8:])
    assert all((a != b).any() for a, b in zip(images[:8], images[8:], strict=True))
    part, part_index, _, _ = conditional(
        spade_model, shards, legend, tmp_path, first=6, count=5, seed=100
    )
    assert part_index["sample_id"] == index["sample_id"][6:11]
    assert part_index["condition_patch_id"] == index["condition_patch_id"][6:11]
    np.testing.assert_array_equal(part, images[6:11])
    other, *_ = conditional(spade_model, shards, legend, tmp_path, count=16, seed=100, batch=5)
    assert np.abs(other.astype(int) - images.astype(int)).max() <= 1


def test_rank_is_of_the_ids_not_of_their_order() -> None:
    ids = [f"tile_{n:03d}_000" for n in range(9)]
    order = [ids[n] for n in ranked(ids, 4)]
    assert [ids[::-1][n] for n in ranked(ids[::-1], 4)] == order
    assert sorted(order) == ids
    assert order != ids
    assert [ids[n] for n in ranked(ids, 5)] != order


def test_refusals(
    stylegan_model: Path, spade_model: Path, spade: Any, shards: Any, tmp_path: Path
) -> None:
    legend = legend_of(spade)
    with pytest.raises(InputError, match="generator of conditional samples"):
        unconditional(spade_model, tmp_path)
    with pytest.raises(InputError, match="generator of unconditional samples"):
        conditional(stylegan_model, shards, legend, tmp_path)
    renamed = {**legend, "classes": [*legend["classes"][:2], legend["classes"][2] | {"name": "x"}]}
    with pytest.raises(InputError, match="trained with the classes tree, crop, water"):
        conditional(spade_model, shards, renamed, tmp_path)
    with pytest.raises(ConfigurationError, match="seeds 4294967290 to"):
        unconditional(stylegan_model, tmp_path, first_seed=2**32 - 6)
    assert not (tmp_path / "images.npy").exists()


def test_masks_of_another_size(spade_model: Path, spade: Any, shards: Any, tmp_path: Path) -> None:
    for path in shards.masks:
        np.save(path, np.load(path)[:, :8, :8])
    with pytest.raises(InputError, match="images of 16 px, the masks have 8 px"):
        conditional(spade_model, shards, legend_of(spade), tmp_path)


def start(words: list[Any], hold: int) -> "subprocess.Popen[str]":
    """The verb as a process that prints how many samples are saved, and stands still at one."""
    return subprocess.Popen(
        [sys.executable, str(JOB), *map(str, words)],
        env={**os.environ, "GROUNDSYNTH_TEST_HOLD": str(hold)},
        stdout=subprocess.PIPE,
        text=True,
    )


def words_of(folder: Path) -> list[Any]:
    """Words that both verbs take: eleven samples in batches of four."""
    words = ["--count", 11, "--batch", 4, "--device", "cpu", "--precision", "float32"]
    words += ["--state", folder / "state", "--keep-state", "false"]
    return [*words, "--images", folder / "images.npy", "--index", folder / "index.parquet"]


def killed_and_resumed(words: list[Any]) -> None:
    """Kill the verb when four samples are saved, then let it end."""
    job = start(words, hold=4)
    assert job.stdout is not None
    assert job.stdout.readline() == "4\n"
    job.send_signal(signal.SIGKILL)
    job.communicate()
    assert not Path(words[words.index("--images") + 1]).exists()
    said, _ = start(words, hold=-1).communicate()
    assert said.split() == ["8", "11", "11"], "the first four are not made again"
    assert not Path(words[words.index("--state") + 1]).exists()


def test_unconditional_killed_and_resumed_without_a_difference(
    stylegan_model: Path, tmp_path: Path
) -> None:
    whole, index = unconditional(stylegan_model, tmp_path / "undisturbed", count=11)
    folder = tmp_path / "killed"
    words = ["sample-unconditional", "--model", stylegan_model, "--first-seed", 10]
    killed_and_resumed([*words, "--truncation", 1, *words_of(folder)])
    np.testing.assert_array_equal(np.load(folder / "images.npy"), whole)
    assert pq.read_table(folder / "index.parquet").to_pydict() == index


def test_conditional_killed_and_resumed_without_a_difference(
    spade_model: Path, spade: Any, shards: Any, tmp_path: Path
) -> None:
    legend = legend_of(spade)
    whole, index, masks, _ = conditional(
        spade_model, shards, legend, tmp_path / "undisturbed", count=11, seed=10
    )
    folder = tmp_path / "killed"
    words = ["sample-conditional", "--model", spade_model, "--legend", json.dumps(legend)]
    words += ["--masks", *shards.masks, "--indices", *shards.indices, "--rank-seed", 1]
    words += ["--first", 0, "--seed", 10, "--labels", folder / "masks.npy"]
    killed_and_resumed([*words, "--confidence", folder / "c.parquet", *words_of(folder)])
    np.testing.assert_array_equal(np.load(folder / "images.npy"), whole)
    np.testing.assert_array_equal(np.load(folder / "masks.npy"), masks)
    assert pq.read_table(folder / "index.parquet").to_pydict() == index


def test_a_stop_keeps_what_is_made(
    stylegan_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = GrowingShard.append

    def append_and_ask_to_leave(shard: GrowingShard, rows: np.ndarray) -> None:
        append(shard, rows)
        os.kill(os.getpid(), signal.SIGUSR1)

    with monkeypatch.context() as patch:
        patch.setattr(GrowingShard, "append", append_and_ask_to_leave)
        with pytest.raises(Stopped, match="sample 4 of 7") as stopped:
            unconditional(stylegan_model, tmp_path)
    assert stopped.value.exit_code == SLOT_SPENT
    assert json.loads((tmp_path / "state" / "finished.json").read_text()) == 4
    # A batch of another size would make other bits: nothing is taken over.
    made = unconditional(stylegan_model, tmp_path, batch=3)[0]
    again = unconditional(stylegan_model, tmp_path / "again", batch=3)[0]
    np.testing.assert_array_equal(made, again)


@pytest.mark.parametrize("damage", ["truncated", "uncounted"])
def test_a_damaged_state_is_made_again(tmp_path: Path, damage: str) -> None:
    shard = GrowingShard(tmp_path, (4, 2, 2, 3))
    shard.append(np.full((2, 2, 2, 3), 7, np.uint8))
    shard.save()
    assert GrowingShard(tmp_path, (4, 2, 2, 3)).done == 2
    if damage == "truncated":
        shard.path.write_bytes(shard.path.read_bytes()[:-1])
    else:
        shard.count.write_text("{")
    assert GrowingShard(tmp_path, (4, 2, 2, 3)).done == 0


def test_images_reach_another_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = GrowingShard(tmp_path / "state", (2, 2, 2, 3))
    shard.append(np.full((2, 2, 2, 3), 7, np.uint8))
    replace = Path.replace

    def refuse_far(path: Path, target: Path) -> Path:
        if path.parent.name == "state" and target.parent.name == "far":
            raise OSError(growing_shard.errno.EXDEV, "Invalid cross-device link")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse_far)
    shard.move_to(tmp_path / "far" / "images.npy")
    assert (np.load(tmp_path / "far" / "images.npy") == 7).all()
