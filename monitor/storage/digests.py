"""SQL that gathers what a day's digest says. It costs what the day holds, not what the store holds.

A digest of a day holds the revisions first seen on that day, one (the last) per article. So it does not change when an
article is edited later, and nothing that arrives late is missed: it stands in the digest of the day on which it came.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, Subquery, case, exists, func, select

from monitor.dayreports import BundleFacts
from monitor.reports import (
    Copy,
    DayCounts,
    Digest,
    DigestRow,
    StanceCount,
)
from monitor.stages.agreement import rate_flags
from monitor.stages.stories import group_stories
from monitor.stages.trends import WINDOW_DAYS, compare_periods, judge_trends
from monitor.storage.assessments import count_waiting, load_scores
from monitor.storage.blindspots import load_feed_notes, load_gaps
from monitor.storage.changes import load_changes
from monitor.storage.copies import load_copies
from monitor.storage.daycounts import load_narrative_counts, load_outlet_counts
from monitor.storage.days import day_bounds, latest_revisions
from monitor.storage.decisions import load_judged
from monitor.storage.evidence import load_sequences
from monitor.storage.feeds import load_health, load_runs
from monitor.storage.growth import load_grown
from monitor.storage.reviewstats import load_decided
from monitor.storage.schema import articles, assessments, entries, feeds, narrative_scores, revisions
from monitor.storage.secondlook import load_mentions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.records import (
        NarrativeScore,
    )

NO_FACTS = BundleFacts()
PRECISION_SPAN = timedelta(days=30)


def load_digest(
    connection: Connection, day: date, *, timezone: str, bundle: str, since: date | None = None, facts: BundleFacts = NO_FACTS
) -> Digest:
    """Everything that the digest of ``day`` says, by ``bundle``'s assessments; with ``since`` of all days from then on.

    The days of the window must have been counted, see `monitor.storage.daycounts`.
    """
    first = since or day
    start, end = day_bounds(first, timezone)[0], day_bounds(day, timezone)[1]
    latest = latest_revisions(start, end)
    rows = _load_rows(connection, latest, bundle, end)
    runs, last_run = load_runs(connection, day)
    near, counters = load_mentions(connection, latest, bundle, facts)
    days = list_window(first, day)
    narratives = load_narrative_counts(connection, days, timezone=timezone, bundle=bundle)
    outlets = load_outlet_counts(connection, days, timezone=timezone, bundle=bundle)
    grown = load_grown(connection, start, end, bundle)
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
        since=since,
        stories=group_stories(rows, start=start),
        trends=judge_trends(narratives, outlets, day=day, since=since),
        comparison=compare_periods(narratives, outlets, grown, day=day, since=since),
        near=near,
        counters=counters,
        feed_notes=load_feed_notes(connection, end),
        gaps=load_gaps(connection, latest, bundle, facts, (first, day)),
        precision=rate_flags(load_judged(connection, since=end - PRECISION_SPAN, until=end)),
        waiting=count_waiting(connection, bundle, day_bounds(days[0], timezone)[0], start),
    )


def list_window(first: date, last: date) -> tuple[date, ...]:
    """The days whose counts a digest of the days from ``first`` to ``last`` needs: theirs, and those that they are held against."""
    before = max(WINDOW_DAYS, (last - first).days + 1)
    return tuple(first + timedelta(days=n) for n in range(-before, (last - first).days + 1))


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
    # An entry that was a copy may have been edited since, and have an article of its own now.
    of_entry = (revisions.c.article_id == entries.c.article_id) & (revisions.c.feed_id == entries.c.feed_id)
    made_article = exists().where(of_entry & (revisions.c.fetched_at == entries.c.first_seen_at) & ~revisions.c.is_variant)
    was_copy = in_day & (~entries.c.owns_article | ~made_article)
    copies = connection.execute(select(func.count()).select_from(entries).where(was_copy)).scalar_one()
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
    return tuple(sorted(make_rows(connection, found, bundle, end), key=_rank))


def select_rows(bundle: str) -> Select[Any]:
    """Revisions with what a row says of them besides scores and copies."""
    by_bundle = (assessments.c.revision_id == revisions.c.id) & (assessments.c.bundle == bundle)
    own, first = articles.alias("own"), articles.alias("first")
    return (
        select(
            revisions,
            feeds.c.outlet,
            feeds.c.kind,
            func.coalesce(assessments.c.language, feeds.c.language, "und").label("detected"),
            (assessments.c.revision_id.is_not(None) & assessments.c.failure.is_(None)).label("is_assessed"),
            func.coalesce(first.c.article_id, revisions.c.article_id).label("cluster_id"),
        )
        .join(own, own.c.article_id == revisions.c.article_id)
        .outerjoin(first, first.c.id == own.c.cluster)
        .outerjoin(assessments, by_bundle)
        .join(feeds, feeds.c.feed_id == revisions.c.feed_id)
    )


def make_rows(connection: Connection, found: Sequence[Any], bundle: str, end: datetime) -> list[DigestRow]:
    """What `select_rows` found as rows, in its order; copies up to ``end``."""
    scores = load_scores(connection, bundle, [row.id for row in found])
    copies = load_copies(connection, [row.article_id for row in found], before=end)
    kept = load_sequences(connection, sorted({row.document_sha256 for row in found if row.document_sha256}))
    decided = load_decided(connection, sorted({row.cluster_id for row in found}))
    made = [_make_row(row, scores.get(row.id, ()), copies[row.article_id], kept.get(row.document_sha256)) for row in found]
    return [replace(row, decision=decided.get(row.cluster_id)) for row in made]


def _make_row(row: Any, scores: tuple[NarrativeScore, ...], copies: tuple[Copy, ...], sequence: int | None) -> DigestRow:
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
        archive_sequence=sequence,
    )


def _rank(row: DigestRow) -> tuple[float, str]:
    return -max(score.score for score in row.narratives if score.flagged), row.article_id
