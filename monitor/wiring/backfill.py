"""What `monitor backfill` and `monitor rescore` are made of: read files, store them, assess what waits on an engine."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from monitor.lock import hold_run_lock, lock_path
from monitor.wiring.parts import Clock, Places, open_config, open_readers, open_store, read_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from monitor.backfill.rows import Filed
    from monitor.backfill.sources import Reading, Unit
    from monitor.engines import Engine, EngineName
    from monitor.pipeline.parts import Progress
    from monitor.records import Decided, TakenDocument
    from monitor.reports import BackfillProgress, BackfillReport, ScoringReport
    from monitor.scoring import BundleRef, Chunk, Scored
    from monitor.storage.store import SqlStore

ROWS_AT_ONCE = 5_000
REJECTS_NAMED = 20
COPY_MEMORY = timedelta(days=30)


class Job:
    """One call of the commands: what it works with, and when it has to stop."""

    def __init__(
        self, places: Places, clock: Clock, *, max_seconds: float | None, report_progress: Callable[[Progress], None]
    ) -> None:
        self.places, self.clock, self.report_progress = places, clock, report_progress
        self._ends = None if max_seconds is None else clock.timer() + max_seconds

    @property
    def is_over(self) -> bool:
        """Whether the time that it was given is up."""
        return self._ends is not None and self.clock.timer() >= self._ends


def backfill(  # noqa: PLR0913 - what the command takes
    job: Job, paths: Sequence[Path], *, feed_id: str, engine: EngineName, scheduler: str | None, jobs: int, assesses: bool
) -> BackfillReport:
    """Read files into the store, from where an earlier call stopped, and assess what waits.

    Raises `UsageError` for a file that cannot be read, `RunLockedError` while a run lasts.
    """
    from monitor.backfill.sources import Reading, find_format  # noqa: PLC0415
    from monitor.reports import BackfillReport  # noqa: PLC0415

    for path in paths:
        find_format(path)
    config = open_config(job.places)
    now = job.clock.read()
    rejects: list[str] = []
    with ExitStack() as stack:
        chosen = stack.enter_context(_open_engine(job.places, engine, scheduler, jobs)) if assesses else None
        store = stack.enter_context(open_store(job.places))
        stack.enter_context(hold_run_lock(lock_path(job.places.db_url), started_at=now))
        readers = stack.enter_context(open_readers())
        store.sync_feeds(config.feeds)
        reading = Reading(feed_id, config.settings.timezone, now, readers.parse, readers.extract)
        begun = job.clock.timer()
        files = {str(path): _read_file(job, store, path, reading, rejects) for path in paths}
        seconds = job.clock.timer() - begun
        _finish(job, store, now)
        scoring = _score(job, store, chosen) if chosen is not None else None
    return BackfillReport(files, tuple(rejects), round(seconds, 3), scoring)


def rescore(job: Job, *, engine: EngineName, scheduler: str | None, jobs: int) -> ScoringReport:
    """Assess everything in the store that the bundle in use has not seen. Raises as `backfill` does."""
    with (
        _open_engine(job.places, engine, scheduler, jobs) as chosen,
        open_store(job.places, must_exist=True) as store,
        hold_run_lock(lock_path(job.places.db_url), started_at=job.clock.read()),
    ):
        return _score(job, store, chosen)


def _open_engine(places: Places, engine: EngineName, scheduler: str | None, jobs: int):  # type: ignore[no-untyped-def]
    from monitor.bundle import resolve_bundle, verify_bundle  # noqa: PLC0415
    from monitor.engines import open_engine  # noqa: PLC0415

    folder = resolve_bundle(places.bundle, places.models).resolve()
    files = {f"{folder.name}/{name}": content for name, content in verify_bundle(folder).items()}
    files[f"{folder.name}/SHA256SUMS"] = (folder / "SHA256SUMS").read_bytes()
    return open_engine(engine, scheduler=scheduler, jobs=jobs, files=files)


def _read_file(job: Job, store: SqlStore, path: Path, reading: Reading, rejects: list[str]) -> BackfillProgress:
    from monitor.backfill.sources import read_units  # noqa: PLC0415
    from monitor.pipeline.parts import Progress  # noqa: PLC0415

    stat = path.stat()
    source = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    progress = store.load_backfill(source)
    if progress.is_finished:
        return progress
    for units in _gather(read_units(path, reading, skip=progress.units)):
        for unit in units:
            room = REJECTS_NAMED - len(rejects)
            rejects += [f"{path}:{unit.number}: {reason}" for reason in unit.rejected[: max(0, room)]]
        progress = _keep(store, source, progress, units, reading)
        job.report_progress(Progress(f"read {path.name}", min(units[-1].done_bytes, stat.st_size), stat.st_size))
        if job.is_over:
            return progress
    return _keep(store, source, progress, [], reading)


def _gather(units: Iterator[Unit]) -> Iterator[list[Unit]]:
    """Units until they hold enough rows; lines and records stay whole."""
    chunk: list[Unit] = []
    rows = 0
    for unit in units:
        chunk.append(unit)
        rows += max(1, len(unit.filed) + len(unit.rejected))
        if rows >= ROWS_AT_ONCE:
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk


def _keep(store: SqlStore, source: str, before: BackfillProgress, units: Sequence[Unit], reading: Reading) -> BackfillProgress:
    """Decide on a chunk's entries and keep them; no units mean that the file has come to its end."""
    from monitor.records import Feed  # noqa: PLC0415
    from monitor.reports import BackfillCounts, BackfillProgress  # noqa: PLC0415
    from monitor.stages.articles import decide_entries  # noqa: PLC0415

    # In the order in which they were seen: copies belong to the first one.
    filed = sorted((one for unit in units for one in unit.filed), key=lambda one: one.fetched_at)
    entries = [one.entry for one in filed]
    known = store.load_known(entries, fetched_at=filed[0].fetched_at if filed else reading.now)
    decided = decide_entries(entries, known)
    counts = Counter(asdict(before.counts)) + _count(decided)
    counts["rejected"] += sum(len(unit.rejected) for unit in units)
    counts["rows"] = sum(counts[name] for name in ("new", "updated", "seen", "copies", "rejected"))
    voices = {
        one.entry.feed_id: Feed(one.entry.feed_id, f"backfill:{one.entry.feed_id}", one.outlet or one.entry.feed_id)
        for one in filed
    }
    after = BackfillProgress(units[-1].number if units else before.units, not units, BackfillCounts(**counts))
    store.save_backfill(source, after, voices=list(voices.values()), documents=_make_documents(filed, decided))
    return after


def _count(decided: Sequence[Decided]) -> Counter[str]:
    from monitor.records import Duplicate, Fresh, Revised  # noqa: PLC0415

    names = {Fresh: "new", Revised: "updated", Duplicate: "copies"}
    return Counter(names.get(type(one), "seen") for one in decided)


def _make_documents(filed: Sequence[Filed], decided: Sequence[Decided]) -> list[TakenDocument]:
    """As if each moment's entries had come in one document of their feed."""
    from monitor.records import FeedState, FetchedFeed, ParsedFeed, TakenDocument  # noqa: PLC0415

    pairs = sorted(zip(filed, decided, strict=True), key=lambda pair: _origin(pair[0]))
    documents = []
    for (at, feed_id, digest), group in groupby(pairs, key=lambda pair: _origin(pair[0])):
        fetched = FetchedFeed(feed_id, "", 200, None, b"", digest or None, None, None, at)  # type: ignore[arg-type]
        documents.append(TakenDocument(fetched, ParsedFeed(()), tuple(one for _, one in group), (), (), FeedState()))
    return documents


def _origin(filed: Filed) -> tuple[datetime, str, str]:
    return filed.fetched_at, filed.entry.feed_id, filed.document_sha256 or ""


def _finish(job: Job, store: SqlStore, now: datetime) -> None:
    """Make what was read searchable, and find its copies."""
    from monitor.pipeline.parts import Progress  # noqa: PLC0415

    total, done = store.count_unclustered(), 0
    while made := store.cluster_pending():
        done += made
        job.report_progress(Progress("cluster", done, max(total, done)))
    store.forget_old_copies(now - COPY_MEMORY)
    store.index_text()


def _score(job: Job, store: SqlStore, engine: Engine) -> ScoringReport:
    """Assess what waits for the bundle in use, newest first."""
    from monitor.bundle import resolve_bundle  # noqa: PLC0415
    from monitor.pipeline.parts import Progress  # noqa: PLC0415
    from monitor.reports import ScoringReport  # noqa: PLC0415
    from monitor.scoring import BundleRef, score_chunk  # noqa: PLC0415

    places, begun = job.places, job.clock.timer()
    folder = resolve_bundle(places.bundle, places.models).resolve()
    ref = BundleRef(folder.name, str(folder), read_answers(places)[0])
    total, made, flagged = store.count_assessments(ref.answers_as).pending, 0, 0
    for scored in engine.map(score_chunk, _list_chunks(job, store, ref)):
        _save(job, store, ref, scored)
        made += len(scored.assessed)
        flagged += sum(assessment.flagged for _, assessment in scored.assessed)
        job.report_progress(Progress("assess", made, max(total, made)))
    store.settle_assessments(ref.answers_as)
    counted = store.count_assessments(ref.answers_as)
    seconds = round(job.clock.timer() - begun, 3)
    return ScoringReport(
        ref.answers_as, engine.name, engine.jobs, made, flagged, pending=counted.pending, failed=counted.failed, seconds=seconds
    )


def _list_chunks(job: Job, store: SqlStore, ref: BundleRef) -> Iterator[Chunk]:
    from monitor.scoring import SCORED_AT_ONCE, Chunk  # noqa: PLC0415

    before = None
    while not job.is_over and (pending := store.load_pending(ref.answers_as, limit=SCORED_AT_ONCE, before=before)):
        yield Chunk(ref, tuple(pending))
        before = pending[-1].revision_id


def _save(job: Job, store: SqlStore, ref: BundleRef, scored: Scored) -> None:
    store.save_assessments(ref.answers_as, scored.assessed, made_at=job.clock.read())
    for revision_id, message in scored.failures:
        store.save_assessment_failure(ref.answers_as, revision_id, message, failed_at=job.clock.read())
