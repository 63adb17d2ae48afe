"""SQL that counts what was flagged and decided, and lists what a search found. Within the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, case, exists, func, select

from monitor.decisions import DayCount, QueueRow
from monitor.storage.articles import CHUNK
from monitor.storage.decisions import is_live
from monitor.storage.reviewschema import decisions, review_items
from monitor.storage.schema import articles, feeds, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date


def load_day_counts(connection: Connection, *, first: date, last: date) -> tuple[DayCount, ...]:
    """For each day and narrative: items flagged, and those of them that were decided and confirmed. Newest day first."""
    items = review_items
    on_it = (decisions.c.article_id == items.c.article_id) & (decisions.c.asked == items.c.narrative) & is_live()
    confirmed = exists(select(decisions.c.id).where(on_it & (decisions.c.verdict == "confirm")).correlate(items))
    answered = items.c.state.in_(("second", "decided"))
    query = (
        select(
            items.c.day,
            items.c.narrative,
            func.count().label("flagged"),
            func.count(case((answered, 1))).label("decided"),
            func.count(case((answered & confirmed, 1))).label("confirmed"),
        )
        .where(items.c.flagged & (items.c.day >= first) & (items.c.day <= last) & (items.c.state != "closed"))
        .group_by(items.c.day, items.c.narrative)
        .order_by(items.c.day.desc(), items.c.narrative)
    )
    return tuple(DayCount(*row) for row in connection.execute(query))


def load_found(connection: Connection, article_ids: Sequence[str]) -> tuple[QueueRow, ...]:
    """Articles as the queue lists them, in the given order; ``id`` is 0, since it is the article that was found."""
    rows: dict[str, Any] = {}
    is_current = (revisions.c.article_id == articles.c.article_id) & (revisions.c.number == articles.c.current_revision)
    for start in range(0, len(article_ids), CHUNK):
        query = (
            select(articles.c.article_id, articles.c.first_seen_at, revisions.c.title, feeds.c.outlet, feeds.c.language)
            .join(revisions, is_current)
            .join(feeds, feeds.c.feed_id == articles.c.feed_id)
            .where(articles.c.article_id.in_(article_ids[start : start + CHUNK]))
        )
        rows |= {row.article_id: row for row in connection.execute(query)}
    return tuple(_make_found(rows[article_id]) for article_id in article_ids if article_id in rows)


def _make_found(row: Any) -> QueueRow:
    return QueueRow(0, row.article_id, row.title, row.outlet, row.language, "", 0.0, None, False, row.first_seen_at, 0.0, 1)  # noqa: FBT003


def load_decided(connection: Connection, article_ids: Sequence[str]) -> dict[str, str]:
    """What analysts say of articles, by id: ``confirmed``, ``rejected``, ``unsure``, or ``disputed`` where they differ."""
    found: dict[str, set[str]] = {}
    for start in range(0, len(article_ids), CHUNK):
        chosen = decisions.c.article_id.in_(article_ids[start : start + CHUNK]) & is_live()
        query = select(decisions.c.article_id, decisions.c.asked, decisions.c.verdict).where(
            chosen & (decisions.c.verdict != "skip")
        )
        for row in connection.execute(query):
            found.setdefault(f"{row.article_id}\0{row.asked}", set()).add(row.verdict)
    told: dict[str, set[str]] = {}
    for key, verdicts in found.items():
        told.setdefault(key.partition("\0")[0], set()).add(_sum_up(verdicts))
    # Of several narratives of one article, the strongest word counts.
    return {article_id: next(word for word in _WORDS if word in words) for article_id, words in told.items()}


_WORDS = ("confirmed", "disputed", "unsure", "rejected")


def _sum_up(verdicts: set[str]) -> str:
    if {"confirm", "reject"} <= verdicts:
        return "disputed"
    return "confirmed" if "confirm" in verdicts else "rejected" if "reject" in verdicts else "unsure"
