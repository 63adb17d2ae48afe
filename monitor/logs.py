"""The log on stderr: lines for people, or one JSON object a line for machines, each with the run that it belongs to."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from monitor.errors import MonitorError

NAME = "monitor"
_run_id: ContextVar[str | None] = ContextVar("run_id", default=None)


def stamp_run(run_id: str | None) -> None:
    """From now on every line belongs to this run; None: to no run."""
    _run_id.set(run_id)


def start_logging(log_format: str, *, verbose: int = 0, quiet: bool = False) -> None:
    """Send what this program logs to stderr, as ``text`` or ``json``."""
    stamp_run(None)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_run)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(names_run=verbose > 0))
    log = logging.getLogger(NAME)
    log.handlers[:] = [handler]
    log.setLevel(logging.ERROR if quiet else (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)])


def report_error(error: BaseException) -> bool:
    """Log the error that ends a command, one line for each of its message's; False where the log is not for machines.

    Foreseen errors have a message that says it all; of others the traceback is kept.
    """
    log = logging.getLogger(NAME)
    if not any(isinstance(handler.formatter, JsonFormatter) for handler in log.handlers):
        return False
    if isinstance(error, MonitorError):
        for line in str(error).splitlines():
            log.error("%s", line)
    else:
        log.critical("%s: %s", type(error).__name__, error, exc_info=error)
    return True


def _add_run(record: logging.LogRecord) -> bool:
    record.run_id = _run_id.get()
    return True


class JsonFormatter(logging.Formatter):
    """One object a line: ``ts, level, logger, message``, and where known ``run_id``, ``feed_id`` and ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        said: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("run_id", "feed_id"):
            if (value := getattr(record, name, None)) is not None:
                said[name] = value
        if record.exc_info and record.exc_info[0] is not None:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """``monitor: MESSAGE``, with the run's id before the message where that is wanted."""

    def __init__(self, *, names_run: bool) -> None:
        super().__init__("monitor: %(message)s")
        self._names_run = names_run

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line, without its end."""
        run_id = getattr(record, "run_id", None)
        return f"monitor: [{run_id}] {record.message}" if self._names_run and run_id else super().formatMessage(record)
