"""Entry point of ``python -m groundsynth <verb>``."""

import sys

from groundsynth.cli import main

sys.exit(main())
