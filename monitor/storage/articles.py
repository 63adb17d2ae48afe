"""SQL about entries, articles and their revisions. Every function works within the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.records import (
    Document,
    Duplicate,
    Entry,
    FetchedFeed,
    Fresh,
    Known,
    KnownArticle,
    KnownEntry,
    Revised,
    Seen,
    TakenDocument,
)
from monitor.stages.articles import body_chars
from monitor.storage.bulk import execute_rows, is_any, is_any_pair
from monitor.storage.claims import hold_for_transaction
from monitor.storage.days import forget_days
from monitor.storage.feeds import load_last_keys
from monitor.storage.schema import articles, entries, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Table

CHUNK = 500


def insert_ignoring_conflicts(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that leaves rows alone that are already there, in the connection's dialect."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement: sqlite.Insert | postgresql.Insert = dialect.insert(table).on_conflict_do_nothing()
    return statement


def load_known(connection: Connection, found: Sequence[Entry], *, copies_since: datetime) -> Known:
    """What is stored that bears on these entries of one or several feeds.

    A copy counts as one only of an article first seen at ``copies_since`` or later.
    """
    wanted = is_any_pair(connection, (entries.c.feed_id, entries.c.key), [(entry.feed_id, entry.key) for entry in found])
    known = {(row.feed_id, row.key): KnownEntry(*row[1:]) for row in connection.execute(_KNOWN_ENTRIES.where(wanted))}
    chosen = is_any(connection, articles.c.identity, [entry.identity for entry in found])
    by_identity = {row.identity: KnownArticle(*row[1:]) for row in connection.execute(_KNOWN_ARTICLES.where(chosen))}
    hashes = is_any(connection, articles.c.content_sha256, [entry.content_sha256 for entry in found])
    recent = select(articles.c.content_sha256, articles.c.article_id).where(hashes & (articles.c.first_seen_at >= copies_since))
    by_content: dict[str, str] = {}
    for content_sha256, article_id in connection.execute(recent.order_by(articles.c.id)):
        by_content.setdefault(content_sha256, article_id)
    return Known(known, by_identity, by_content, load_last_keys(connection, sorted({entry.feed_id for entry in found})))


_KNOWN_ENTRIES = select(
    entries.c.feed_id,
    entries.c.key,
    entries.c.article_id,
    entries.c.content_sha256,
    entries.c.owns_article,
    entries.c.vanished_at.is_not(None).label("is_vanished"),
)
_KNOWN_ARTICLES = select(articles.c.identity, articles.c.article_id, articles.c.content_sha256, articles.c.body_chars)


def save_documents(connection: Connection, documents: Sequence[TakenDocument]) -> None:
    """Keep documents' new articles, revisions and copies, mark what vanished and unmark what is back; the rest is left alone."""
    announce_revisions(connection)
    decided = [_Dated(decision, one.fetched) for one in documents for decision in one.decided if not isinstance(decision, Seen)]
    execute_rows(connection, insert(articles), [_article_row(one) for one in decided if isinstance(one.decision, Fresh)])
    _save_revisions(connection, decided)
    changed = {(one.entry.feed_id, one.entry.key): _entry_row(one) for one in decided}
    execute_rows(connection, _put_entries(connection), list(changed.values()))
    for one in documents:
        _mark_vanished(connection, one)


def announce_revisions(connection: Connection) -> None:
    """Say that this transaction stores revisions.

    Where runs share a store their ids may become visible out of order; `monitor.storage.assessments.settle_assessments` waits
    for all who said so.
    """
    hold_for_transaction(connection, "revisions", is_shared=True)


def _mark_vanished(connection: Connection, taken: TakenDocument) -> None:
    of_feed = entries.c.feed_id == taken.fetched.feed_id
    if taken.vanished:
        is_new = of_feed & is_any(connection, entries.c.key, taken.vanished) & entries.c.vanished_at.is_(None)
        connection.execute(update(entries).where(is_new).values(vanished_at=taken.fetched.fetched_at))
    if taken.returned:
        connection.execute(
            update(entries).where(of_feed & is_any(connection, entries.c.key, taken.returned)).values(vanished_at=None)
        )


class _Dated(NamedTuple):
    """A decision with the document that its entry came in."""

    decision: Fresh | Revised | Duplicate
    fetched: FetchedFeed

    @property
    def entry(self) -> Entry:
        return self.decision.entry


def _article_row(one: _Dated) -> dict[str, Any]:
    entry = one.entry
    return {
        "article_id": one.decision.article_id,
        "identity": entry.identity,
        "feed_id": entry.feed_id,
        "first_seen_at": one.fetched.fetched_at,
        "current_revision": 1,
        "content_sha256": entry.content_sha256,
        "body_chars": body_chars(entry),
    }


def _save_revisions(connection: Connection, decided: Sequence[_Dated]) -> None:
    texts = [one for one in decided if not isinstance(one.decision, Duplicate) or one.decision.differs]
    later = {one.decision.article_id for one in texts if not isinstance(one.decision, Fresh)}
    numbers = load_last_numbers(connection, sorted(later))
    rows = []
    for one in texts:
        number = numbers.get(one.decision.article_id, 0) + 1
        numbers[one.decision.article_id] = number
        rows.append(_revision_row(one, number))
        if isinstance(one.decision, Revised):
            _advance_article(connection, one.decision, number)
    execute_rows(connection, insert(revisions), rows)
    if texts:
        times = [one.fetched.fetched_at for one in texts]
        forget_days(connection, min(times), max(times))


def load_last_numbers(connection: Connection, article_ids: Sequence[str]) -> dict[str, int]:
    """The number of each article's last revision, variants counted."""
    if not article_ids:
        return {}
    last = func.max(revisions.c.number).label("last")
    query = select(revisions.c.article_id, last).where(is_any(connection, revisions.c.article_id, article_ids))
    return {row.article_id: row.last for row in connection.execute(query.group_by(revisions.c.article_id))}


def _revision_row(one: _Dated, number: int) -> dict[str, Any]:
    entry = one.entry
    return {
        "article_id": one.decision.article_id,
        "number": number,
        "feed_id": entry.feed_id,
        "is_variant": isinstance(one.decision, Duplicate),
        "url": entry.url,
        "title": entry.title,
        "summary": entry.summary,
        "text": entry.text,
        "content_sha256": entry.content_sha256,
        "published_at": entry.published_at,
        "published_how": entry.published_how,
        "fetched_at": one.fetched.fetched_at,
        "source": "feed",
        "repairs": entry.repairs or None,
        "document_sha256": one.fetched.sha256,
    }


def _advance_article(connection: Connection, decision: Revised, number: int) -> None:
    connection.execute(
        update(articles)
        .where(articles.c.article_id == decision.article_id)
        .values(current_revision=number, content_sha256=decision.entry.content_sha256, body_chars=body_chars(decision.entry))
    )


def _entry_row(one: _Dated) -> dict[str, Any]:
    entry = one.entry
    return {
        "feed_id": entry.feed_id,
        "key": entry.key,
        "article_id": one.decision.article_id,
        "owns_article": not isinstance(one.decision, Duplicate),
        "url": entry.url,
        "content_sha256": entry.content_sha256,
        "first_seen_at": one.fetched.fetched_at,
    }


def _put_entries(connection: Connection) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that brings entries up to date that are already there; when they were first seen stays."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement: sqlite.Insert | postgresql.Insert = dialect.insert(entries)
    changing = ("article_id", "owns_article", "url", "content_sha256")
    return statement.on_conflict_do_update(
        index_elements=["feed_id", "key"], set_={name: statement.excluded[name] for name in changing}
    )


def load_current(connection: Connection, *, after: int, limit: int) -> list[tuple[int, Document]]:
    """Each article's row and its current text, in the order in which the articles came, from the row behind ``after`` on."""
    is_current = (revisions.c.article_id == articles.c.article_id) & (revisions.c.number == articles.c.current_revision)
    query = select(articles.c.id.label("row"), revisions).join(revisions, is_current).where(articles.c.id > after)
    return [(row.row, make_document(row)) for row in connection.execute(query.order_by(articles.c.id).limit(limit))]


def count_articles(connection: Connection) -> int:
    """How many articles there are."""
    return int(connection.execute(select(func.count()).select_from(articles)).scalar_one())


def index_text(connection: Connection) -> None:
    """Add all revisions since the last call to the full-text index (PostgreSQL keeps its own up to date)."""
    if connection.dialect.name != "sqlite":
        return
    last = connection.execute(select(func.max(revisions.c.id))).scalar() or 0
    connection.execute(
        text(
            "INSERT INTO revision_search (rowid, title, summary, text) SELECT id, title, summary, text FROM revisions "
            "WHERE id > (SELECT last_revision_id FROM search_progress) AND id <= :last"
        ),
        {"last": last},
    )
    connection.execute(text("UPDATE search_progress SET last_revision_id = :last"), {"last": last})


def find_article_id(connection: Connection, reference: str, *, identity: str | None) -> str | None:
    """The article that an id, an identity or an entry's link names."""
    named = (articles.c.article_id == reference) | (articles.c.identity == (identity or reference))
    if found := connection.execute(select(articles.c.article_id).where(named)).scalar():
        return str(found)
    linked = select(entries.c.article_id).where((entries.c.url == reference) | (entries.c.key == reference)).limit(1)
    found = connection.execute(linked).scalar()
    return str(found) if found else None


def make_document(row: Any) -> Document:
    """The text of a revision, as a classifier takes it."""
    return Document(id=row.article_id, title=row.title, summary=row.summary, text=row.text)
