"""Settings of all tests, which their child processes inherit."""

import os
from pathlib import Path

SOURCE = str(Path(__file__).resolve().parents[1] / "src")

# Before anything imports a numerical library: one thread a process, as several threads on few
# cores are slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The package is not installed: child processes find it as the tests themselves do.
os.environ["PYTHONPATH"] = os.pathsep.join([SOURCE, *filter(None, [os.environ.get("PYTHONPATH")])])
