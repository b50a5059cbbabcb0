"""A job that counts in steps and saves each one: run as a process by the tests of the run state.

It goes through the command line as every verb does, so that exit codes and messages are the real
ones. Waiting times are cut short from outside.
"""

import os
import sys
import time
from pathlib import Path

from groundsynth import attempt_log, lease
from groundsynth.cli import main
from groundsynth.files import read_json, write_json
from groundsynth.run_state import RunState, open_state
from groundsynth.verbs import VERBS


def count(
    *,
    state: Path,
    output: Path,
    total: int = 5,
    hold: Path | None = None,
    slot: bool = False,
    runtime: float | None = None,
    stale: float = 60.0,
) -> None:
    """Count to ``total``, and once there wait until the file ``hold`` is gone; write ``output``.

    With ``slot``, the job ends as a time slot does: with an output, but before it is complete.
    ``runtime`` is the time slot, ``stale`` the age of a dead heartbeat, both in seconds.
    """
    attempt_log.LAST_WORDS_SECONDS = 0.3
    lease.POLL_SECONDS, lease.HEARTBEAT_SECONDS, lease.STALE_SECONDS = 0.02, 0.05, stale
    with open_state(
        state, parameters={"total": total}, inputs=[], outputs=[output], stop_after=runtime
    ) as run:
        if run.finished_elsewhere:
            print("finished elsewhere", flush=True)
            return
        saved = run.folder / "count.json"
        first = read_json(saved) if saved.exists() else 0
        for number in range(first, total):
            write_json(saved, number + 1)
        print(f"began at {first}", flush=True)
        wait_while(hold, run)
        write_json(output, {"total": total, "pid": os.getpid()})
        if not slot:
            run.complete()


def wait_while(hold: Path | None, run: RunState) -> None:
    """Wait until ``hold`` is gone, leaving when the job is asked to."""
    while hold is not None and hold.exists():
        if run.should_stop():
            raise run.leave("the end of the count")
        time.sleep(0.01)


if __name__ == "__main__":
    VERBS["count"] = "__main__:count"
    sys.exit(main(["count", *sys.argv[1:]]))
