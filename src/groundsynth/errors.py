"""Errors that a user can act on.

Each message is one sentence that says what is wrong, where, and what to do. The command line
prints it without a traceback; anything that is not a ``GroundsynthError`` is a defect of the
program and keeps its traceback.
"""


class GroundsynthError(Exception):
    """Base of all errors that are the input's, the configuration's or the machine's."""


class InputError(GroundsynthError):
    """A file or a value read from it is missing, truncated, or not what it should be."""


class OutputError(GroundsynthError):
    """An output cannot be written: the disk is full, or the folder may not be written."""


class ConfigurationError(GroundsynthError):
    """A configured value, or a combination of values, cannot work."""


class StateError(GroundsynthError):
    """Saved state cannot be used: it is held by another job, or it was lost."""


class TrainingError(GroundsynthError):
    """A training went wrong in a way that more computing would not mend."""


class FetchError(GroundsynthError):
    """A download failed for another reason than the file's absence."""
