"""SQL for the drift report. Every function works within the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, case, exists, func, select

from monitor.dayreports import SCORE_BOUNDS, Unfitting
from monitor.storage.articles import make_document
from monitor.storage.days import latest_revisions
from monitor.storage.schema import articles, assessments, day_counts, feeds, narrative_scores, revisions

# An article with a score from here on is some known narrative's affair.
MIN_FITTING = 0.3

if TYPE_CHECKING:
    from datetime import date, datetime

    from monitor.records import Document


def count_languages(connection: Connection, bundle: str, start: datetime, end: datetime) -> dict[str, int]:
    """Assessed articles by language (``und``: none was found), fetched between two times."""
    latest = latest_revisions(start, end)
    by_bundle = (assessments.c.revision_id == latest.c.id) & (assessments.c.bundle == bundle) & assessments.c.failure.is_(None)
    language = func.coalesce(assessments.c.language, "und")
    query = select(language.label("language"), func.count().label("n")).select_from(latest.join(assessments, by_bundle))
    return {row.language: row.n for row in connection.execute(query.group_by(language).order_by(language))}


def count_scores(connection: Connection, bundle: str, start: datetime, end: datetime) -> dict[str, list[int]]:
    """Of each narrative, how many of its listed scores are in each class of `SCORE_BOUNDS`."""
    latest, table = latest_revisions(start, end), narrative_scores
    place = case(*((table.c.score >= bound, n) for n, bound in reversed(list(enumerate(SCORE_BOUNDS)))), else_=-1).label("place")
    query = (
        select(table.c.narrative, place, func.count().label("n"))
        .select_from(latest.join(table, (table.c.revision_id == latest.c.id) & (table.c.bundle == bundle)))
        .group_by(table.c.narrative, place)
    )
    found: dict[str, list[int]] = {}
    for row in connection.execute(query):
        if row.place >= 0:
            found.setdefault(row.narrative, [0] * len(SCORE_BOUNDS))[row.place] = row.n
    return found


def load_sample(connection: Connection, start: datetime, end: datetime, *, limit: int) -> list[Document]:
    """Up to ``limit`` texts fetched between two times, evenly spread over them."""
    latest = latest_revisions(start, end)
    numbers = list(connection.execute(select(latest.c.id).order_by(latest.c.id)).scalars())
    step = max(1, -(-len(numbers) // limit))
    chosen = numbers[::step]
    texts: list[Document] = []
    for first in range(0, len(chosen), 500):
        query = select(revisions).where(revisions.c.id.in_(chosen[first : first + 500])).order_by(revisions.c.id)
        texts += [make_document(row) for row in connection.execute(query)]
    return texts


def load_last_flags(connection: Connection, bundle: str, *, until: date) -> dict[str, date]:
    """The last day up to ``until`` on which each narrative was flagged, of the days that were counted."""
    table = day_counts
    promoting = (table.c.bundle == bundle) & (table.c.stance == "promotes") & (table.c.narrative != "") & (table.c.day <= until)
    query = select(table.c.narrative, func.max(table.c.day).label("day")).where(promoting).group_by(table.c.narrative)
    return {row.narrative: row.day for row in connection.execute(query)}


def load_unfitting(connection: Connection, bundle: str, start: datetime, end: datetime, *, limit: int) -> list[Unfitting]:
    """Up to ``limit`` assessed articles fetched between two times to which the bundle lists no score from `MIN_FITTING` on.

    Evenly spread over the time.
    """
    latest, scores = latest_revisions(start, end), narrative_scores
    by_bundle = (assessments.c.revision_id == latest.c.id) & (assessments.c.bundle == bundle) & assessments.c.failure.is_(None)
    is_score = (scores.c.revision_id == latest.c.id) & (scores.c.bundle == bundle) & (scores.c.score >= MIN_FITTING)
    fits = exists(select(scores.c.narrative).where(is_score))
    query = select(latest.c.id).select_from(latest.join(assessments, by_bundle)).where(~fits).order_by(latest.c.id)
    numbers = list(connection.execute(query).scalars())
    chosen = numbers[:: max(1, -(-len(numbers) // limit))]
    found: list[Unfitting] = []
    for first in range(0, len(chosen), 500):
        of_bundle = (assessments.c.revision_id == revisions.c.id) & (assessments.c.bundle == bundle)
        rows = connection.execute(
            select(
                revisions,
                feeds.c.outlet,
                func.coalesce(assessments.c.language, "und").label("language"),
                func.coalesce(articles.c.cluster, articles.c.id).label("story"),
            )
            .join(articles, articles.c.article_id == revisions.c.article_id)
            .join(feeds, feeds.c.feed_id == revisions.c.feed_id)
            .join(assessments, of_bundle)
            .where(revisions.c.id.in_(chosen[first : first + 500]))
            .order_by(revisions.c.id)
        )
        found += [
            Unfitting(
                row.article_id, str(row.story), row.title, f"{row.summary}\n{row.text}", row.url or "", row.outlet, row.language
            )
            for row in rows
        ]
    return found
