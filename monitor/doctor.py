"""`monitor doctor`: one page on the health of an installation, with what to do about each finding."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from monitor.digests import check_writable
from monitor.errors import MonitorError
from monitor.notify import name_variable
from monitor.stages.clock import TOLERANCE, doubt_clock
from monitor.stages.health import judge_feed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitor.bundle import BundleClassifier
    from monitor.config import Config
    from monitor.storage.store import SqlStore

T = TypeVar("T")
Level = Literal["ok", "warning", "error"]
LOW_DISK_BYTES = 1_000_000_000
STALE_RUN = timedelta(hours=26)
HEALTH_WINDOW = timedelta(days=7)
OLDEST_SANE_CLOCK = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: how it is, and what to do (empty where nothing is)."""

    level: Level
    subject: str
    state: str
    remedy: str = ""


def examine(  # noqa: PLR0913 - one argument per thing looked at
    *,
    config: Callable[[], Config],
    store: Callable[[], SqlStore],
    classifier: Callable[[], BundleClassifier],
    environment: Mapping[str, str],
    feeds_file: Path,
    digests: Path,
    now: datetime,
    free_bytes: int,
) -> list[Finding]:
    """Look at everything; nothing is changed but a probe file in the digest folder."""
    findings: list[Finding] = []
    loaded = _attempt(findings, "configuration", config)
    if loaded is not None:
        findings.append(_examine_config(loaded, feeds_file))
        findings += _examine_channels(loaded.settings.notify.channels, environment)
        findings += [_examine_textfile(loaded), _examine_healthcheck(loaded, environment)]
    bundle = _attempt(findings, "bundle", classifier)
    if bundle is not None:
        known = f"{bundle.bundle_id}, intact, {len(bundle.model.narratives)} narratives"
        findings.append(Finding("ok", "bundle", known))
    opened = _attempt(findings, "store", store)
    if opened is not None:
        with opened:
            findings += _examine_store(opened, bundle, now)
    if _attempt(findings, "digests", lambda: check_writable(digests)) is not None:
        findings.append(Finding("ok", "digests", f"{digests} is writable"))
    findings.append(_examine_disk(free_bytes))
    findings.append(_examine_clock(now))
    return findings


def _attempt(findings: list[Finding], subject: str, action: Callable[[], T]) -> T | None:
    """What the action gives, or None and a finding."""
    try:
        return action()
    except MonitorError as error:
        state, _, remedy = str(error).rpartition("; ")
        findings.append(Finding("error", subject, state or remedy, remedy if state else ""))
        return None


def _examine_config(config: Config, feeds_file: Path) -> Finding:
    enabled = sum(feed.enabled for feed in config.feeds)
    state = f"{feeds_file}: {len(config.feeds)} feeds, {enabled} enabled"
    contact = config.settings.contact
    if contact is None or ".invalid" in contact:
        return Finding(
            "warning",
            "configuration",
            state,
            "set settings.contact to an address that you read: sites block nameless robots",
        )
    return Finding("ok", "configuration", state)


def _examine_channels(channels: Sequence[str], environment: Mapping[str, str]) -> list[Finding]:
    silent = [channel for channel in channels if not environment.get(name_variable(channel))]
    remedy = "put the channel's Apprise address there, for the user that cron runs it as"
    return [Finding("warning", f"channel {channel}", f"{name_variable(channel)} is not set", remedy) for channel in silent]


def _examine_textfile(config: Config) -> Finding:
    named = config.settings.metrics.textfile
    if named is None:
        return Finding("ok", "metrics", "none are written: settings.metrics.textfile is not set")
    folder = Path(named).absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        state = f"{folder} {'cannot be written' if folder.is_dir() else 'is not there'}"
        return Finding("error", "metrics", state, "make the folder, and let the user that runs the monitor write there")
    return Finding("ok", "metrics", f"written to {named}")


def _examine_healthcheck(config: Config, environment: Mapping[str, str]) -> Finding:
    variable = config.settings.healthcheck_variable
    if variable is None:
        return Finding("ok", "health check", "none is pinged: settings.healthcheck is not set")
    if not environment.get(variable, "").strip():
        remedy = "put the address to ping there, for the user that cron runs it as"
        return Finding("warning", "health check", f"{variable} is not set", remedy)
    return Finding("ok", "health check", f"{variable} is set")


def _examine_store(store: SqlStore, bundle: BundleClassifier | None, now: datetime) -> list[Finding]:
    findings = [_examine_last_run(store, now), *_examine_last_success(store, now)]
    if bundle is not None:
        counted = store.count_assessments(bundle.bundle_id)
        level: Level = "warning" if counted.pending or counted.failed else "ok"
        remedy = "`monitor run` assesses what is pending" if counted.pending else ""
        if counted.failed:
            remedy = f"{remedy}; `monitor explain` tells why the model failed on an article: please report it".removeprefix("; ")
        findings.append(Finding(level, "assessments", f"{counted.pending} pending, {counted.failed} failed", remedy))
    for record in store.load_feed_records(now - HEALTH_WINDOW):
        notes = (note for note in judge_feed(record, now=now) if note.level != "ok")
        findings += [Finding(note.level, f"feed {record.feed_id}", note.sentence, note.remedy) for note in notes]
    return findings


def _examine_last_run(store: SqlStore, now: datetime) -> Finding:
    last = store.load_last_run()
    if last is None:
        return Finding("warning", "store", "holds no run yet", "start one with `monitor run`")
    started_at, finished_at = last
    if started_at - now > TOLERANCE and (doubt := doubt_clock(now, started_at)):
        state, _, remedy = doubt.partition("; ")
        return Finding("error", "clock", state, remedy)
    if now - started_at > STALE_RUN:
        return Finding(
            "error",
            "store",
            f"last run at {started_at:%Y-%m-%d %H:%M} UTC",
            "check cron or the timer: it should run daily at least",
        )
    if finished_at is None:
        return Finding(
            "warning",
            "store",
            f"the run of {started_at:%Y-%m-%d %H:%M} UTC did not finish",
            "the next `monitor run` heals it",
        )
    return Finding("ok", "store", f"last run finished {finished_at:%Y-%m-%d %H:%M} UTC")


def _examine_last_success(store: SqlStore, now: datetime) -> list[Finding]:
    """Runs may start, and yet none come to anything."""
    last, succeeded_at = store.load_last_run(), store.load_last_success()
    if last is None or (succeeded_at is not None and now - succeeded_at <= STALE_RUN):
        return []
    hours = STALE_RUN // timedelta(hours=1)
    when = f"at {succeeded_at:%Y-%m-%d %H:%M} UTC, more than {hours} hours ago" if succeeded_at else "never"
    remedy = "look at the log of `monitor run`, and at `monitor feeds check`"
    return [Finding("warning", "last success", f"a run last finished with a feed that could be read {when}", remedy)]


def _examine_disk(free_bytes: int) -> Finding:
    state = f"{free_bytes / 1e9:.1f} GB free"
    if free_bytes < LOW_DISK_BYTES:
        return Finding("error", "disk", state, "free some space before the store or a digest cannot be written")
    return Finding("ok", "disk", state)


def _examine_clock(now: datetime) -> Finding:
    if now < OLDEST_SANE_CLOCK:
        return Finding(
            "error",
            "clock",
            f"it is said to be {now:%Y-%m-%d %H:%M} UTC",
            "set the clock (time synchronisation): dates depend on it",
        )
    return Finding("ok", "clock", f"{now:%Y-%m-%d %H:%M} UTC")
