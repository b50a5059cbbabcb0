"""Settings of all tests: one thread a process, as several threads on few cores are slower."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports a numerical library
