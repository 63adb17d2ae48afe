"""SQL about entries, articles and their revisions. Every function works within the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.records import (
    Decided,
    Document,
    Duplicate,
    Entry,
    Fresh,
    Known,
    KnownArticle,
    KnownEntry,
    Revised,
    Seen,
    TakenDocument,
)
from monitor.stages.articles import body_chars, is_copy_candidate
from monitor.storage.days import forget_days
from monitor.storage.feeds import load_last_keys
from monitor.storage.schema import articles, entries, revisions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Table

CHUNK = 500


def insert_ignoring_conflicts(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that leaves rows alone that are already there, in the connection's dialect."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement: sqlite.Insert | postgresql.Insert = dialect.insert(table).on_conflict_do_nothing()
    return statement


def load_known(connection: Connection, feed_id: str, found: Sequence[Entry], *, copies_since: datetime) -> Known:
    """What is stored that bears on these entries of a feed.

    A copy counts as one only of an article first seen at ``copies_since`` or later.
    """
    known: dict[str, KnownEntry] = {}
    by_identity: dict[str, KnownArticle] = {}
    by_content: dict[str, str] = {}
    for chunk in _chunks(found):
        query = select(entries).where((entries.c.feed_id == feed_id) & entries.c.key.in_([e.key for e in chunk]))
        known |= {
            row.key: KnownEntry(row.key, row.article_id, row.content_sha256, row.owns_article) for row in connection.execute(query)
        }
        query = select(articles).where(articles.c.identity.in_([e.identity for e in chunk]))
        by_identity |= {
            row.identity: KnownArticle(row.article_id, row.content_sha256, row.body_chars) for row in connection.execute(query)
        }
        hashes = [e.content_sha256 for e in chunk if is_copy_candidate(e)]
        recent = articles.c.content_sha256.in_(hashes) & (articles.c.first_seen_at >= copies_since)
        rows = connection.execute(select(articles.c.content_sha256, articles.c.article_id).where(recent).order_by(articles.c.id))
        for row in rows:
            by_content.setdefault(row.content_sha256, row.article_id)
    return Known(known, by_identity, by_content, load_last_keys(connection, feed_id))


def _chunks(found: Sequence[Entry]) -> Iterable[Sequence[Entry]]:
    return (found[start : start + CHUNK] for start in range(0, len(found), CHUNK))


def save_document(connection: Connection, taken: TakenDocument) -> None:
    """Keep a document's new articles, revisions and copies, and mark what vanished; what was seen before is left alone."""
    fetched = taken.fetched
    save_entries(connection, fetched.feed_id, taken.decided, fetched_at=fetched.fetched_at, document_sha256=fetched.sha256)
    of_feed = entries.c.feed_id == fetched.feed_id
    if taken.vanished:
        is_new = of_feed & entries.c.key.in_(taken.vanished) & entries.c.vanished_at.is_(None)
        connection.execute(update(entries).where(is_new).values(vanished_at=fetched.fetched_at))
    back = sorted({entry.key for entry in taken.parsed.entries} - set(load_last_keys(connection, fetched.feed_id)))
    for start in range(0, len(back), CHUNK):
        returned = of_feed & entries.c.key.in_(back[start : start + CHUNK]) & entries.c.vanished_at.is_not(None)
        connection.execute(update(entries).where(returned).values(vanished_at=None))


def save_entries(
    connection: Connection, feed_id: str, decided: Sequence[Decided], *, fetched_at: datetime, document_sha256: str | None = None
) -> None:
    """Keep new articles, revisions and copies; what was seen before is left alone."""
    fresh = [d for d in decided if isinstance(d, Fresh)]
    if fresh:
        connection.execute(insert(articles), [_article_row(d, feed_id, fetched_at) for d in fresh])
    _save_revisions(connection, feed_id, decided, fetched_at, document_sha256)
    changed = {d.entry.key: _entry_row(d, feed_id, fetched_at) for d in decided if not isinstance(d, Seen)}
    if changed:
        connection.execute(_put_entries(connection), list(changed.values()))


def _article_row(decision: Fresh, feed_id: str, fetched_at: datetime) -> dict[str, Any]:
    entry = decision.entry
    return {
        "article_id": decision.article_id,
        "identity": entry.identity,
        "feed_id": feed_id,
        "first_seen_at": fetched_at,
        "current_revision": 1,
        "content_sha256": entry.content_sha256,
        "body_chars": body_chars(entry),
    }


def _save_revisions(
    connection: Connection, feed_id: str, decided: Sequence[Decided], fetched_at: datetime, document: str | None
) -> None:
    later = [d for d in decided if isinstance(d, Revised) or (isinstance(d, Duplicate) and d.differs)]
    numbers = load_last_numbers(connection, sorted({d.article_id for d in later}))
    rows = []
    for decision in decided:
        if isinstance(decision, Seen) or (isinstance(decision, Duplicate) and not decision.differs):
            continue
        number = numbers.get(decision.article_id, 0) + 1
        numbers[decision.article_id] = number
        rows.append(_revision_row(decision, number, feed_id, fetched_at) | {"document_sha256": document})
        if isinstance(decision, Revised):
            _advance_article(connection, decision, number)
    if rows:
        connection.execute(insert(revisions), rows)
        forget_days(connection, fetched_at, fetched_at)


def load_last_numbers(connection: Connection, article_ids: list[str]) -> dict[str, int]:
    """The number of each article's last revision, variants counted."""
    found: dict[str, int] = {}
    for start in range(0, len(article_ids), CHUNK):
        chosen = revisions.c.article_id.in_(article_ids[start : start + CHUNK])
        last = func.max(revisions.c.number).label("last")
        query = select(revisions.c.article_id, last).where(chosen).group_by(revisions.c.article_id)
        found |= {row.article_id: row.last for row in connection.execute(query)}
    return found


def _revision_row(decision: Fresh | Revised | Duplicate, number: int, feed_id: str, fetched_at: datetime) -> dict[str, Any]:
    entry = decision.entry
    return {
        "article_id": decision.article_id,
        "number": number,
        "feed_id": feed_id,
        "is_variant": isinstance(decision, Duplicate),
        "url": entry.url,
        "title": entry.title,
        "summary": entry.summary,
        "text": entry.text,
        "content_sha256": entry.content_sha256,
        "published_at": entry.published_at,
        "published_how": entry.published_how,
        "fetched_at": fetched_at,
        "source": "feed",
        "repairs": list(entry.repairs) or None,
    }


def _advance_article(connection: Connection, decision: Revised, number: int) -> None:
    connection.execute(
        update(articles)
        .where(articles.c.article_id == decision.article_id)
        .values(current_revision=number, content_sha256=decision.entry.content_sha256, body_chars=body_chars(decision.entry))
    )


def _entry_row(decision: Fresh | Revised | Duplicate, feed_id: str, fetched_at: datetime) -> dict[str, Any]:
    entry = decision.entry
    return {
        "feed_id": feed_id,
        "key": entry.key,
        "article_id": decision.article_id,
        "owns_article": not isinstance(decision, Duplicate),
        "url": entry.url,
        "content_sha256": entry.content_sha256,
        "first_seen_at": fetched_at,
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


def search_articles(connection: Connection, query: str, *, limit: int) -> list[str]:
    """Ids of articles of which some revision holds all words of ``query``, newest first."""
    words = [word for word in query.replace('"', " ").replace("\0", " ").split() if any(char.isalnum() for char in word)]
    if not words:
        return []
    if connection.dialect.name == "sqlite":
        matching = text("SELECT rowid AS id FROM revision_search WHERE revision_search MATCH :query").bindparams(
            query=" ".join(f'"{word}"' for word in words)
        )
    else:
        matching = text("SELECT id FROM revisions WHERE search @@ plainto_tsquery('simple', :query)").bindparams(
            query=" ".join(words)
        )
    hits = matching.columns(revisions.c.id).subquery()
    newest = func.max(revisions.c.fetched_at).label("newest")
    statement = select(revisions.c.article_id, newest).join(hits, hits.c.id == revisions.c.id).group_by(revisions.c.article_id)
    return [row.article_id for row in connection.execute(statement.order_by(newest.desc(), revisions.c.article_id).limit(limit))]


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
