"""Digests of earlier days that were not written: the last run of the day was killed, or its disk was full."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.digests import write_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    from monitor.storage.store import SqlStore

# How far back it is looked for them.
MEMORY_DAYS = 7


def write_missed_days(
    store: SqlStore, digests: Path, write_day: Callable[[date], object], *, today: date, timezone: str, bundle: str
) -> list[date]:
    """Write the digests of the days before that their last run did not come to write; gives these days.

    ``run.json`` is written last, so a day whose ``run.json`` is not of the day's last run is such a day. One of which some text
    still waits for the bundle is left for a later run.
    """
    from monitor.stages.render import render_report  # noqa: PLC0415

    written = []
    for day, report in store.load_last_runs(today - timedelta(days=MEMORY_DAYS), today - timedelta(days=1)).items():
        is_written = _read_run_id(digests / day.isoformat() / "run.json") == report.run_id
        if is_written or store.count_waiting(day, timezone=timezone, bundle=bundle):
            continue
        write_day(day)
        write_digest({"run.json": render_report(report)}, digests, day)
        written.append(day)
    return written


def _read_run_id(path: Path) -> str | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["run_id"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # it will be written
    return found if isinstance(found, str) else None
