"""A small store for tests: what goes into it, and how a run would have put it there."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from monitor.errors import FetchError
from monitor.records import (
    Assessment,
    Decided,
    Entry,
    Evidence,
    FeedState,
    FetchedFeed,
    NotModified,
    PageOutcome,
    PageText,
    ParsedFeed,
    TakenDocument,
    Visit,
)
from monitor.stages.articles import decide_entries
from monitor.stages.edits import find_vanished
from monitor.storage.store import SqlStore
from tests.factories import BUNDLE, NOON, make_entry, make_feed, make_fetched, make_score

DAY = date(2026, 5, 14)


LONG = "Жители полуострова единогласно поддержали решение, сообщили власти города."


CLEAN = Assessment("ru", ())


FLAGGED = Assessment("ru", (make_score(evidence=(Evidence("title", 0, 6, "Жители"),), terms=("единогласно",)),))


NEW = FeedState()


FEEDS = (make_feed("agency"), make_feed("pier", kind="state"))


def visit(store: SqlStore, *entries: Entry, feed_id: str = "agency", at: datetime = NOON, body: bytes = b"x") -> tuple[str, ...]:
    """Decide and keep what a feed's document held, as a run does; gives the decisions' names."""
    known = store.load_known(entries, fetched_at=at)
    decided = decide_entries(entries, known)
    vanished = find_vanished(known.last_keys.get(feed_id, ()), [entry.key for entry in entries])
    returned = tuple(entry.key for entry in known.entries.values() if entry.is_vanished)
    keep(store, decided, feed_id=feed_id, at=at, vanished=vanished, returned=returned, body=body)
    return tuple(type(decision).__name__ for decision in decided)


def keep(
    store: SqlStore,
    decided: Sequence[Decided],
    *,
    feed_id: str = "agency",
    at: datetime = NOON,
    vanished: tuple[str, ...] = (),
    returned: tuple[str, ...] = (),
    body: bytes = b"x",
) -> None:
    """Keep a document with these decisions."""
    fetched = replace(make_fetched(feed_id, body), fetched_at=at)
    parsed = ParsedFeed(tuple(decision.entry for decision in decided))
    store.save_documents("run", [TakenDocument(fetched, parsed, tuple(decided), vanished, returned, FeedState())])


def fetch(store: SqlStore, fetched: FetchedFeed, state: FeedState = NEW, *, note: str | None = None, entries: int = 0) -> None:
    """Keep a document's visit alone."""
    parsed = ParsedFeed(tuple(make_entry(f"{fetched.sha256} {n}") for n in range(entries)), degraded=note)
    store.save_documents("run", [TakenDocument(fetched, parsed, (), (), (), state)])


def answer(store: SqlStore, outcome: NotModified | FetchError, state: FeedState = NEW, *, at: datetime = NOON) -> None:
    """Keep a visit that gave no document."""
    store.save_visits("run", [Visit("agency", outcome, state, at)])


def entry(key: str = "e1", title: str = LONG, *, feed_id: str = "agency", **changes) -> Entry:
    return make_entry(key, feed_id=feed_id, title=title, **changes)


def assess_pending(store: SqlStore, assessment: Assessment = FLAGGED, *, bundle: str = BUNDLE) -> None:
    store.save_assessments(bundle, [(p.revision_id, assessment) for p in store.load_pending(bundle, limit=1000)], made_at=NOON)


def load_digest(store: SqlStore, day: date = DAY, *, timezone: str = "Europe/Kyiv", bundle: str = BUNDLE):
    return store.load_digest(day, timezone=timezone, bundle=bundle)


def page_of(store: SqlStore, text: str = "Полный текст страницы. " * 9, **changes) -> PageOutcome:
    (request,) = store.load_thin(now=NOON + timedelta(days=2), feed_ids=["agency"], max_chars=None, limit=9)
    return replace(PageOutcome(request, NOON, "fetched", page=PageText("Со страницы", text, "cd" * 32, 7)), **changes)
