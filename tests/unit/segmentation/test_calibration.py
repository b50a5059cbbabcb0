"""Calibration: bins by hand, and the error of models that are too sure."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from groundsynth.segmentation.calibration import count_calibration
from groundsynth.segmentation.quality_scores import BINS, expected_calibration_error


def test_pixels_are_counted_in_the_bin_of_their_probability() -> None:
    shares = torch.tensor([[0.9, 0.1], [0.3, 0.7], [1.0, 0.0], [0.9, 0.1]])
    logits = shares.log().T.reshape(1, 2, 2, 2)
    truth = torch.tensor([[[0, 0], [0, 255]]])
    counts = count_calibration(logits, truth)[0].numpy()
    assert counts[0, [10, 13, 14]].tolist() == [1, 1, 1]
    assert counts[1, [10, 13, 14]].tolist() == [0, 1, 1]
    assert counts[2, [10, 13, 14]] == pytest.approx([0.7, 0.9, 1.0])
    assert counts[0].sum() == 3
    assert expected_calibration_error(counts) == pytest.approx((0.7 + 0.1 + 0) / 3)


def test_patches_are_counted_by_themselves() -> None:
    torch.manual_seed(0)
    logits, truth = torch.randn(3, 4, 5, 6), torch.randint(0, 4, (3, 5, 6))
    whole = count_calibration(logits, truth)
    assert whole.shape == (3, 3, BINS)
    for patch in range(3):
        alone = count_calibration(logits[patch : patch + 1], truth[patch : patch + 1])
        assert torch.equal(whole[patch], alone[0])


def test_error_of_the_too_sure_and_of_the_honest() -> None:
    torch.manual_seed(1)
    truth = torch.randint(0, 2, (1, 200, 200))
    right = torch.rand(1, 200, 200) < 0.8
    guess = torch.where(right, truth, 1 - truth)
    for share, expected in ((0.8, 0.0), (0.99, 0.19)):
        first = torch.where(guess == 0, share, 1 - share)
        logits = torch.stack([first, 1 - first], 1).log()
        error = expected_calibration_error(count_calibration(logits, truth).sum(0).numpy())
        assert error == pytest.approx(expected, abs=0.01)


def test_nothing_labelled_has_no_error() -> None:
    assert expected_calibration_error(np.zeros((3, BINS))) is None
