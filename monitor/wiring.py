"""The only module that builds concrete parts and puts them together."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from monitor import __version__
from monitor.config import Config, load_config
from monitor.digests import check_writable, write_digest
from monitor.errors import MonitorError, UsageError
from monitor.lock import hold_run_lock, lock_path
from monitor.places import SAMPLES, find_default_feeds, find_models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date, datetime

    from monitor.archive.verify import Verification
    from monitor.archive.writer import Archive
    from monitor.bundle import BundleClassifier
    from monitor.codebook import Codebook
    from monitor.dayreports import BundleFacts
    from monitor.doctor import Finding
    from monitor.fetch.client import HttpFetcher
    from monitor.pipeline.parts import Progress
    from monitor.readers import Readers
    from monitor.reports import RunError, RunReport
    from monitor.storage.store import SqlStore

ARTICLES_AT_ONCE = 200
# What reading one document may take. feedparser needs 0.1 s for the largest real feed seen.
PARSE_TIMEOUT_S = 4.0
PARSE_MEMORY_BYTES = 256_000_000


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are. ``feeds`` and ``bundle`` are None where the user named none."""

    feeds: Path | None
    db_url: str
    digests: Path
    bundle: str | None
    working_folder: Path
    use_encoder: bool = True
    archive: Path = Path("archive")

    @property
    def feeds_file(self) -> Path:
        """The feeds file in use."""
        return self.feeds or find_default_feeds(self.working_folder)

    @property
    def models(self) -> Path:
        """The folder of bundles in use."""
        return find_models(self.working_folder)


@dataclass(frozen=True, slots=True)
class Clock:
    """``read`` gives the time now (or the one given with --now), ``timer`` seconds for measuring."""

    read: Callable[[], datetime]
    timer: Callable[[], float]


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a run did, and where its digest lies."""

    report: RunReport
    folder: Path


def open_config(places: Places) -> Config:
    """The configuration in use."""
    return load_config(places.feeds_file)


def open_store(places: Places, *, must_exist: bool = False) -> SqlStore:
    """The store in use."""
    from monitor.storage.store import SqlStore  # noqa: PLC0415

    return SqlStore(places.db_url, must_exist=must_exist)


def open_codebook(places: Places) -> Codebook:
    """The codebook in use."""
    from monitor.codebook import load_codebook  # noqa: PLC0415

    return load_codebook(places.models / "codebook.yaml")


def open_classifier(places: Places) -> BundleClassifier:
    """A classifier with the bundle in use. Every byte of the bundle is checked first."""
    from monitor.bundle import BundleClassifier, load_bundle, resolve_bundle  # noqa: PLC0415
    from monitor.encoder import find_encoder  # noqa: PLC0415

    model = load_bundle(resolve_bundle(places.bundle, places.models))
    encoder = find_encoder(model.second.encoder) if model.second is not None and places.use_encoder else None
    return BundleClassifier(model, encoder)


def open_fetcher(config: Config, clock: Clock) -> HttpFetcher:
    """A fetcher with the configured limits."""
    from monitor.fetch.client import FetchLimits, HttpFetcher, make_user_agent  # noqa: PLC0415

    fetch = config.settings.fetch
    limits = FetchLimits(
        concurrency=fetch.concurrency,
        per_host=fetch.per_host,
        min_delay_s=fetch.min_delay_s,
        timeout_s=fetch.timeout_s,
        max_bytes=fetch.max_bytes,
        allow_private_networks=fetch.allow_private_networks,
    )
    return HttpFetcher(limits, user_agent=make_user_agent(__version__, config.settings.contact), read_clock=clock.read)


@contextmanager
def open_readers(workers: int = 2) -> Iterator[Readers]:
    """Readers of hostile documents; their processes start with the first document that needs one."""
    from monitor.readers import Readers  # noqa: PLC0415
    from monitor.workers import WorkerPool  # noqa: PLC0415

    with WorkerPool(workers, timeout_s=PARSE_TIMEOUT_S, max_memory_bytes=PARSE_MEMORY_BYTES) as pool:
        yield Readers(pool)


@contextmanager
def open_archive(places: Places, config: Config) -> Iterator[Archive | None]:
    """The archive of fetched documents, for writing; None where it is switched off."""
    from monitor.archive.writer import Archive  # noqa: PLC0415

    if not config.settings.archive.enabled:
        yield None
        return
    with Archive(places.archive) as archive:
        yield archive


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
    from monitor.pipeline.run import make_report, run_pipeline  # noqa: PLC0415
    from monitor.stages.render import render_report  # noqa: PLC0415

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
            report_progress=report_progress,
        )
        tally = run_pipeline(parts, config.feeds, run_id=run_id, started_at=started_at, day=day)
        if archive is not None:
            _prune_archive(archive, store, config, started_at)
        counted = store.count_assessments(bundle_id)
        report = make_report(tally, counted, run_id=run_id, bundle=bundle_id, started_at=started_at, finished_at=clock.read())
        store.finish_run(report)
        begun = clock.timer()
        folder = _write_day(store, places, config, codebook, day, bundle=bundle_id)
        # How long the digest took is known only now; the rest of the day's files does not depend on it.
        report = replace(report, seconds=report.seconds | {"digest": round(clock.timer() - begun, 3)})
        untold = _tell_channels(store, config, codebook, report, day=day, folder=folder, now=clock.read())
        report = replace(report, errors=(*report.errors, *untold), finished_at=clock.read())
        store.finish_run(report)
        write_digest({"run.json": render_report(report)}, places.digests, day.isoformat())
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


def read_answers(places: Places) -> tuple[str, BundleFacts]:
    """The id under which the bundle in use answers, with its thresholds and languages, without reading its weights."""
    from monitor.bundle import describe_answers, resolve_bundle  # noqa: PLC0415
    from monitor.encoder import NAME, find_encoder  # noqa: PLC0415

    use_encoder = places.use_encoder and find_encoder(NAME) is not None
    return describe_answers(resolve_bundle(places.bundle, places.models), use_encoder=use_encoder)


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


def write_digest_again(places: Places, clock: Clock, day: date | None, *, since: date | None = None) -> Path:
    """Write a day's digest (today's by default), or that of all days since another, from the store; gives its folder."""
    from monitor.digestfiles import write_files  # noqa: PLC0415

    config = open_config(places)
    chosen = day or clock.read().astimezone(ZoneInfo(config.settings.timezone)).date()
    if since is not None and since > chosen:
        raise UsageError(f"--since {since}: lies after {chosen}; give an earlier day, or a later --day")
    bundle, facts = read_answers(places)
    with open_store(places, must_exist=True) as store:
        digest = store.load_digest(chosen, timezone=config.settings.timezone, bundle=bundle, since=since, facts=facts)
    return write_files(digest, places.digests, open_codebook(places))


def explain_article(places: Places, reference: str) -> tuple[str, dict[str, Any]]:
    """The report on one article, as text and as plain values. Raises `UsageError` where the store has none."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.stages.explain import render_history  # noqa: PLC0415

    with open_store(places, must_exist=True) as store:
        history = store.load_history(reference)
    if history is None:
        raise UsageError(f"{reference}: no such article in the store; give a URL, an article's id or a guid (see the digest)")
    thresholds = open_classifier(places).thresholds
    return render_history(history, open_codebook(places).name_of, thresholds), asdict(history)


def examine(places: Places, clock: Clock) -> list[Finding]:
    """What `monitor doctor` finds."""
    from monitor.doctor import examine as examine_parts  # noqa: PLC0415

    return examine_parts(
        config=lambda: open_config(places),
        store=lambda: open_store(places, must_exist=True),
        classifier=lambda: open_classifier(places),
        environment=os.environ,
        feeds_file=places.feeds_file,
        digests=places.digests,
        now=clock.read(),
        free_bytes=shutil.disk_usage(places.working_folder).free,
    )


@contextmanager
def serve_demo(out: Path, clock: Clock, *, bundle: str | None = None) -> Iterator[Places]:
    """Serve the sample feeds on loopback; gives the places of a fresh installation in ``out`` that reads them."""
    from monitor.demo import serve_samples, write_demo_feeds  # noqa: PLC0415

    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be made ({error.strerror}); give a folder that does not exist yet") from error
    with serve_samples(SAMPLES, clock.read()) as base_url:
        write_demo_feeds(out / "feeds.yaml", base_url)
        yield Places(
            feeds=out / "feeds.yaml",
            db_url=f"sqlite:///{out / 'monitor.db'}",
            digests=out / "digests",
            bundle=bundle,
            working_folder=Path.cwd(),
            archive=out / "archive",
        )


def verify_evidence(places: Places, report_progress: Callable[[Progress], None]) -> Verification:
    """Check the archive, against the store's memory of its end where there is a store."""
    from monitor.archive.verify import verify_archive  # noqa: PLC0415
    from monitor.archive.writer import keep_writers_out  # noqa: PLC0415
    from monitor.errors import StoreError  # noqa: PLC0415
    from monitor.pipeline.parts import Progress  # noqa: PLC0415

    try:
        with open_store(places, must_exist=True) as store:
            head = store.load_archive_head(str(places.archive.resolve()))
    except StoreError:
        head = None  # the archive can be checked alone, where the store is elsewhere or lost
    with keep_writers_out(places.archive):
        return verify_archive(
            places.archive,
            expected_head=head,
            report_progress=lambda done, total: report_progress(Progress("verify", done, total)),
        )


def read_evidence(places: Places, sequence: int, *, body_only: bool = False) -> bytes:
    """A document's record as it lies in the archive: WARC headers, HTTP headers, the bytes as fetched.

    With ``body_only`` the document alone, decompressed.
    """
    from monitor.archive.reader import read_record, read_warc  # noqa: PLC0415
    from monitor.fetch.decompress import decompress_entity  # noqa: PLC0415

    if body_only:
        return read_record(places.archive, sequence, decode=decompress_entity).body
    return read_warc(places.archive, sequence)
