"""Mean distances between the samples of one map, by hand."""

import numpy as np
import pytest

from groundsynth.studies.diversity import feature_distances, pixel_distances


def test_features() -> None:
    vectors = np.zeros((3, 2, 2), np.float32)
    vectors[1, 0], vectors[2, 0] = (3, 4), (0, 4)  # pairs: 5, 4, 3
    assert feature_distances(vectors).tolist() == [4, 0]


def test_grey_levels() -> None:
    images = np.zeros((2, 2, 1, 2, 3), np.uint8)
    images[0, 1, 0, 0], images[1, 1, 0, 1] = 10, 250  # no wrap-around of bytes
    assert pixel_distances(images).tolist() == [0, 130]


def test_a_single_sample_has_no_diversity() -> None:
    with pytest.raises(ValueError, match="at least two"):
        feature_distances(np.zeros((1, 4, 2)))
