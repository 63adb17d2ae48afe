"""One scheduled pass, from due feeds to the day's digest."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitor.digests import check_writable, write_digest
from monitor.errors import MonitorError, RunLockedError
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
from monitor.wiring.retention import fold_old_records
from monitor.wiring.watch import Watch

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

log = logging.getLogger("monitor.run")


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a run did, and where its digest lies; ``failure`` says why that is not enough, where it is not."""

    report: RunReport
    folder: Path
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is asked of a run, by whom it is watched, and the day that it is on."""

    run_id: str
    day: date
    watch: Watch
    is_strict: bool
    report_progress: Callable[[Progress], None]


def run_once(  # noqa: PLR0913 - what may be asked of a run
    places: Places,
    clock: Clock,
    *,
    run_id: str,
    assess: bool = True,
    strict: bool = False,
    metrics: Path | None = None,
    report_progress: Callable[[Progress], None] = lambda _: None,
) -> RunOutcome:
    """One scheduled pass, from due feeds to the day's digest. Everything that can be wrong with the set-up is found first.

    Without ``assess`` nothing is classified: what is new waits for the next run. With ``strict`` any feed that fails makes it a
    failure, not only all of them together. ``metrics`` is the file of figures to write, instead of that of the settings.
    """
    from monitor.notify import tell_crash  # noqa: PLC0415

    config = open_config(places)
    watch = Watch(config, textfile=metrics)
    day = clock.read().astimezone(ZoneInfo(config.settings.timezone)).date()
    try:
        return _run(places, config, clock, _Plan(run_id, day, watch, strict, report_progress), assess=assess)
    except RunLockedError:
        raise  # the other run tells how things are
    except Exception as error:
        watch.break_off(error, now=clock.read())
        if isinstance(error, MonitorError):
            tell_crash(config.settings.notify.channels, os.environ, error, day=day, now=clock.read(), digests=places.digests)
        raise


def judge_run(report: RunReport, *, strict: bool) -> str | None:
    """Why a run was not enough; None where it was."""
    feeds = report.feeds
    if feeds.due and feeds.failed == feeds.due:
        return f"all {feeds.due} feeds failed; see the digest, or `monitor feeds check`"
    if strict and feeds.failed:
        return f"{feeds.failed} of {feeds.due} feeds failed; see the digest, or `monitor feeds check`"
    return None


def _run(places: Places, config: Config, clock: Clock, plan: _Plan, *, assess: bool) -> RunOutcome:
    classifier = open_classifier(places) if assess else None
    bundle_id = classifier.bundle_id if classifier else read_answers(places)[0]
    codebook = open_codebook(places)
    check_writable(places.digests)
    started_at = clock.read()
    with (
        open_store(places) as store,
        hold_run_lock(lock_path(places.db_url), started_at=started_at),
        open_archive(places, config) as archive,
        open_readers() as readers,
    ):
        from monitor.pipeline.parts import Parts  # noqa: PLC0415

        plan.watch.begin()
        log.info("the run begins: %d feeds, bundle %s", len(config.feeds), bundle_id)
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
            report_progress=plan.report_progress,
        )
        ending = _Ending(places, config, codebook, store, plan, started_at)
        outcome = _work(ending, parts, archive)
    seconds = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in outcome.report.seconds.items())
    log.info("the run ends: %s", seconds)
    return outcome


@dataclass(frozen=True, slots=True)
class _Ending:
    """What the end of a run works with: everything that a digest is made of."""

    places: Places
    config: Config
    codebook: Codebook
    store: SqlStore
    plan: _Plan
    started_at: datetime

    @property
    def zone(self) -> str:
        return self.config.settings.timezone

    def write_day(self, day: date, bundle: str) -> Path:
        from monitor.digestfiles import write_files  # noqa: PLC0415

        digest = self.store.load_digest(day, timezone=self.zone, bundle=bundle, facts=read_answers(self.places)[1])
        return write_files(digest, self.places.digests, self.codebook, takes_pictures_again=True)


def _work(end: _Ending, parts: Parts, archive: Archive | None) -> RunOutcome:
    """From due feeds to articles and assessments, and then the digest."""
    from monitor.pipeline.run import run_pipeline  # noqa: PLC0415
    from monitor.reports import RunError  # noqa: PLC0415
    from monitor.stages.clock import doubt_clock  # noqa: PLC0415
    from monitor.storage.days import day_bounds  # noqa: PLC0415

    plan, started_at = end.plan, end.started_at
    doubt = doubt_clock(started_at, next(iter(end.store.load_run_days(limit=1)), None))
    since = day_bounds(plan.day, end.zone)[0]
    tally = run_pipeline(parts, end.config.feeds, run_id=plan.run_id, started_at=started_at, day=plan.day, since=since)
    if doubt is not None:
        tally.errors.append(RunError(None, None, "clock", doubt))
    if archive is not None:
        _prune_archive(archive, end.store, end.config, started_at)
    return _finish(end, parts, tally)


def _finish(end: _Ending, parts: Parts, tally: Tally) -> RunOutcome:
    """The day's digest, the channels, then what is left of earlier days."""
    from monitor.pipeline.parts import timed  # noqa: PLC0415
    from monitor.pipeline.run import make_report  # noqa: PLC0415
    from monitor.stages.render import render_report  # noqa: PLC0415

    store, plan, digests, bundle_id = end.store, end.plan, end.places.digests, parts.bundle_id

    def keep_report() -> RunReport:
        counted, now = store.count_assessments(bundle_id), parts.read_clock()
        report = make_report(tally, counted, run_id=plan.run_id, bundle=bundle_id, started_at=end.started_at, finished_at=now)
        store.finish_run(report)
        return report

    keep_report()
    with timed(parts, tally, "digest"):
        folder = end.write_day(plan.day, bundle_id)
    # How long the digest took is known only now; the rest of the day's files does not depend on it.
    report = keep_report()
    tally.errors += _tell_channels(store, end.config, end.codebook, report, day=plan.day, folder=folder, now=parts.read_clock())
    write_digest({"run.json": render_report(keep_report())}, digests, plan.day)
    _tidy_up(end, parts, tally)
    report = keep_report()
    failure = judge_run(report, strict=plan.is_strict)
    tally.errors += plan.watch.end(report, store, failure=failure, archive=end.places.archive)
    report = keep_report()
    write_digest({"run.json": render_report(report)}, digests, plan.day)
    return RunOutcome(report, folder, failure)


def _tidy_up(end: _Ending, parts: Parts, tally: Tally) -> None:
    """What need not be done before the digest: older articles, days without one, old records."""
    from monitor.pipeline.assess import rescore_backlog  # noqa: PLC0415
    from monitor.pipeline.parts import timed  # noqa: PLC0415
    from monitor.wiring.missed import write_missed_days  # noqa: PLC0415

    bundle, digests, today = parts.bundle_id, end.places.digests, end.plan.day
    if parts.classifier is not None:
        rescore_backlog(parts, tally, parts.classifier, max_seconds=end.config.settings.assess.rescore_s)
    with timed(parts, tally, "digest"):
        write_missed_days(end.store, digests, lambda day: end.write_day(day, bundle), today=today, timezone=end.zone, bundle=bundle)
    tally.errors += fold_old_records(end.store, end.config, today)


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
