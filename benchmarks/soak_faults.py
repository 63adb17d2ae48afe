"""What goes wrong in a soak, at a seeded moment of a run each."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.soak_runs import Soak, control, day_of, note_written, run_now, run_well
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from monitor.pipeline.parts import Progress

REPOSITORY = Path(__file__).resolve().parents[1]
FULL_BYTES = 20_000
STAGES = ("fetch", "cluster", "classify")


def _run_ill(soak: Soak, now: datetime, report_progress: Callable[[Progress], None] = lambda _: None) -> None:
    """A run that may end in one of our own errors, and in nothing else."""
    try:
        outcome = run_now(soak, now, report_progress)
    except MonitorError as error:
        soak.counts[f"exit {error.exit_code}"] += 1
        if "\n" in str(error) or ";" not in str(error):
            soak.note(f"{now}: an unclear message: {error}")
    else:
        soak.counts["faults that a run outlived"] += 1
        note_written(soak, now, outcome)


def _inject_kill(soak: Soak, now: datetime) -> None:
    control(soak, now)
    options = ["--feeds", soak.places.feeds, "--db", soak.places.db_url, "--digests", soak.places.digests]
    options += ["--archive", soak.places.archive, "--bundle", soak.places.bundle, "--no-encoder", "--now", now.isoformat()]
    process = subprocess.Popen(
        [sys.executable, "-m", "monitor", "run", *map(str, options)],
        cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(timeout=soak.dice.uniform(0.5, 4.0))
        soak.counts["killed too late"] += 1
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    note_written(soak, now)


def _inject_lock(soak: Soak, now: datetime) -> None:
    control(soak, now)
    with closing(sqlite3.connect(soak.folder / "monitor.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        _run_ill(soak, now)
        other.rollback()


def _inject_late_lock(soak: Soak, now: datetime) -> None:
    control(soak, now)
    stage = soak.dice.choice(STAGES)
    with closing(sqlite3.connect(soak.folder / "monitor.db", check_same_thread=False, timeout=0)) as other:

        def lock(progress: Progress) -> None:
            if progress.stage == stage and not other.in_transaction:
                try:
                    other.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    soak.counts["locks that came too late"] += 1

        _run_ill(soak, now, lock)
        other.rollback()


def _inject_full_disk(soak: Soak, now: datetime) -> None:
    """No file may grow beyond some size from a moment on: what a run is told then is what it is told of a full disk."""
    control(soak, now)
    stage, before = soak.dice.choice((*STAGES, None)), resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(progress: Progress | None = None) -> None:
        if progress is None or progress.stage == stage:
            resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, before[1]))

    try:
        if stage is None:
            fill()
        _run_ill(soak, now, fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _inject_no_network(soak: Soak, now: datetime) -> None:
    control(soak, now, "down")
    outcome = run_now(soak, now)
    note_written(soak, now, outcome)
    if outcome.report.feeds.failed != outcome.report.feeds.due:
        soak.note(f"{now}: without a network not all feeds failed")


def _inject_lost_network(soak: Soak, now: datetime) -> None:
    control(soak, now, "down", after=soak.dice.randrange(1, 20))
    _run_ill(soak, now)


def _inject_clock(soak: Soak, now: datetime) -> None:
    jump = timedelta(days=soak.dice.choice((-365, -1, 1, 365)))
    run_well(soak, now + jump, real=now)


def _inject_blocked_digest(soak: Soak, now: datetime) -> None:
    control(soak, now)
    blocked = soak.places.digests / day_of(now).isoformat() / "digest.html"
    if blocked.exists():
        blocked.unlink()
    blocked.mkdir(parents=True)
    (blocked / "in the way").write_text("", "utf-8")
    _run_ill(soak, now)
    shutil.rmtree(blocked)


def _inject_bundle(soak: Soak, now: datetime) -> None:
    """Another bundle for some days; at once back to the first one after that."""
    soak.places = replace(soak.places, bundle=str(soak.bundles[1]))
    soak.bundle_until = now + timedelta(days=soak.dice.randint(2, 5))
    run_well(soak, now)


FAULTS: dict[str, Callable[[Soak, datetime], None]] = {
    "killed": _inject_kill,
    "locked": _inject_lock,
    "locked in mid-run": _inject_late_lock,
    "disk full": _inject_full_disk,
    "network away": _inject_no_network,
    "network lost": _inject_lost_network,
    "clock": _inject_clock,
    "digest blocked": _inject_blocked_digest,
    "bundle": _inject_bundle,
}
