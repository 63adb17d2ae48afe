"""SQL about articles' pages. Every function works within the caller's transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from monitor.records import (
    PageOutcome,
    PageRequest,
)
from monitor.storage.articles import announce_revisions, load_last_numbers
from monitor.storage.days import forget_days
from monitor.storage.schema import articles, pages, revisions
from monitor.text import hash_texts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

# Older articles' pages are not fetched any more: what a run costs must not grow with the store.
MAX_AGE = timedelta(days=3)
# A page that fails for a reason that may pass is tried so often, and then left alone until the article's text changes.
MAX_TRIES = 3


def load_thin(
    connection: Connection, *, now: datetime, feed_ids: Sequence[str], max_chars: int | None, limit: int
) -> list[PageRequest]:
    """Pages to fetch, newest first: of articles of these feeds whose text is short, and whose page was not tried for that text.

    Articles first seen longer than `MAX_AGE` ago are left alone.
    ``max_chars`` is what counts as short, beyond the title; None takes every article. Without proxy and headers, which the
    store does not know.
    """
    of_page = pages.c.article_id == articles.c.article_id
    is_current = (revisions.c.article_id == articles.c.article_id) & (revisions.c.number == articles.c.current_revision)
    query = (
        select(articles.c.article_id, articles.c.feed_id, revisions.c.url)
        .join(revisions, is_current)
        .outerjoin(pages, of_page)
        .where(
            (articles.c.first_seen_at >= now - MAX_AGE)
            & articles.c.feed_id.in_(feed_ids)
            & revisions.c.url.is_not(None)
            & (revisions.c.source == "feed")
            & articles.c.gone_at.is_(None)
            & _is_untried(now)
        )
    )
    if max_chars is not None:
        query = query.where(articles.c.body_chars <= max_chars)
    rows = connection.execute(query.order_by(articles.c.id.desc()).limit(limit))
    return [PageRequest(row.article_id, row.url, feed_id=row.feed_id) for row in rows]


def _is_untried(now: datetime) -> ColumnElement[bool]:
    return or_(
        pages.c.article_id.is_(None),
        pages.c.for_revision < articles.c.current_revision,
        pages.c.not_before <= now,
    )


def save_pages(connection: Connection, outcomes: Sequence[PageOutcome]) -> int:
    """Record how fetching pages went; what they say becomes a revision of its article. Gives how many revisions that made."""
    announce_revisions(connection)
    current = _load_current(connection, [outcome.request.article_id for outcome in outcomes])
    numbers = load_last_numbers(connection, sorted(current))
    made: list[dict[str, Any]] = []
    for outcome in outcomes:
        row = current[outcome.request.article_id]
        if outcome.page is not None and len(outcome.page.text) > len(row.text):
            numbers[row.article_id] += 1
            made.append(_revision_row(row, outcome, numbers[row.article_id]))
            _advance_article(connection, made[-1])
        if outcome.is_gone:
            chosen = (articles.c.article_id == row.article_id) & articles.c.gone_at.is_(None)
            connection.execute(update(articles).where(chosen).values(gone_at=outcome.at))
        _put_page(connection, outcome, for_revision=numbers[row.article_id])
    if made:
        connection.execute(insert(revisions), made)
        forget_days(connection, min(row["fetched_at"] for row in made), max(row["fetched_at"] for row in made))
    return len(made)


def _load_current(connection: Connection, article_ids: Sequence[str]) -> dict[str, Any]:
    is_current = (revisions.c.article_id == articles.c.article_id) & (revisions.c.number == articles.c.current_revision)
    query = select(revisions).join(articles, is_current).where(articles.c.article_id.in_(article_ids))
    return {row.article_id: row for row in connection.execute(query)}


def _revision_row(row: Any, outcome: PageOutcome, number: int) -> dict[str, Any]:
    """The feed's title and summary with the page's text, as the article's next revision."""
    page = outcome.page
    assert page is not None  # noqa: S101 - the caller looked
    title = row.title or page.title
    return {
        "article_id": row.article_id,
        "number": number,
        "feed_id": row.feed_id,
        "is_variant": False,
        "url": row.url,
        "title": title,
        "summary": row.summary,
        "text": page.text,
        "content_sha256": hash_texts(title, row.summary, page.text),
        "published_at": row.published_at,
        "published_how": row.published_how,
        "fetched_at": outcome.at,
        "source": "page",
        "repairs": row.repairs,
        "document_sha256": page.document_sha256,
    }


def _advance_article(connection: Connection, row: dict[str, Any]) -> None:
    # The content hash stays the feed's: by it other feeds' equal entries are known as copies.
    values = {"current_revision": row["number"], "body_chars": len(row["summary"]) + len(row["text"])}
    connection.execute(update(articles).where(articles.c.article_id == row["article_id"]).values(values))


def _put_page(connection: Connection, outcome: PageOutcome, *, for_revision: int) -> None:
    article_id = outcome.request.article_id
    before = connection.execute(select(pages.c.tries, pages.c.for_revision).where(pages.c.article_id == article_id)).first()
    tries = before.tries + 1 if before is not None and before.for_revision == for_revision else 1
    page = outcome.page
    values = {
        "url": outcome.request.url,
        "for_revision": for_revision,
        "tries": tries,
        "tried_at": outcome.at,
        "outcome": outcome.outcome,
        "message": outcome.message,
        "not_before": outcome.not_before if tries < MAX_TRIES else None,
        "document_sha256": page.document_sha256 if page else None,
        "archive_sequence": page.archive_sequence if page else None,
    }
    if before is None:
        connection.execute(insert(pages).values(article_id=article_id, **values))
    else:
        connection.execute(update(pages).where(pages.c.article_id == article_id).values(values))
