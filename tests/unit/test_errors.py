"""Errors: what a user can act on is told apart from defects."""

import inspect

from groundsynth import errors
from groundsynth.run_state import Stopped


def test_every_error_is_caught_as_the_base() -> None:
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass)]
    assert len(classes) > 5
    assert all(issubclass(c, errors.GroundsynthError) for c in [*classes, Stopped])


def test_defects_of_the_program_are_no_user_errors() -> None:
    assert not issubclass(errors.GroundsynthError, ValueError | OSError | RuntimeError)
