"""SQL that searches texts. Every function works within the caller's transaction.

Every text that an article ever had is searched; an article is found once, with the newest of its texts that fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, and_, column, func, literal_column, or_, select, table, text

from monitor.errors import UsageError
from monitor.reports import SearchHit, SearchPage
from monitor.stages.searchquery import write_fts5, write_tsquery
from monitor.storage.assessments import load_scores
from monitor.storage.decisions import is_live
from monitor.storage.reviewschema import decisions
from monitor.storage.schema import articles, assessments, feeds, narrative_scores, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.reports import SearchFilters
    from monitor.stages.searchquery import Term

# More than so many texts are not counted: "more than" tells as much, and costs nothing.
MAX_COUNTED = 1_000
# The best ones are looked for among the newest so many texts that fit: to rank a million takes minutes.
MAX_RANKED = 5_000
_INDEX = table("revision_search", column("rowid"), column("rank"))


def search_texts(  # noqa: PLR0913 - a search is all of this
    connection: Connection,
    terms: tuple[Term, ...],
    filters: SearchFilters,
    *,
    bundle: str,
    limit: int,
    after: str | None = None,
    by_rank: bool = False,
) -> SearchPage:
    """One page of articles, newest first or best first. ``after`` is the ``next`` of the page before.

    Raises `UsageError` for an ``after`` that no search gave.
    """
    place = _read_cursor(after)
    fitting = _select_fitting(connection, terms, filters, bundle)
    counted = fitting.with_only_columns(revisions.c.article_id).order_by(None).limit(MAX_COUNTED + 1).subquery()
    seen, total = connection.execute(select(func.count(), func.count(counted.c.article_id.distinct())).select_from(counted)).one()
    if by_rank and terms:
        ordered = _keep_newest(connection, fitting, terms).order_by(_rank(connection, terms), revisions.c.id.desc()).offset(place)
    else:
        # The index gives its rows in this order by itself; by the texts' own number all that fit would be read and sorted.
        number = _INDEX.c.rowid if terms and connection.dialect.name == "sqlite" else revisions.c.id
        ordered = fitting.order_by(number.desc())
        ordered = ordered.where(number < place) if place else ordered
    rows, taken, last = _take_articles(connection, ordered, fitting, limit)
    hits = _make_hits(connection, rows, bundle)
    is_more = len(rows) == limit and taken is not None
    following = None if not is_more else str(place + (taken or 0)) if by_rank and terms else str(last)
    return SearchPage(total, seen > MAX_COUNTED, hits, following)


def _keep_newest(connection: Connection, fitting: Select[Any], terms: tuple[Term, ...]) -> Select[Any]:
    """What fits, as far as it is among the newest `MAX_RANKED` texts with these words."""
    number = _INDEX.c.rowid if connection.dialect.name == "sqlite" else revisions.c.id
    newest = select(number).where(_match(connection, terms)).order_by(number.desc()).limit(1).offset(MAX_RANKED)
    last = connection.execute(newest).scalar()
    return fitting if last is None else fitting.where(number > last)


def _read_cursor(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) <= 18):
        raise UsageError(f"--after {after[:40]!r}: no search gave this; take the one that the page before ends with")
    return int(after)


def _take_articles(
    connection: Connection, ordered: Select[Any], fitting: Select[Any], limit: int
) -> tuple[list[Any], int | None, int]:
    """So many rows of different articles, each the newest that fits; how many rows that took (None: all), and the last one's id."""
    rows: list[Any] = []
    known: set[str] = set()
    taken, last = 0, 0
    # Closed at once where enough was found: PostgreSQL keeps the rest of the answer ready otherwise.
    with connection.execute(ordered, execution_options={"yield_per": limit}) as found:
        for row in found:
            taken, last = taken + 1, row.id
            if row.article_id in known or _has_newer(connection, fitting, row):
                continue
            known.add(row.article_id)
            rows.append(row)
            if len(rows) == limit:
                return rows, taken, last
    return rows, None, last


def _has_newer(connection: Connection, fitting: Select[Any], row: Any) -> bool:
    """Whether a later text of the article fits too: then that one is shown, or was."""
    if row.number >= row.current_revision:
        return False
    later = fitting.where((revisions.c.article_id == row.article_id) & (revisions.c.id > row.id)).order_by(None).limit(1)
    return connection.execute(later).first() is not None


def _select_fitting(connection: Connection, terms: tuple[Term, ...], filters: SearchFilters, bundle: str) -> Select[Any]:
    by_bundle = (assessments.c.revision_id == revisions.c.id) & (assessments.c.bundle == bundle)
    found = revisions
    if terms and connection.dialect.name == "sqlite":
        found = _INDEX.join(revisions, revisions.c.id == _INDEX.c.rowid)  # type: ignore[assignment]
    joined = (
        found.join(feeds, feeds.c.feed_id == revisions.c.feed_id)
        .join(articles, articles.c.article_id == revisions.c.article_id)
        .outerjoin(assessments, by_bundle)
    )
    query = select(
        revisions,
        feeds.c.outlet,
        articles.c.current_revision,
        assessments.c.flagged,
        func.coalesce(assessments.c.language, feeds.c.language).label("language"),
    ).select_from(joined)
    conditions = list(_list_conditions(filters, bundle))
    if terms:
        conditions.append(_match(connection, terms))
    return query.where(and_(*conditions)) if conditions else query


def _match(connection: Connection, terms: tuple[Term, ...]) -> ColumnElement[bool]:
    if connection.dialect.name == "sqlite":
        return text("revision_search MATCH :terms").bindparams(terms=write_fts5(terms))  # type: ignore[return-value]
    return text("revisions.search @@ to_tsquery('simple', :terms)").bindparams(terms=write_tsquery(terms))  # type: ignore[return-value]


def _rank(connection: Connection, terms: tuple[Term, ...]) -> ColumnElement[Any]:
    """What is smaller for a text that fits better."""
    if connection.dialect.name == "sqlite":
        return literal_column("revision_search.rank")
    ranking = "-ts_rank(revisions.search, to_tsquery('simple', :ranked))"
    return text(ranking).bindparams(ranked=write_tsquery(terms))  # type: ignore[return-value]


def _list_conditions(filters: SearchFilters, bundle: str) -> Sequence[ColumnElement[bool]]:
    language = func.coalesce(assessments.c.language, feeds.c.language)
    found = [
        filters.since is not None and revisions.c.fetched_at >= filters.since,
        filters.until is not None and revisions.c.fetched_at < filters.until,
        bool(filters.outlets) and feeds.c.outlet.in_(filters.outlets),
        bool(filters.feeds) and revisions.c.feed_id.in_(filters.feeds),
        bool(filters.languages) and language.in_(filters.languages),
        filters.flagged is not None and func.coalesce(assessments.c.flagged, False).is_(filters.flagged),
        bool(filters.narratives or filters.stance) and revisions.c.id.in_(_telling(filters, bundle)),
        filters.decision is not None and _is_decided(filters.decision),
    ]
    return [condition for condition in found if not isinstance(condition, bool)]


def _telling(filters: SearchFilters, bundle: str) -> Select[Any]:
    scores = narrative_scores
    query = select(scores.c.revision_id).where((scores.c.bundle == bundle) & scores.c.is_carried)
    if filters.narratives:
        query = query.where(scores.c.narrative.in_(filters.narratives))
    return query.where(scores.c.stance == filters.stance) if filters.stance else query


def _is_decided(word: str) -> ColumnElement[bool]:
    """What analysts say of the article or of the first of its near copies; the strongest word counts."""
    first = articles.alias("first")
    of_story = or_(
        decisions.c.article_id == revisions.c.article_id,
        decisions.c.article_id.in_(select(first.c.article_id).where(first.c.id == articles.c.cluster)),
    )

    def says(verdict: str) -> ColumnElement[bool]:
        return select(decisions.c.id).where(of_story & is_live() & (decisions.c.verdict == verdict)).exists()

    confirmed, unsure, rejected = says("confirm"), says("unsure"), says("reject")
    return {
        "confirmed": confirmed,
        "unsure": ~confirmed & unsure,
        "rejected": ~confirmed & ~unsure & rejected,
        "none": ~confirmed & ~unsure & ~rejected,
    }[word]


def _make_hits(connection: Connection, rows: list[Any], bundle: str) -> tuple[SearchHit, ...]:
    scores = load_scores(connection, bundle, [row.id for row in rows])
    return tuple(
        SearchHit(
            revision_id=row.id,
            article_id=row.article_id,
            revision=row.number,
            url=row.url,
            title=row.title,
            summary=row.summary,
            text=row.text,
            outlet=row.outlet,
            feed_id=row.feed_id,
            language=row.language,
            fetched_at=row.fetched_at,
            flagged=bool(row.flagged),
            narratives=tuple(score for score in scores.get(row.id, ()) if score.is_carried),
        )
        for row in rows
    )
