"""Progress of long work: a bar on a terminal, a plain line now and then in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

LINE_EVERY_SECONDS = 20.0


class Progress:
    """Counts units of work; shows rate, time left and given figures.

    >>> with Progress("train", total=1000, unit="img") as progress:
    ...     progress.advance(64, loss=0.5)
    """

    def __init__(
        self, what: str, total: float, unit: str, done: float = 0, quiet: bool = False
    ) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.quiet = quiet  # one of several processes speaks for all
        self.done = self.first = done
        self.figures: dict[str, float] = {}
        self.started = self.last_line = time.monotonic()
        self.bar: tqdm | None = None
        if sys.stderr.isatty() and not quiet:
            self.bar = tqdm(total=total, initial=done, desc=what, unit=unit, smoothing=0.1)
        elif done and not quiet:
            print(f"{what}: goes on at {done:.0f} of {total:.0f} {unit}", file=sys.stderr)

    def advance(self, units: float = 1, **figures: float) -> None:
        """Add finished ``units``; ``figures`` (losses, scores) are shown beside the count."""
        self.done += units
        self.figures.update(figures)
        if self.bar is not None:
            self.bar.set_postfix({k: f"{v:.4g}" for k, v in self.figures.items()}, refresh=False)
            self.bar.update(units)
        elif time.monotonic() - self.last_line >= LINE_EVERY_SECONDS:
            self._line()

    @property
    def rate(self) -> float:
        """Units a second since this process began."""
        return (self.done - self.first) / max(time.monotonic() - self.started, 1e-9)

    def _line(self) -> None:
        self.last_line = time.monotonic()
        if self.quiet:
            return
        rate = self.rate
        left = f", {span(max(0, self.total - self.done) / rate)} left" if rate > 0 else ""
        figures = "".join(f", {k} {v:.4g}" for k, v in self.figures.items())
        print(
            f"{self.what}: {self.done:.0f} of {self.total:.0f} {self.unit}, "
            f"{rate:.2f} {self.unit}/s{left}{figures}",
            file=sys.stderr,
            flush=True,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        else:
            self._line()


def span(seconds: float) -> str:
    """A span of time in words that can be taken in at a glance: 95 s, 12 min, 3 h 20 min."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
