"""Folds old records of visits and runs at the end of a run, a bounded piece at a time."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.errors import StoreError
from monitor.reports import RunError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from monitor.config import Config
    from monitor.storage.store import SqlStore

log = logging.getLogger("monitor.retention")

# Each piece is a day at most; a store that has never been folded takes some runs to catch up.
PIECES_AT_ONCE = 60


def fold_old_records(store: SqlStore, config: Config, day: date) -> list[RunError]:
    """Fold what is older than the settings say. What goes wrong is a line in the report; the next run tries again."""
    try:
        _fold(store, config, day)
    except StoreError as error:
        log.warning("old records were not folded: %s", error)
        return [RunError(None, None, "retention", str(error))]
    return []


def _fold(store: SqlStore, config: Config, day: date) -> None:
    from monitor.storage.days import day_bounds  # noqa: PLC0415

    kept, timezone = config.settings.retention, config.settings.timezone
    gone = {"visits": 0, "runs": 0, "messages": 0}
    if kept.visits_days is not None:
        before = day_bounds(day - timedelta(days=kept.visits_days), timezone)[0]
        gone["visits"] = _repeat(lambda: store.fold_visits(before=before, timezone=timezone))
        gone["messages"] = store.forget_notifications(before=before)
    if kept.runs_days is not None:
        first = day - timedelta(days=kept.runs_days)
        gone["runs"] = _repeat(lambda: store.fold_runs(before=first))
    if any(gone.values()):
        log.info("old records folded: %s", ", ".join(f"{count} {name}" for name, count in gone.items()))


def _repeat(fold: Callable[[], int | None]) -> int:
    total = 0
    for _ in range(PIECES_AT_ONCE):
        if (gone := fold()) is None:
            break
        total += gone
    return total
