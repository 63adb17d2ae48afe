"""One scheduled pass, from due feeds to the day's digest."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitor.digests import check_writable, write_digest
from monitor.errors import MonitorError
from monitor.lock import hold_run_lock, lock_path
from monitor.wiring.parts import (
    Clock,
    Places,
    open_archive,
    open_classifier,
    open_codebook,
    open_config,
    open_fetcher,
    open_readers,
    open_store,
    read_answers,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime
    from pathlib import Path

    from monitor.archive.writer import Archive
    from monitor.codebook import Codebook
    from monitor.config import Config
    from monitor.pipeline.parts import Parts, Progress, Tally
    from monitor.reports import RunError, RunReport
    from monitor.storage.store import SqlStore


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a run did, and where its digest lies."""

    report: RunReport
    folder: Path


def run_once(
    places: Places,
    clock: Clock,
    *,
    run_id: str,
    assess: bool = True,
    report_progress: Callable[[Progress], None] = lambda _: None,
) -> RunOutcome:
    """One scheduled pass, from due feeds to the day's digest. Everything that can be wrong with the set-up is found first.

    Without ``assess`` nothing is classified: what is new waits for the next run.
    """
    from monitor.notify import tell_crash  # noqa: PLC0415

    config = open_config(places)
    day = clock.read().astimezone(ZoneInfo(config.settings.timezone)).date()
    try:
        return _run(places, config, clock, run_id=run_id, day=day, assess=assess, report_progress=report_progress)
    except MonitorError as error:
        tell_crash(config.settings.notify.channels, os.environ, error, day=day, now=clock.read(), digests=places.digests)
        raise


def _run(  # noqa: PLR0913 - what `run_once` is given
    places: Places,
    config: Config,
    clock: Clock,
    *,
    run_id: str,
    day: date,
    assess: bool,
    report_progress: Callable[[Progress], None],
) -> RunOutcome:
    from monitor.pipeline.parts import Parts  # noqa: PLC0415
    from monitor.pipeline.run import run_pipeline  # noqa: PLC0415
    from monitor.reports import RunError  # noqa: PLC0415
    from monitor.stages.clock import doubt_clock  # noqa: PLC0415
    from monitor.storage.days import day_bounds  # noqa: PLC0415

    classifier = open_classifier(places) if assess else None
    codebook = open_codebook(places)
    check_writable(places.digests)
    started_at = clock.read()
    with (
        open_store(places) as store,
        hold_run_lock(lock_path(places.db_url), started_at=started_at),
        open_archive(places, config) as archive,
        open_readers() as readers,
    ):
        parts = Parts(
            fetcher=open_fetcher(config, clock),
            parse=readers.parse,
            extract=readers.extract,
            bundle_id=classifier.bundle_id if classifier else read_answers(places)[0],
            classifier=classifier,
            store=store,
            archive=archive,
            full_text=config.settings.fetch.full_text,
            read_clock=clock.read,
            read_timer=clock.timer,
            report_progress=report_progress,
        )
        doubt = doubt_clock(started_at, next(iter(store.load_run_days(limit=1)), None))
        since = day_bounds(day, config.settings.timezone)[0]
        tally = run_pipeline(parts, config.feeds, run_id=run_id, started_at=started_at, day=day, since=since)
        if doubt is not None:
            tally.errors.append(RunError(None, None, "clock", doubt))
        if archive is not None:
            _prune_archive(archive, store, config, started_at)
        return _finish(_Ending(places, config, clock, store, codebook, day), parts, tally, run_id=run_id, started_at=started_at)


@dataclass(frozen=True, slots=True)
class _Ending:
    """What the end of a run works with: everything that a digest is made of."""

    places: Places
    config: Config
    clock: Clock
    store: SqlStore
    codebook: Codebook
    day: date

    def write_day(self, day: date, bundle: str) -> Path:
        from monitor.digestfiles import write_files  # noqa: PLC0415

        facts = read_answers(self.places)[1]
        digest = self.store.load_digest(day, timezone=self.config.settings.timezone, bundle=bundle, facts=facts)
        return write_files(digest, self.places.digests, self.codebook, takes_pictures_again=True)


def _finish(end: _Ending, parts: Parts, tally: Tally, *, run_id: str, started_at: datetime) -> RunOutcome:
    """The day's digest, the channels, then what is left of earlier days."""
    from monitor.pipeline.assess import rescore_backlog  # noqa: PLC0415
    from monitor.pipeline.parts import timed  # noqa: PLC0415
    from monitor.pipeline.run import make_report  # noqa: PLC0415
    from monitor.stages.render import render_report  # noqa: PLC0415
    from monitor.wiring.missed import write_missed_days  # noqa: PLC0415

    store, config, digests, bundle_id = end.store, end.config, end.places.digests, parts.bundle_id

    def keep_report() -> RunReport:
        counted, now = store.count_assessments(bundle_id), end.clock.read()
        report = make_report(tally, counted, run_id=run_id, bundle=bundle_id, started_at=started_at, finished_at=now)
        store.finish_run(report)
        return report

    keep_report()
    with timed(parts, tally, "digest"):
        folder = end.write_day(end.day, bundle_id)
    # How long the digest took is known only now; the rest of the day's files does not depend on it.
    report = keep_report()
    tally.errors += _tell_channels(store, config, end.codebook, report, day=end.day, folder=folder, now=end.clock.read())
    write_digest({"run.json": render_report(keep_report())}, digests, end.day)
    if parts.classifier is not None:
        rescore_backlog(parts, tally, parts.classifier, max_seconds=config.settings.assess.rescore_s)
    with timed(parts, tally, "digest"):
        zone = config.settings.timezone
        write_missed_days(store, digests, lambda day: end.write_day(day, bundle_id), today=end.day, timezone=zone, bundle=bundle_id)
    report = keep_report()
    write_digest({"run.json": render_report(report)}, digests, end.day)
    return RunOutcome(report, folder)


def _tell_channels(  # noqa: PLR0913 - all that a message is made of
    store: SqlStore, config: Config, codebook: Codebook, report: RunReport, *, day: date, folder: Path, now: datetime
) -> list[RunError]:
    """Tell the channels what is new; gives what they did not take."""
    from monitor.notify import Occasion, tell_channels  # noqa: PLC0415
    from monitor.reports import RunError  # noqa: PLC0415

    notify = config.settings.notify
    base = notify.digest_url.rstrip("/") + f"/{day}" if notify.digest_url else str(folder.resolve())
    occasion = Occasion(
        report=report,
        day=day,
        where=f"{base}/digest.html",
        name_of=codebook.name_of,
        min_flagged=notify.min_flagged,
        on_failure=notify.on_failure,
    )
    outcomes = tell_channels(notify.channels, os.environ, store, occasion, now=now)
    return [RunError(None, None, "notify", outcome.error) for outcome in outcomes if outcome.error]


def _prune_archive(archive: Archive, store: SqlStore, config: Config, now: datetime) -> None:
    from monitor.archive.retention import is_prunable, prune_archive  # noqa: PLC0415
    from monitor.stages.clock import TRUSTED_DAYS, choose_pruning_time  # noqa: PLC0415

    limits = config.settings.archive
    now = choose_pruning_time(now, store.load_run_days(limit=TRUSTED_DAYS))
    if is_prunable(archive, now=now, max_age_days=limits.keep_days, max_bytes=limits.max_bytes):
        evidence = store.load_flagged_documents()
        prune_archive(archive, now=now, max_age_days=limits.keep_days, max_bytes=limits.max_bytes, is_kept=evidence.__contains__)
        store.save_archive_head(archive.head, folder=archive.name, saved_at=now)
