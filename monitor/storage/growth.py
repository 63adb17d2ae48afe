"""SQL about stories that are older than the day and were seen in more places on it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from monitor.dayreports import GrownStory
from monitor.storage.articles import CHUNK
from monitor.storage.copies import load_copies
from monitor.storage.schema import articles, assessments, entries, feeds, narrative_scores, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.reports import Copy


def load_grown(connection: Connection, start: datetime, end: datetime, bundle: str) -> tuple[GrownStory, ...]:
    """Flagged stories first seen before ``start`` with new copies up to ``end``; the one that grew most first."""
    heads = _find_heads(connection, start, end)
    flagged = _load_narratives(connection, heads, end, bundle)
    heads = [head for head in heads if flagged[head]]
    described = _describe(connection, heads, bundle)
    copies = load_copies(connection, [row.article_id for row in described], before=end)
    grown = (_make_story(row, copies[row.article_id], flagged[row.head], start) for row in described)
    return tuple(sorted((one for one in grown if one.added), key=lambda one: (-one.added, one.id)))


def _find_heads(connection: Connection, start: datetime, end: datetime) -> list[int]:
    """Rows of the first articles of clusters that are older than ``start`` and had an entry since."""
    head = articles.alias("head")
    in_day = (entries.c.first_seen_at >= start) & (entries.c.first_seen_at < end)
    query = (
        select(head.c.id)
        .select_from(entries)
        .join(articles, articles.c.article_id == entries.c.article_id)
        .join(head, head.c.id == func.coalesce(articles.c.cluster, articles.c.id))
        .where(in_day & (head.c.first_seen_at < start))
        .distinct()
    )
    return sorted(connection.execute(query).scalars())


def _load_narratives(connection: Connection, heads: Sequence[int], end: datetime, bundle: str) -> defaultdict[int, set[str]]:
    """Narratives that any member of a cluster was flagged for, by the cluster's row."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    table, of_member = narrative_scores, revisions.c.article_id == articles.c.article_id
    cluster = func.coalesce(articles.c.cluster, articles.c.id).label("head")
    for start in range(0, len(heads), CHUNK):
        chunk = heads[start : start + CHUNK]
        query = (
            select(cluster, table.c.narrative)
            .select_from(articles)
            .join(revisions, of_member & (revisions.c.fetched_at < end) & ~revisions.c.is_variant)
            .join(table, (table.c.revision_id == revisions.c.id) & (table.c.bundle == bundle) & table.c.flagged)
            .where(articles.c.cluster.in_(chunk) | articles.c.id.in_(chunk))
            .distinct()
        )
        for row in connection.execute(query):
            found[row.head].add(row.narrative)
    return found


def _describe(connection: Connection, heads: Sequence[int], bundle: str) -> list[Any]:
    """The first text of each cluster's first article."""
    found: list[Any] = []
    by_bundle = (assessments.c.revision_id == revisions.c.id) & (assessments.c.bundle == bundle)
    is_first = (revisions.c.article_id == articles.c.article_id) & (revisions.c.number == 1)
    shown = (revisions.c.title, revisions.c.url, feeds.c.outlet, assessments.c.language)
    for start in range(0, len(heads), CHUNK):
        query = (
            select(articles.c.id.label("head"), articles.c.article_id, articles.c.first_seen_at, *shown)
            .join(revisions, is_first)
            .join(feeds, feeds.c.feed_id == articles.c.feed_id)
            .outerjoin(assessments, by_bundle)
            .where(articles.c.id.in_(heads[start : start + CHUNK]))
            .order_by(articles.c.id)
        )
        found += connection.execute(query).all()
    return found


def _make_story(row: Any, copies: Sequence[Copy], narratives: set[str], start: datetime) -> GrownStory:
    known = {copy.outlet for copy in copies if copy.first_seen_at < start}
    fresh = [copy for copy in copies if copy.first_seen_at >= start]
    return GrownStory(
        id=row.article_id,
        title=row.title,
        url=row.url,
        language=row.language or "und",
        outlet=row.outlet,
        first_seen_at=row.first_seen_at,
        before=len(copies) - len(fresh),
        added=len(fresh),
        new_outlets=tuple(dict.fromkeys(copy.outlet for copy in fresh if copy.outlet not in known)),
        narratives=tuple(sorted(narratives)),
    )
