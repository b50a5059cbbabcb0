"""Patch sizes are refused before anything is computed, without PyTorch."""

import subprocess
import sys

import pytest

from groundsynth.errors import ConfigurationError
from groundsynth.segmentation.patch_sizes import SMALLEST, check_patch_size


@pytest.mark.parametrize("architecture", SMALLEST)
def test_smallest_size_is_legal_and_the_one_below_is_not(architecture: str) -> None:
    smallest = SMALLEST[architecture]
    check_patch_size(architecture, smallest)
    check_patch_size(architecture, 256)
    with pytest.raises(ConfigurationError):
        check_patch_size(architecture, smallest - 32)


def test_pan_at_64_is_refused_with_the_size_it_needs() -> None:
    with pytest.raises(ConfigurationError, match="pan needs patches of at least 128 pixels"):
        check_patch_size("pan", 64)


def test_size_between_multiples_is_refused_with_a_legal_one() -> None:
    with pytest.raises(ConfigurationError, match=r"set patches.size to 96"):
        check_patch_size("unet", 100)


def test_unknown_architecture_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'linknet'"):
        check_patch_size("linknet", 256)


def test_checking_does_not_import_torch() -> None:
    words = "import sys, groundsynth.segmentation.patch_sizes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 0
