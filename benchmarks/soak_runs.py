"""Runs of a soak: a run by the simulated clock, held against what the store and the digest say of it."""

from __future__ import annotations

import sqlite3
import time
import urllib.request
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from monitor.errors import MonitorError
from monitor.storage.days import day_bounds
from monitor.wiring.parts import Clock
from monitor.wiring.run import RunOutcome, run_once

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from datetime import date, datetime
    from pathlib import Path

    from monitor.pipeline.parts import Progress
    from monitor.reports import RunReport
    from monitor.wiring.parts import Places

ZONE = "Europe/Kyiv"


@dataclass
class Soak:
    """A soak as it goes on."""

    folder: Path
    places: Places
    bundles: tuple[Path, Path]
    dice: random.Random
    url: str
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    memory: list[tuple[int, int, int]] = field(default_factory=list)  # day, bytes, open files
    written: dict[date, str] = field(default_factory=dict)  # which bundle wrote the digest of a day
    unsettled: set[date] = field(default_factory=set)  # days whose digest was written while earlier days waited for its bundle
    turns: list[str] = field(default_factory=list)  # faults that have their turn next
    bundle_until: datetime | None = None  # when the first bundle comes back

    def note(self, text: str) -> None:
        """Something does not hold."""
        self.problems.append(text)
        print(f"PROBLEM {text}", flush=True)


def ask(url: str) -> bytes:
    """What the world answers."""
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own, on loopback
        content: bytes = answer.read()
    return content


def run_now(soak: Soak, now: datetime, report_progress: Callable[[Progress], None] = lambda _: None) -> RunOutcome:
    """A run, by a clock that stands still meanwhile."""
    clock = Clock(lambda: now, time.monotonic)
    soak.counts["runs"] += 1
    return run_once(soak.places, clock, run_id=f"r{soak.counts['runs']}", report_progress=report_progress)


def control(soak: Soak, now: datetime, mode: str = "up", after: int = 0) -> None:
    """Set the time of the world, and how it answers."""
    ask(f"{soak.url}/control?now={now:%Y-%m-%dT%H:%M:%S}%2B00:00&mode={mode}&after={after}")


def run_well(soak: Soak, now: datetime, *, real: datetime | None = None, may_fail_all: bool = False) -> None:
    """A run that must end well, and whose counts must add up; ``real`` is the time of the world, where the clock is wrong."""
    control(soak, real or now)
    before = _count_rows(soak)
    try:
        outcome = run_now(soak, now)
    except MonitorError as error:
        soak.note(f"{now}: a run without a fault failed: {error}")
        return
    _check_run(soak, now, outcome.report, before, may_fail_all=may_fail_all)
    _check_digest(soak, outcome, now)
    soak.counts["304"] += outcome.report.feeds.not_modified
    soak.counts["rejected"] += outcome.report.entries.rejected


_COUNTED = {
    "entries": "SELECT count(*) FROM entries",
    "revisions": "SELECT count(*) FROM revisions WHERE NOT is_variant",
    "assessments": "SELECT count(*) FROM assessments",
}


_BY_BUNDLE = "SELECT count(*) FROM assessments WHERE bundle = ?"


def query(soak: Soak, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask the store directly, past all of the code that is tried."""
    path = soak.folder / "monitor.db"
    if not path.exists():
        return [(0,)]
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


def _count_rows(soak: Soak) -> dict[str, int]:
    return {name: int(query(soak, sql)[0][0]) for name, sql in _COUNTED.items()}


def _check_run(soak: Soak, now: datetime, report: RunReport, before: dict[str, int], *, may_fail_all: bool) -> None:
    feeds, entries, articles = report.feeds, report.entries, report.articles
    after = _count_rows(soak)
    grown = {name: after[name] - before[name] for name in after}
    sums = {
        "feeds": (feeds.due, feeds.fetched + feeds.not_modified + feeds.failed),
        "entries": (entries.parsed, entries.new + entries.updated + entries.seen + entries.rejected),
        "articles": (entries.new + entries.updated, articles.stored + articles.duplicates),
        "stored entries": (grown["entries"], entries.new),
        "stored revisions": (grown["revisions"], articles.stored),
        "stored assessments": (grown["assessments"], report.assessments.made),
        "assessed": (after["revisions"], query(soak, _BY_BUNDLE, report.bundle)[0][0] + report.assessments.pending),
        "failed": (report.assessments.failed, 0),
    }
    for name, (left, right) in sums.items():
        if left != right:
            soak.note(f"{now}: {name} do not add up: {left} is not {right}")
    if feeds.due and feeds.failed == feeds.due and not may_fail_all:
        soak.note(f"{now}: all {feeds.due} feeds failed without a fault")


def day_of(now: datetime) -> date:
    """The day of a digest."""
    return now.astimezone(ZoneInfo(ZONE)).date()


def _check_digest(soak: Soak, outcome: RunOutcome, now: datetime) -> None:
    """The day's digest lists every flagged article of the day, and no other."""
    day, bundle = day_of(now), outcome.report.bundle
    note_written(soak, now, outcome)
    start, end = (f"{at:%Y-%m-%d %H:%M:%S.%f}" for at in day_bounds(day, ZONE))
    (flagged,) = query(
        soak,
        "SELECT count(*) FROM assessments JOIN (SELECT max(id) AS id FROM revisions WHERE fetched_at >= ? AND fetched_at < ? AND "
        "NOT is_variant GROUP BY article_id) AS latest ON latest.id = revision_id WHERE bundle = ? AND flagged",
        start, end, bundle,
    )[0]  # fmt: skip
    listed = (outcome.folder / "digest.jsonl").read_bytes().count(b"\n")
    if listed != flagged:
        soak.note(f"{now}: the digest of {day} lists {listed} articles, {flagged} are flagged")
    soak.counts["digests"] += 1
    soak.counts["listed"] += listed


def note_written(soak: Soak, now: datetime, outcome: RunOutcome | None = None) -> None:
    """Remember by which bundle the digest of the day was written, and whether earlier days waited for it then."""
    day = day_of(now)
    soak.written[day] = str(soak.places.bundle)
    made = outcome.report.assessments if outcome else None
    soak.unsettled.discard(day)
    if made is None or made.rescored or made.pending:
        soak.unsettled.add(day)
