"""Verbs whose options are the fields of a dataclass.

Verbs that share a long list of options name it once: the dataclass is the list, with types and
defaults, and each verb takes its fields as keyword parameters.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from functools import wraps
from types import NoneType
from typing import Any, TypeVar

Options = TypeVar("Options")


def takes_options(
    kind: type[Options],
) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Make a function of one ``kind`` (a keyword-only dataclass) a verb with its fields.

    The verb has the signature that it would have if the fields were written out: the command
    line is made from it, and an unknown or missing name is a TypeError.
    """

    def decorate(function: Callable[[Options], None]) -> Callable[..., None]:
        @wraps(function)
        def verb(**values: Any) -> None:
            function(kind(**values))

        verb.__signature__ = inspect.signature(kind)  # type: ignore[attr-defined]
        verb.__annotations__ = {**typing.get_type_hints(kind), "return": NoneType}
        return verb

    return decorate
