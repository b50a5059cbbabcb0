"""Scores from counts equal scikit-learn's on the same pixels."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
)

from groundsynth.errors import InputError
from groundsynth.segmentation.metrics import scores


@pytest.mark.parametrize("classes", [2, 5, 7])
def test_scores_equal_scikit_learn(classes: int) -> None:
    random = np.random.default_rng(classes)
    truth = random.integers(0, classes, 3000)
    guess = np.where(random.random(3000) < 0.7, truth, random.integers(0, classes, 3000))
    found = scores(confusion_matrix(truth, guess, labels=range(classes)))
    for name, reference in {
        "f1": f1_score,
        "iou": jaccard_score,
        "precision": precision_score,
        "recall": recall_score,
    }.items():
        assert found[name] == pytest.approx(reference(truth, guess, average="macro"), abs=1e-9)
        each = reference(truth, guess, average=None)
        assert found["per_class"][name] == pytest.approx(list(each), abs=1e-9)
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, guess), abs=1e-9)
    assert found["classes_left_out"] == 0


def test_absent_class_is_left_out_and_counted() -> None:
    truth = np.array([0, 0, 2, 2, 3])
    guess = np.array([0, 2, 2, 2, 0])  # 1 and 4 nowhere; 3 in truth, never predicted
    found = scores(confusion_matrix(truth, guess, labels=range(5)))
    assert found["classes_left_out"] == 2
    assert found["per_class"]["f1"][1] is None
    assert found["per_class"]["precision"][3] == 0
    expected = f1_score(truth, guess, average="macro", zero_division=0)
    assert found["f1"] == pytest.approx(expected, abs=1e-9)


def test_class_only_predicted_counts_as_zero() -> None:
    found = scores(np.array([[3, 1], [0, 0]]))
    assert found["per_class"]["recall"] == [0.75, 0]
    assert found["f1"] == pytest.approx(0.5 * (6 / 7))


def test_empty_counts_are_an_error() -> None:
    with pytest.raises(InputError, match="no pixel"):
        scores(np.zeros((3, 3)))


def test_counts_beyond_int32_do_not_overflow() -> None:
    total = np.diag([2**31 - 1, 2**31 - 1]).astype(np.int64)
    assert scores(total * 3)["accuracy"] == 1
