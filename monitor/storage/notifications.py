"""SQL about what channels were told. Every function works within the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, select

from monitor.reports import UntoldArticle
from monitor.storage.articles import insert_ignoring_conflicts
from monitor.storage.schema import assessments, feeds, narrative_scores, notifications, revisions, told_articles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def load_untold(connection: Connection, channel: str, *, bundle: str, since: datetime) -> tuple[UntoldArticle, ...]:
    """Articles with a text fetched since a time and flagged by ``bundle`` that the channel was not told of, best first."""
    is_told = (told_articles.c.article_id == revisions.c.article_id) & (told_articles.c.channel == channel)
    by_bundle = (assessments.c.revision_id == revisions.c.id) & (assessments.c.bundle == bundle)
    of_score = (narrative_scores.c.revision_id == revisions.c.id) & (narrative_scores.c.bundle == bundle)
    query = (
        select(revisions.c.article_id, revisions.c.title, feeds.c.outlet, narrative_scores.c.narrative, narrative_scores.c.score)
        .join(assessments, by_bundle)
        .join(narrative_scores, of_score)
        .join(feeds, feeds.c.feed_id == revisions.c.feed_id)
        .outerjoin(told_articles, is_told)
        .where((revisions.c.fetched_at >= since) & assessments.c.flagged & narrative_scores.c.flagged)
        .where(told_articles.c.article_id.is_(None) & ~revisions.c.is_variant)
        .order_by(narrative_scores.c.score.desc(), revisions.c.id.desc())
    )
    best: dict[str, UntoldArticle] = {}
    for row in connection.execute(query):
        best.setdefault(row.article_id, UntoldArticle(*row))
    return tuple(best.values())


def load_last_told(connection: Connection, channel: str, kind: str) -> datetime | None:
    """When the channel was last told something of a kind."""
    # The last to be written down, not the latest: the clock may have been wrong.
    mine = (notifications.c.channel == channel) & (notifications.c.kind == kind)
    last = select(notifications.c.told_at).where(mine).order_by(notifications.c.id.desc()).limit(1)
    found: datetime | None = connection.execute(last).scalar()
    return found


def save_told(
    connection: Connection, channel: str, *, kind: str, subject: str, article_ids: Sequence[str], told_at: datetime
) -> None:
    """Note that the channel took a message, and of which articles it told."""
    connection.execute(insert(notifications).values(channel=channel, kind=kind, subject=subject, told_at=told_at))
    rows = [{"channel": channel, "article_id": article_id, "told_at": told_at} for article_id in article_ids]
    if rows:
        connection.execute(insert_ignoring_conflicts(connection, told_articles), rows)
