"""SQL that gathers what a day's digest says. It costs what the day holds, not what the store holds.

A digest of a day holds the revisions first seen on that day, one (the last) per article. So it does not change when an
article is edited later, and nothing that arrives late is missed: it stands in the digest of the day on which it came.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, Subquery, case, func, select

from monitor.reports import (
    Copy,
    DayCounts,
    Digest,
    DigestRow,
    StanceCount,
)
from monitor.storage.articles import CHUNK
from monitor.storage.assessments import load_scores
from monitor.storage.changes import load_changes
from monitor.storage.feeds import load_health, load_runs
from monitor.storage.schema import articles, assessments, entries, feeds, narrative_scores, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.records import (
        NarrativeScore,
    )


def day_bounds(day: date, timezone: str) -> tuple[datetime, datetime]:
    """First moment of a day in a time zone, and of the next, in UTC."""
    zone = ZoneInfo(timezone)
    start = datetime.combine(day, time(), zone)
    return start.astimezone(UTC), datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


def load_digest(connection: Connection, day: date, *, timezone: str, bundle: str) -> Digest:
    """Everything that the digest of ``day`` says, by ``bundle``'s assessments."""
    start, end = day_bounds(day, timezone)
    latest = latest_revisions(start, end)
    rows = _load_rows(connection, latest, bundle, end)
    runs, last_run = load_runs(connection, day)
    return Digest(
        day=day,
        timezone=timezone,
        bundle=bundle,
        counts=_count_day(connection, latest, bundle, start, end),
        stances=_count_stances(connection, latest, bundle),
        rows=rows,
        health=load_health(connection, start, end),
        runs=runs,
        last_run=last_run,
        changes=load_changes(connection, start, end, bundle),
    )


def latest_revisions(start: datetime, end: datetime) -> Subquery:
    """Ids of the day's revisions (column ``id``): the last one of each article."""
    in_day = (revisions.c.fetched_at >= start) & (revisions.c.fetched_at < end) & ~revisions.c.is_variant
    return select(func.max(revisions.c.id).label("id")).where(in_day).group_by(revisions.c.article_id).subquery("latest")


def _count_day(connection: Connection, latest: Subquery, bundle: str, start: datetime, end: datetime) -> DayCounts:
    by_bundle = (assessments.c.revision_id == latest.c.id) & (assessments.c.bundle == bundle)
    total = func.count(latest.c.id)
    query = select(
        total.label("articles"),
        func.count(case((assessments.c.flagged, 1))).label("flagged"),
        func.count(case((assessments.c.revision_id.is_(None), 1))).label("pending"),
        func.count(case((assessments.c.failure.is_not(None), 1))).label("failed"),
    ).select_from(latest.outerjoin(assessments, by_bundle))
    row = connection.execute(query).one()
    in_day = (entries.c.first_seen_at >= start) & (entries.c.first_seen_at < end)
    copies = connection.execute(select(func.count()).where(in_day & ~entries.c.owns_article)).scalar_one()
    unflagged = row.articles - row.flagged - row.pending - row.failed
    return DayCounts(row.articles, row.flagged, unflagged, row.pending, row.failed, copies)


def _count_stances(connection: Connection, latest: Subquery, bundle: str) -> tuple[StanceCount, ...]:
    table = narrative_scores
    query = (
        select(table.c.narrative, table.c.stance, func.count().label("n"))
        .join(latest, latest.c.id == table.c.revision_id)
        .where((table.c.bundle == bundle) & table.c.is_carried)
        .group_by(table.c.narrative, table.c.stance)
    )
    counted: dict[str, dict[str, int]] = defaultdict(dict)
    for row in connection.execute(query):
        counted[row.narrative][row.stance] = row.n
    return tuple(
        StanceCount(narrative, by.get("promotes", 0), by.get("reports", 0), by.get("refutes", 0))
        for narrative, by in sorted(counted.items())
    )


def _load_rows(connection: Connection, latest: Subquery, bundle: str, end: datetime) -> tuple[DigestRow, ...]:
    query = select_rows(bundle).join(latest, latest.c.id == revisions.c.id).where(assessments.c.flagged)
    found = connection.execute(query).all()
    scores = load_scores(connection, bundle, [row.id for row in found])
    copies = load_copies(connection, [row.article_id for row in found], before=end)
    rows = [make_row(row, scores.get(row.id, ()), copies[row.article_id]) for row in found]
    return tuple(sorted(rows, key=_rank))


def select_rows(bundle: str) -> Select[Any]:
    """Revisions with what `make_row` takes of them; those that ``bundle`` has not assessed are among them."""
    by_bundle = (assessments.c.revision_id == revisions.c.id) & (assessments.c.bundle == bundle)
    own, first = articles.alias("own"), articles.alias("first")
    return (
        select(
            revisions,
            feeds.c.outlet,
            feeds.c.kind,
            func.coalesce(assessments.c.language, feeds.c.language, "und").label("detected"),
            func.coalesce(first.c.article_id, revisions.c.article_id).label("cluster_id"),
            (assessments.c.revision_id.is_not(None) & assessments.c.failure.is_(None)).label("is_assessed"),
        )
        .join(own, own.c.article_id == revisions.c.article_id)
        .outerjoin(first, first.c.id == own.c.cluster)
        .outerjoin(assessments, by_bundle)
        .join(feeds, feeds.c.feed_id == revisions.c.feed_id)
    )


def make_row(row: Any, scores: tuple[NarrativeScore, ...], copies: tuple[Copy, ...]) -> DigestRow:
    """A row of `select_rows` with its scores and copies."""
    return DigestRow(
        article_id=row.article_id,
        revision=row.number,
        url=row.url,
        title=row.title,
        summary=row.summary,
        text=row.text,
        outlet=row.outlet,
        feed_id=row.feed_id,
        kind=row.kind,
        language=row.detected,
        published_at=row.published_at,
        published_how=row.published_how,
        fetched_at=row.fetched_at,
        sha256=row.content_sha256,
        copies=copies,
        narratives=scores,
        cluster_id=row.cluster_id,
    )


def _rank(row: DigestRow) -> tuple[float, str]:
    return -max(score.score for score in row.narratives if score.flagged), row.article_id


def load_copies(connection: Connection, article_ids: Sequence[str], *, before: datetime) -> dict[str, tuple[Copy, ...]]:
    """Where each article and its near copies were seen before a time, in order of first sight."""
    found: dict[str, list[Copy]] = {article_id: [] for article_id in article_ids}
    asked, member = articles.alias("asked"), articles.alias("member")
    of_cluster = (member.c.cluster == asked.c.cluster) | (member.c.id == asked.c.id)
    for start in range(0, len(article_ids), CHUNK):
        query = (
            select(asked.c.article_id.label("asked_for"), entries.c.feed_id, feeds.c.outlet, entries.c.url, entries.c.first_seen_at)
            .join_from(asked, member, of_cluster)
            .join(entries, entries.c.article_id == member.c.article_id)
            .join(feeds, feeds.c.feed_id == entries.c.feed_id)
            .where(asked.c.article_id.in_(article_ids[start : start + CHUNK]) & (entries.c.first_seen_at < before))
            .order_by(entries.c.first_seen_at, entries.c.owns_article.desc(), entries.c.id)
        )
        for row in connection.execute(query):
            found[row.asked_for].append(Copy(row.feed_id, row.outlet, row.url, row.first_seen_at))
    return {article_id: tuple(copies) for article_id, copies in found.items()}
