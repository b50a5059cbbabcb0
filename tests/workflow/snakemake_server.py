"""Runs Snakemake's command line many times for one import: each request in a fork of its own.

Importing Snakemake costs ten times the processor time of a dry run. Reads requests from standard
input, a line of JSON each: ``{"words": [...], "folder": "...", "log": "..."}``. Runs the command
line in the folder, its output in the log, and answers with the exit code on a line.
"""

import json
import os
import sys

from snakemake.cli import main


def run(words: list[str], folder: str, log: str) -> None:
    """Be ``snakemake <words>`` started in ``folder``; ends the process."""
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    os.chdir(folder)
    sys.argv = ["snakemake", *words]
    main(words)


for line in sys.stdin:
    request = json.loads(line)
    child = os.fork()
    if child == 0:
        run(**request)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
