"""Verbs in two processes, as the rules start them."""

import json
import subprocess
import sys
from typing import Any

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def words_of(options: dict[str, Any]) -> list[str]:
    """The options of a verb as its command line."""
    words: list[str] = []
    for name, value in options.items():
        if isinstance(value, list):
            texts = [str(part) for part in value]
        else:
            texts = [json.dumps(value) if isinstance(value, dict) else str(value)]
        words += ["--" + name.replace("_", "-"), *texts]
    return words


def command_of(verb: str, options: dict[str, Any]) -> list[str]:
    """The words that start a verb in two processes."""
    return [sys.executable, *TORCHRUN, "-m", "groundsynth", verb, *words_of(options)]


def two_processes(verb: str, options: dict[str, Any]) -> str:
    """Run a verb in two processes; what they say."""
    command = command_of(verb, options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return done.stderr
