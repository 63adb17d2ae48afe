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
    from monitor.pipeline.parts import Parts, Progress
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
            bundle_id=bundle_id,
            classifier=classifier,
            store=store,
            archive=archive,
            full_text=config.settings.fetch.full_text,
            read_clock=clock.read,
            read_timer=clock.timer,
            report_progress=plan.report_progress,
        )
        outcome = _work(parts, places, config, codebook, store, archive, plan, started_at)
    seconds = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in outcome.report.seconds.items())
    log.info("the run ends: %s", seconds)
    return outcome


def _work(  # noqa: PLR0913, PLR0917 - all that a run works with
    parts: Parts,
    places: Places,
    config: Config,
    codebook: Codebook,
    store: SqlStore,
    archive: Archive | None,
    plan: _Plan,
    started_at: datetime,
) -> RunOutcome:
    from monitor.pipeline.assess import rescore_backlog  # noqa: PLC0415
    from monitor.pipeline.parts import timed  # noqa: PLC0415
    from monitor.pipeline.run import make_report, run_pipeline  # noqa: PLC0415
    from monitor.stages.render import render_report  # noqa: PLC0415
    from monitor.storage.days import day_bounds  # noqa: PLC0415

    bundle_id, day = parts.bundle_id, plan.day
    since = day_bounds(day, config.settings.timezone)[0]
    tally = run_pipeline(parts, config.feeds, run_id=plan.run_id, started_at=started_at, day=day, since=since)
    if archive is not None:
        _prune_archive(archive, store, config, started_at)

    def keep_report() -> RunReport:
        counted, finished_at = store.count_assessments(bundle_id), parts.read_clock()
        report = make_report(tally, counted, run_id=plan.run_id, bundle=bundle_id, started_at=started_at, finished_at=finished_at)
        store.finish_run(report)
        return report

    keep_report()
    with timed(parts, tally, "digest"):
        folder = _write_day(store, places, config, codebook, day, bundle=bundle_id)
    # How long the digest took is known only now; the rest of the day's files does not depend on it.
    report = keep_report()
    tally.errors += _tell_channels(store, config, codebook, report, day=day, folder=folder, now=parts.read_clock())
    write_digest({"run.json": render_report(keep_report())}, places.digests, day.isoformat())
    if parts.classifier is not None:
        rescore_backlog(parts, tally, parts.classifier, max_seconds=config.settings.assess.rescore_s)
    tally.errors += fold_old_records(store, config, day)
    report = keep_report()
    failure = judge_run(report, strict=plan.is_strict)
    tally.errors += plan.watch.end(report, store, failure=failure, archive=places.archive)
    report = keep_report()
    write_digest({"run.json": render_report(report)}, places.digests, day.isoformat())
    return RunOutcome(report, folder, failure)


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

    limits = config.settings.archive
    if is_prunable(archive, now=now, max_age_days=limits.keep_days, max_bytes=limits.max_bytes):
        evidence = store.load_flagged_documents()
        prune_archive(archive, now=now, max_age_days=limits.keep_days, max_bytes=limits.max_bytes, is_kept=evidence.__contains__)
        store.save_archive_head(archive.head, folder=archive.name, saved_at=now)


def _write_day(store: SqlStore, places: Places, config: Config, codebook: Codebook, day: date, *, bundle: str) -> Path:
    from monitor.digestfiles import write_files  # noqa: PLC0415

    digest = store.load_digest(day, timezone=config.settings.timezone, bundle=bundle, facts=read_answers(places)[1])
    return write_files(digest, places.digests, codebook, takes_pictures_again=True)
