"""A sampling that saves after every batch and says so: run as a process, to be killed.

It goes through the command line as every verb does. With ``GROUNDSYNTH_TEST_HOLD`` it stands still
after that many saved samples.
"""

import os
import sys
import time

from groundsynth.cli import main
from groundsynth.gan import growing_shard

HOLD = int(os.environ.get("GROUNDSYNTH_TEST_HOLD", "-1"))
save = growing_shard.GrowingShard.save


def save_and_say(self: growing_shard.GrowingShard) -> None:
    """Save, print the number of finished samples, and wait where the test wants it."""
    save(self)
    print(self.done, flush=True)
    while self.done == HOLD:
        time.sleep(0.01)


if __name__ == "__main__":
    growing_shard.SAVE_SECONDS = 0
    growing_shard.GrowingShard.save = save_and_say  # type: ignore[method-assign]
    sys.exit(main())
