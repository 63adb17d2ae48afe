"""Tells those who watch over runs: a health check at the beginning and the end, metrics at the end."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.errors import MetricsError, MonitorError, PingError
from monitor.reports import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from monitor.config import Config
    from monitor.healthcheck import Healthcheck
    from monitor.reports import RunReport
    from monitor.storage.store import SqlStore

log = logging.getLogger("monitor.watch")


class Watch:
    """Whom a run is told to. What does not get through is a line in the report and a warning, never a stopped run."""

    def __init__(self, config: Config, *, textfile: Path | None = None) -> None:
        named = config.settings.metrics.textfile
        self._textfile = textfile or (Path(named) if named else None)
        self._config = config
        self._healthcheck = _open_healthcheck(config)
        self._errors: list[RunError] = []

    def begin(self) -> None:
        """Say that a run begins."""
        if self._healthcheck is not None:
            with self._noting("healthcheck"):
                self._healthcheck.ping_start(os.environ)

    def end(self, report: RunReport, store: SqlStore, *, failure: str | None, archive: Path) -> tuple[RunError, ...]:
        """Say that a run is done; ``failure`` tells why that is not enough. Gives what did not get through."""
        self._ping(failure)
        if self._textfile is not None:
            with self._noting("metrics"):
                _write_report(self._textfile, report, store, self._config, is_success=failure is None, archive=archive)
        return tuple(self._errors)

    def break_off(self, error: Exception, *, now: datetime) -> None:
        """Say that a run broke off."""
        self._ping(str(error) if isinstance(error, MonitorError) else f"{type(error).__name__}: {error}")
        if self._textfile is not None:
            with self._noting("metrics"):
                _write_failure(self._textfile, now)

    def _ping(self, failure: str | None) -> None:
        if self._healthcheck is not None:
            with self._noting("healthcheck"):
                if failure is None:
                    self._healthcheck.ping_success(os.environ)
                else:
                    self._healthcheck.ping_failure(os.environ, failure)

    @contextmanager
    def _noting(self, kind: str) -> Iterator[None]:
        try:
            yield
        except (PingError, MetricsError) as error:
            log.warning("%s", error)
            self._errors.append(RunError(None, None, kind, str(error)))


def _open_healthcheck(config: Config) -> Healthcheck | None:
    from monitor.fetch.client import make_user_agent  # noqa: PLC0415
    from monitor.healthcheck import Healthcheck  # noqa: PLC0415

    variable = config.settings.healthcheck_variable
    if variable is None:
        return None
    return Healthcheck(
        variable,
        make_user_agent(__version__, config.settings.contact),
        allow_private_networks=config.settings.fetch.allow_private_networks,
    )


def _write_report(path: Path, report: RunReport, store: SqlStore, config: Config, *, is_success: bool, archive: Path) -> None:
    from monitor.metrics import Facts, read_last_success, write_metrics  # noqa: PLC0415

    enabled = {feed.id for feed in config.feeds if feed.enabled}
    facts = Facts(
        __version__,
        report.finished_at,
        is_success,
        last_success=read_last_success(path),
        report=report,
        feeds={one: state for one, state in store.load_feed_states().items() if one in enabled},
        store_bytes=store.measure_bytes(),
        archive_bytes=_measure_folder(archive),
    )
    write_metrics(path, facts)


def _write_failure(path: Path, now: datetime) -> None:
    from monitor.metrics import Facts, read_last_success, write_metrics  # noqa: PLC0415

    write_metrics(path, Facts(__version__, now, is_success=False, last_success=read_last_success(path)))


def _measure_folder(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
