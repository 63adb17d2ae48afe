"""SQL about where an article and its near copies were seen."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from monitor.reports import Copy
from monitor.storage.articles import CHUNK
from monitor.storage.schema import articles, entries, feeds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def load_copies(connection: Connection, article_ids: Sequence[str], *, before: datetime) -> dict[str, tuple[Copy, ...]]:
    """Where each article and its near copies were seen before a time, in order of first sight."""
    clusters = _load_clusters(connection, article_ids)
    # One article stands for all that were asked for of its cluster: they were seen in the same places.
    speakers = {cluster: article_id for article_id, cluster in clusters.items()}
    found: dict[str, list[Copy]] = defaultdict(list)
    asked, member = articles.alias("asked"), articles.alias("member")
    of_cluster = (member.c.cluster == asked.c.cluster) | (member.c.id == asked.c.id)
    chosen = sorted(speakers.values())
    for start in range(0, len(chosen), CHUNK):
        query = (
            select(asked.c.article_id.label("asked_for"), entries.c.feed_id, feeds.c.outlet, entries.c.url, entries.c.first_seen_at)
            .join_from(asked, member, of_cluster)
            .join(entries, entries.c.article_id == member.c.article_id)
            .join(feeds, feeds.c.feed_id == entries.c.feed_id)
            .where(asked.c.article_id.in_(chosen[start : start + CHUNK]) & (entries.c.first_seen_at < before))
            .order_by(entries.c.first_seen_at, entries.c.owns_article.desc(), entries.c.id)
        )
        for row in connection.execute(query):
            found[row.asked_for].append(Copy(row.feed_id, row.outlet, row.url, row.first_seen_at))
    ordered = {article_id: tuple(copies) for article_id, copies in found.items()}
    return {article_id: ordered.get(speakers[cluster], ()) for article_id, cluster in clusters.items()}


def _load_clusters(connection: Connection, article_ids: Sequence[str]) -> dict[str, int]:
    """The cluster of each article; one that has none yet is its own, told from clusters by its sign."""
    found: dict[str, int] = {}
    for start in range(0, len(article_ids), CHUNK):
        query = select(articles.c.article_id, articles.c.id, articles.c.cluster)
        for row in connection.execute(query.where(articles.c.article_id.in_(article_ids[start : start + CHUNK]))):
            found[row.article_id] = -row.id if row.cluster is None else row.cluster
    return found
