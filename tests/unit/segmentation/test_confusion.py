"""Counts of each patch: they equal scikit-learn's, and unlabelled pixels count nowhere."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix
from torch import nn

from groundsynth.segmentation.confusion import confusion_of, count_confusion, write_confusion
from groundsynth.segmentation.data import split_of
from groundsynth.segmentation.populations import open_population
from groundsynth.tables import read_table


@pytest.mark.parametrize("classes", [2, 5])
def test_counts_of_each_patch_equal_scikit_learn(classes: int) -> None:
    torch.manual_seed(classes)
    truth = torch.randint(0, classes, (4, 9, 7))
    guess = torch.randint(0, classes, (4, 9, 7))
    truth[torch.rand(truth.shape) < 0.3] = 255
    truth[3] = 255
    counts = count_confusion(guess, truth, classes).numpy()
    assert counts.shape == (4, classes, classes)
    for patch in range(3):
        kept = truth[patch] != 255
        expected = confusion_matrix(truth[patch][kept], guess[patch][kept], labels=range(classes))
        assert np.array_equal(counts[patch], expected)
    assert counts[3].sum() == 0


class Nearest(nn.Module):
    """Predicts class 1 where the first channel is bright."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.zeros_like(x[:, 0]), x[:, 0], x[:, 0] - 100], 1)


def test_counts_do_not_depend_on_the_batch(populations: dict[str, list[Path]]) -> None:
    kinds = (populations[f"real_{kind}"] for kind in ("images", "masks", "indices"))
    patches = split_of(open_population(*kinds, real=True), "train")
    found = []
    for batch in (3, 16):
        sizes: list[int] = []
        counts = confusion_of(
            Nearest(),
            patches,
            classes=3,
            batch=batch,
            device=torch.device("cpu"),
            precision="float32",
            after_batch=sizes.append,
        )
        assert sum(sizes) == len(patches)
        found.append(counts)
    assert np.array_equal(found[0], found[1])
    assert found[0].dtype == np.int32
    assert (found[0].sum((1, 2)) == 64 * 61).all()  # three rows of each patch are unlabelled
    assert found[0][:, :, 1].sum() > 0
    assert found[0][:, :, 2].sum() == 0


def test_table_holds_one_row_a_patch(tmp_path: Path) -> None:
    counts = np.arange(18, dtype=np.int32).reshape(2, 3, 3)
    path = tmp_path / "confusion.parquet"
    write_confusion(
        path, ["a", "b"], counts, architecture="unet", mix="real", seed=7, provenance={}
    )
    rows = read_table(path, "confusion").to_pylist()
    assert [row["patch_id"] for row in rows] == ["a", "b"]
    assert rows[1]["counts"] == list(range(9, 18))
    assert (rows[0]["architecture"], rows[0]["mix"], rows[0]["seed"]) == ("unet", "real", 7)
