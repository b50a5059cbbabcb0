"""A training that saves after every step and says so: run as a process, to be killed.

It goes through the command line as every verb does. With ``GROUNDSYNTH_TEST_HOLD``, as "step
round", it stands still before that save: what it has done since the one before is not on disk.
"""

import os
import sys
import time

import torch

from groundsynth.cli import main
from groundsynth.run_state import RunState
from groundsynth.segmentation import trainer

HOLD = os.environ.get("GROUNDSYNTH_TEST_HOLD")
save = trainer.Trainer.save


def save_and_say(self: trainer.Trainer, run: RunState) -> None:
    """Save, and print what is saved; before it, wait where the test wants it."""
    place = f"{self.step} {self.rounds}"
    while place == HOLD:
        print("holding", flush=True)
        time.sleep(3600)
    save(self, run)
    print(place, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)  # as in the tests: sums depend on the number of threads
    trainer.SAVE_EVERY_SECONDS = 0.0
    trainer.Trainer.save = save_and_say  # type: ignore[method-assign]
    sys.exit(main())
