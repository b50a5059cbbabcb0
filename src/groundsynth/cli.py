"""The command line: ``python -m groundsynth <verb> --name value ...``.

A verb is a typed function with keyword-only parameters; its signature is its command line, so
that a rule, a test and a person at a shell call the same thing. The module of a verb is
imported only when the verb is called: heavy libraries cost seconds in every job.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import re
import resource
import signal
import sys
import time
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, Union, get_args, get_origin

from groundsynth import __version__
from groundsynth.attempt_log import begin_attempt, end_attempt
from groundsynth.errors import GroundsynthError
from groundsynth.verbs import ANSWERS, VERBS

TIMING = "timing: "
NUMBER = re.compile(r"^-(\d|\.\d|inf|nan)", re.IGNORECASE)
"""Words that begin with a minus sign and are values."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; 0 on success, else one sentence on standard error and a non-zero code.

    Only that sentence begins with the verb and a colon: by it a launch finds it in the log.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if words[0] == "--version":
        print(f"groundsynth {__version__}")
        return 0
    if words[0] not in VERBS:
        print(
            f"There is no verb {words[0]!r}; 'python -m groundsynth' lists them.",
            file=sys.stderr,
        )
        return 2
    return _run(words[0], words[1:])


def _run(verb: str, words: list[str]) -> int:
    started = time.monotonic()
    if resumable := "--state" in words:
        begin_attempt(verb)
    try:
        function = load_verb(verb)  # takes seconds, in which an interrupt may come too
        imported = time.monotonic()
        function(**vars(parser_of(verb, function).parse_args(words)))
    except GroundsynthError as error:
        print(f"{verb}: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    except KeyboardInterrupt:
        print(f"{verb}: Interrupted; start again to do it anew.", file=sys.stderr)
        return 128 + signal.SIGINT
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    record = {
        "verb": verb,
        "import_seconds": round(imported - started, 2),
        "work_seconds": round(time.monotonic() - imported, 2),
        "peak_mb": round(peak),
        "device": _device(),
    }
    if verb not in ANSWERS and not sys.stderr.isatty():  # a log: the ledger of the report reads it
        print(TIMING + json.dumps(record), file=sys.stderr)
    if resumable:
        end_attempt()
    return 0


def _device() -> str | None:
    """Name of the GPU that this process used, or CPU; None for vLLM, whose own processes did."""
    torch = sys.modules.get("torch")
    if "vllm" in sys.modules:
        return None
    if torch is None or not torch.cuda.is_initialized():
        return "CPU"
    return str(torch.cuda.get_device_name())


def load_verb(verb: str) -> Callable[..., None]:
    """Import the module of ``verb`` and return its function."""
    module, _, name = VERBS[verb].partition(":")
    function: Callable[..., None] = getattr(importlib.import_module(module), name)
    return function


class _Parser(argparse.ArgumentParser):
    """A parser that answers a wrong command line with one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; --help lists the options.\n")


def parser_of(verb: str, function: Callable[..., None]) -> argparse.ArgumentParser:
    """Command line of a verb, from the signature and docstring of its function."""
    parser = _Parser(
        prog=f"python -m groundsynth {verb}",
        description=inspect.getdoc(function),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser._negative_number_matcher = NUMBER  # else -3.4e+38 passes for an option
    hints = typing.get_type_hints(function)
    for parameter in inspect.signature(function).parameters.values():
        settings = _settings(hints[parameter.name])
        required = parameter.default is inspect.Parameter.empty
        if not required:
            settings["default"] = parameter.default
        name = "--" + parameter.name.replace("_", "-")
        parser.add_argument(name, dest=parameter.name, required=required, **settings)
    return parser


def _settings(hint: Any) -> dict[str, Any]:
    """argparse settings of a parameter's type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is list:
        return {"type": _converter(inner[0]), "nargs": "*", "metavar": _metavar(inner[0])}
    if origin in (Union, UnionType) and NoneType in inner and len(inner) == 2:
        kind = next(choice for choice in inner if choice is not NoneType)
        if get_origin(kind) is list:  # None where it is not given at all
            return _settings(kind)
        convert = _optional(_converter(kind))
        return {"type": convert, "nargs": "?", "const": None, "metavar": _metavar(kind)}
    return {"type": _converter(hint), "metavar": _metavar(hint)}


def _converter(hint: Any) -> Callable[[str], Any]:
    """Function from a word of the command line to a value of the type."""
    origin = get_origin(hint)
    if origin is Literal:
        return _choice(get_args(hint))
    if hint is Any:
        return _json
    if hint is dict or origin is dict:
        return _json_object
    if hint is bool:
        return _boolean
    if hint in (str, int, float, Path):
        return hint
    raise TypeError(f"no command-line form for {hint}")


def _metavar(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "|".join(map(str, get_args(hint)))
    if hint is Any or hint is dict or get_origin(hint) is dict:
        return "JSON"
    return {bool: "true|false", Path: "path", str: "text"}.get(hint, hint.__name__)


def _optional(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def optional(text: str) -> Any:
        return None if text in ("", "None", "null") else convert(text)

    optional.__name__ = convert.__name__  # argparse names the type in its message
    return optional


def _choice(values: tuple[Any, ...]) -> Callable[[str], Any]:
    """One of the values of a Literal, which may be numbers."""
    known = {str(value): value for value in values}

    def choice(text: str) -> Any:
        if text not in known:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(known)}")
        return known[text]

    return choice


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None


def _json_object(text: str) -> dict[str, Any]:
    value = _json(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object: {...} is expected")
    return value


def _overview() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {place.split(':')[0]}" for verb, place in VERBS.items()]
    usage = "usage: python -m groundsynth <verb> [--name value ...]   (<verb> --help: its options)"
    return "\n".join([usage, "", *lines])
