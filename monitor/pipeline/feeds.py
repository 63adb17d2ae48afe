"""Due feeds to stored entries: fetch, keep the bytes, parse, decide, store."""

from __future__ import annotations

import asyncio
import hashlib
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from monitor.errors import FeedDocumentError, FetchError
from monitor.pipeline.parts import Parts, Progress, Tally, timed
from monitor.records import (
    Duplicate,
    Feed,
    FeedState,
    FetchedFeed,
    Fresh,
    Revised,
    Seen,
    TakenDocument,
    Visit,
)
from monitor.reports import (
    RunError,
)
from monitor.stages.articles import decide_entries
from monitor.stages.edits import find_vanished
from monitor.stages.schedule import after_failure, after_success, after_unchanged, plan_visit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.records import (
        Decided,
        Known,
        NotModified,
        ParsedFeed,
    )

# Visits without a document are stored so many at a time.
VISITS_AT_ONCE = 200
# Documents are parsed and stored so many at a time, or so much of them.
DOCUMENTS_AT_ONCE = 32
BYTES_AT_ONCE = 4_000_000


def visit_feeds(parts: Parts, tally: Tally, feeds: Sequence[Feed], *, run_id: str, started_at: datetime) -> None:
    """Visit the feeds that are due. One bad feed or entry is a line in the tally, never a stopped run.

    Feeds that another run has claimed are left to it, and counted as skipped.
    """
    enabled = {feed.id: feed for feed in feeds if feed.enabled}
    with timed(parts, tally, "store"):
        states = parts.store.load_feed_states()
        claimed = parts.store.claim_feeds(one for one in enabled if plan_visit(states[one], started_at).is_due)
        # Before it was ours, another run may have visited it.
        states = parts.store.load_feed_states()
    try:
        plans = {one: plan_visit(states[one], started_at) for one in enabled if one in claimed}
        due = [(enabled[one], states[one]) for one, plan in plans.items() if plan.is_due]
        tally.feeds.update(due=len(due), skipped=len(enabled) - len(due))
        forced = frozenset(feed.id for feed, _ in due if plans[feed.id].is_forced)
        asyncio.run(_Visitor(parts, tally, dict(states), run_id).visit(due, forced))
    finally:
        parts.store.release_feeds(claimed)


class _Visitor:
    """Takes what the fetcher gives, as it comes."""

    def __init__(self, parts: Parts, tally: Tally, states: dict[str, FeedState], run_id: str) -> None:
        self._parts = parts
        self._tally = tally
        self._states = states
        self._run_id = run_id
        self._waiting: list[Visit] = []

    async def visit(self, due: Sequence[tuple[Feed, FeedState]], forced: frozenset[str]) -> None:
        parts, tally = self._parts, self._tally
        start, busy_before = parts.read_timer(), tally.seconds["parse"] + tally.seconds["store"]
        documents: list[tuple[Feed, FetchedFeed]] = []
        done = 0
        async for feed, outcome in parts.fetcher.fetch_feeds(due, forced=forced):
            if isinstance(outcome, FetchedFeed):
                documents.append((feed, outcome))
                documents = await self._take_when_enough(documents)
            else:
                self._take_answer(feed, outcome)
                await self._store_when_enough()
            done += 1
            parts.report_progress(Progress("fetch", done, len(due)))
        self._take_documents(documents)
        self._store_waiting()
        busy = tally.seconds["parse"] + tally.seconds["store"] - busy_before
        tally.seconds["fetch"] += max(0.0, parts.read_timer() - start - busy)

    async def _take_when_enough(self, documents: list[tuple[Feed, FetchedFeed]]) -> list[tuple[Feed, FetchedFeed]]:
        """Store documents together where there are many or large ones; gives those that still wait.

        One transaction for several costs a fraction of one for each. What waits when a run is killed is fetched again.
        """
        if len(documents) < DOCUMENTS_AT_ONCE and sum(len(fetched.body) for _, fetched in documents) < BYTES_AT_ONCE:
            return documents
        # In a thread, so that parsing does not hold up the answers of the others.
        await asyncio.to_thread(self._take_documents, documents)
        return []

    async def _store_when_enough(self) -> None:
        if len(self._waiting) >= VISITS_AT_ONCE:
            await asyncio.to_thread(self._store_waiting)

    def _store_waiting(self) -> None:
        with timed(self._parts, self._tally, "store"):
            self._parts.store.save_visits(self._run_id, self._waiting)
        self._waiting = []

    def _take_answer(self, feed: Feed, outcome: NotModified | FetchError) -> None:
        if isinstance(outcome, FetchError):
            self._take_failure(feed, outcome)
            return
        self._tally.feeds["not_modified"] += 1
        state = after_unchanged(self._states[feed.id], now=outcome.fetched_at)
        self._waiting.append(Visit(feed.id, outcome, state, outcome.fetched_at))

    def _take_failure(self, feed: Feed, error: FetchError, fetched: FetchedFeed | None = None, archived: int | None = None) -> None:
        self._tally.feeds["failed"] += 1
        self._tally.errors.append(RunError(feed.id, feed.url, error.kind, str(error)))
        now = self._parts.read_clock()
        state = after_failure(self._states[feed.id], now=now, error=error, jitter=_jitter(feed.id, self._run_id))
        self._waiting.append(Visit(feed.id, error, state, now, fetched.sha256 if fetched else None, archived))

    def _take_documents(self, documents: Sequence[tuple[Feed, FetchedFeed]]) -> None:
        """Keep, parse and decide documents, and store what came of them in one step."""
        read = [found for feed, fetched in documents if (found := self._read_document(feed, fetched)) is not None]
        if not read:
            return
        with timed(self._parts, self._tally, "store"):
            store = self._parts.store
            entries = [entry for one in read for entry in one.parsed.entries]
            # What is known must still be so when it is stored: two feeds may bring one article to two runs.
            with store.hold("documents"):
                known = store.load_known(entries, fetched_at=read[-1].fetched.fetched_at)
                decided = iter(decide_entries(entries, known))
                taken = [self._decide_document(one, known, tuple(islice(decided, len(one.parsed.entries)))) for one in read]
                store.save_documents(self._run_id, taken)
        for one, result in zip(read, taken, strict=True):
            self._count_document(one, result)

    def _read_document(self, feed: Feed, fetched: FetchedFeed) -> _ReadDocument | None:
        """What a document says; None where it could not be read, which is noted."""
        parts, tally = self._parts, self._tally
        with timed(parts, tally, "store"):
            archived = _archive(parts, feed, fetched, last_sha256=self._states[feed.id].document_sha256)
        try:
            with timed(parts, tally, "parse"):
                return _ReadDocument(feed, fetched, parts.parse(feed, fetched), archived)
        except FeedDocumentError as error:
            self._take_failure(feed, FetchError(error.kind, str(error)), fetched, archived)
        except Exception as error:  # noqa: BLE001 - whatever a hostile document does to a parser, only its feed fails
            broken = FetchError("parse", f"the document broke the parser ({type(error).__name__}: {error}); please report it")
            self._take_failure(feed, broken, fetched, archived)
        return None

    def _decide_document(self, read: _ReadDocument, known: Known, decided: tuple[Decided, ...]) -> TakenDocument:
        feed_id, keys = read.feed.id, [entry.key for entry in read.parsed.entries]
        # Of a document that was cut short nothing can be told of what is missing.
        vanished = () if read.parsed.degraded else find_vanished(known.last_keys.get(feed_id, ()), keys)
        before = {key: known.entries.get((feed_id, key)) for key in keys}
        returned = tuple(key for key, entry in before.items() if entry is not None and entry.is_vanished)
        state = after_success(
            self._states[feed_id],
            read.fetched,
            new_entries=sum(isinstance(decision, Fresh | Duplicate) and not decision.is_update for decision in decided),
            published=[
                entry.published_at for entry in read.parsed.entries if not entry.published_how.startswith("time of fetching")
            ],
            hint_s=read.parsed.hint_s,
        )
        return TakenDocument(read.fetched, read.parsed, decided, vanished, returned, state, read.archived)

    def _count_document(self, read: _ReadDocument, taken: TakenDocument) -> None:
        feed, tally = read.feed, self._tally
        tally.feeds["fetched"] += 1
        count_entries(tally, taken.decided, rejected=len(read.parsed.rejected))
        tally.errors += _list_faults(feed, read.parsed)
        if taken.state.lies > self._states[feed.id].lies:
            tally.errors.append(RunError(feed.id, feed.url, "false_304", "the server said that nothing had changed, but it had"))


class _ReadDocument(NamedTuple):
    """A document that could be read, and where the archive keeps it."""

    feed: Feed
    fetched: FetchedFeed
    parsed: ParsedFeed
    archived: int | None


def _archive(parts: Parts, feed: Feed, fetched: FetchedFeed, *, last_sha256: str | None) -> int | None:
    # What is there already need not be kept again; the visit says that it came once more.
    if parts.archive is None or fetched.exchange is None or fetched.sha256 == last_sha256:
        return None
    kept = parts.archive.append(
        fetched.url, fetched.fetched_at, fetched.exchange, document_sha256=fetched.sha256, kind="feed", feed_id=feed.id
    )
    return kept.sequence


def _jitter(feed_id: str, run_id: str) -> float:
    """A number in 0..1 that spreads the feeds' next visits, the same whenever it is asked for."""
    return int.from_bytes(hashlib.sha256(f"{feed_id} {run_id}".encode()).digest()[:4], "big") / 2**32


def _list_faults(feed: Feed, parsed: ParsedFeed) -> list[RunError]:
    """What of a document could not be read."""
    faults = [RunError(feed.id, feed.url, "rejected_item", f"{reason}; nothing to keep") for reason in parsed.rejected]
    if parsed.degraded:
        faults.append(RunError(feed.id, feed.url, "clipped" if parsed.clipped else "degraded", parsed.degraded))
    return faults


def count_entries(tally: Tally, decided: Sequence[Decided], *, rejected: int) -> None:
    """Add a document's entries to the counts."""
    tally.entries.update(parsed=len(decided) + rejected, rejected=rejected)
    for decision in decided:
        if isinstance(decision, Seen):
            tally.entries["seen"] += 1
            continue
        tally.entries["updated" if decision.is_update else "new"] += 1
        match decision:
            case Fresh() | Revised():
                tally.articles["stored"] += 1
            case Duplicate():
                tally.articles["duplicates"] += 1
