"""Snakemake's side of the launcher's last words: it tells a file which jobs have failed.

A package of its own, beside ``groundsynth``, because Snakemake finds its plugins by their names.
"""

from dataclasses import dataclass, field
from logging import LogRecord
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from groundsynth.failed_jobs import FailedJob, write_failed


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """The option ``--logger-groundsynth-failures``."""

    failures: str = field(default="", metadata={"help": "JSON file for the list of failed jobs."})


class LogHandler(LogHandlerBase):
    """Keeps the list of failed jobs up to date, so that a killed Snakemake leaves it too."""

    writes_to_stream = False
    writes_to_file = False  # no log: Snakemake would name it as one
    has_filter = True  # of its own: --quiet hides nothing
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Begin with no job."""
        self.wildcards: dict[int, dict[str, str]] = {}
        self.failed: dict[int, FailedJob] = {}

    def emit(self, record: LogRecord) -> None:
        """Take note of a job that starts (perhaps again) or fails."""
        event, told = getattr(record, "event", None), vars(record)
        if event == LogEvent.JOB_INFO:
            self._started(told)
        elif event == LogEvent.JOB_ERROR:
            self._failed(told)

    def _started(self, told: dict[str, Any]) -> None:
        names = {name: str(value) for name, value in (told["wildcards"] or {}).items()}
        self.wildcards[told["jobid"]] = names
        if self.failed.pop(told["jobid"], None):
            self._write()

    def _failed(self, told: dict[str, Any]) -> None:
        names = self.wildcards.get(told["jobid"], {})
        logs = [str(path) for path in told["log"]]
        self.failed[told["jobid"]] = FailedJob(told["rule_name"], names, logs, told["created"])
        self._write()

    def _write(self) -> None:
        assert isinstance(self.settings, LogHandlerSettings)
        write_failed(Path(self.settings.failures), list(self.failed.values()))
