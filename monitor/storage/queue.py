"""SQL about the queue of questions. Every function works within the caller's transaction.

Only the first article of a cluster is asked about, so copies count once. An item is at most one analyst's at a time: it is claimed
for a while, and free again when that has run out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, exists, func, insert, or_, select, update

from monitor.decisions import Item, QueueRow
from monitor.stages.queue import judge_state, make_questions
from monitor.storage.articles import CHUNK
from monitor.storage.assessments import load_scores
from monitor.storage.decisions import find_version, is_live
from monitor.storage.reviewschema import decisions, review_items
from monitor.storage.schema import articles, assessments, feeds, revisions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.decisions import Filters, Order, Question, Scheme

CLAIM = timedelta(minutes=15)
# What a sweep of recent articles looks at: some weeks of them.
RECENT_ROWS = 50_000
_items = review_items
_mine, _later, _member = decisions.alias("mine"), decisions.alias("later_of_mine"), articles.alias("member")
_RANKS = {
    "certain": _items.c.rank_certain,
    "uncertain": _items.c.rank_uncertain,
    "sample": _items.c.rank_sample,
    "second": _items.c.rank_certain,
}


@dataclass(slots=True)
class Sweep:
    """A way through the store's articles, newest first: ``before`` is the row where it stands.

    Looking at a million articles again takes seconds, so most sweeps are of recent ones only.
    """

    is_recent: bool = False
    before: int | None = None


def fill_queue(connection: Connection, bundle: str, rows: Sequence[Any], *, thresholds: Mapping[str, float], seed: str) -> None:
    """Make questions of articles that `load_unasked` gave. Decisions made before, under whatever bundle, count."""
    scores = load_scores(connection, bundle, [row.revision_id for row in rows])
    answered = _load_answers(connection, [row.article_id for row in rows])
    known = _load_known_items(connection, [row.article_id for row in rows])
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    stale: list[dict[str, Any]] = []
    for row in rows:
        questions = make_questions(row.article_id, scores.get(row.revision_id, ()), thresholds=thresholds, seed=seed)
        numbers = known.get(row.article_id, {})
        for question in questions:
            live = answered.get((row.article_id, question.narrative, row.number), [])
            values = _item_row(row, question, bundle) | {"state": judge_state(live, wants_second=question.wants_second)}
            if question.narrative in numbers:
                changed.append(values | {"item": numbers[question.narrative]})
            else:
                new.append(values)
        asked = {question.narrative for question in questions}
        stale += [{"item": number, "now": row.number} for narrative, number in numbers.items() if narrative not in asked]
    _write_items(connection, new, changed, stale)


def load_unasked(connection: Connection, bundle: str, sweep: Sweep, *, limit: int) -> Sequence[Any]:
    """Up to ``limit`` articles whose current revision this bundle has assessed, and that have no questions yet; newest first."""
    is_current = (revisions.c.article_id == articles.c.article_id) & (revisions.c.number == articles.c.current_revision)
    by_bundle = (assessments.c.revision_id == revisions.c.id) & (assessments.c.bundle == bundle)
    is_asked = exists(
        select(_items.c.id).where(
            (_items.c.article_id == articles.c.article_id)
            & (_items.c.revision == articles.c.current_revision)
            & (_items.c.bundle == bundle)
        )
    )
    query = (
        select(
            articles.c.id,
            articles.c.article_id,
            articles.c.first_seen_at,
            revisions.c.id.label("revision_id"),
            revisions.c.number,
            revisions.c.feed_id,
            assessments.c.language,
        )
        .join(revisions, is_current)
        .join(assessments, by_bundle)
        .where((articles.c.cluster == articles.c.id) & assessments.c.failure.is_(None) & ~is_asked)
    )
    if sweep.before is not None:
        query = query.where(articles.c.id < sweep.before)
    if sweep.is_recent:
        newest = select(func.max(articles.c.id)).scalar_subquery()
        query = query.where(articles.c.id > newest - RECENT_ROWS)
    return connection.execute(query.order_by(articles.c.id.desc()).limit(limit)).all()


def _load_answers(connection: Connection, article_ids: Sequence[str]) -> dict[tuple[str, str, int], list[tuple[int, Any]]]:
    found: dict[tuple[str, str, int], list[tuple[int, Any]]] = {}
    for start in range(0, len(article_ids), CHUNK):
        chosen = decisions.c.article_id.in_(article_ids[start : start + CHUNK]) & is_live()
        for row in connection.execute(select(decisions).where(chosen)):
            found.setdefault((row.article_id, row.asked, row.revision), []).append((row.user_id, row.verdict))
    return found


def _load_known_items(connection: Connection, article_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for start in range(0, len(article_ids), CHUNK):
        chosen = _items.c.article_id.in_(article_ids[start : start + CHUNK])
        for row in connection.execute(select(_items.c.article_id, _items.c.narrative, _items.c.id).where(chosen)):
            found.setdefault(row.article_id, {})[row.narrative] = row.id
    return found


def _item_row(row: Any, question: Question, bundle: str) -> dict[str, Any]:
    return {
        "article_id": row.article_id,
        "narrative": question.narrative,
        "revision": row.number,
        "revision_id": row.revision_id,
        "bundle": bundle,
        "score": question.score,
        "stance": question.stance,
        "flagged": question.flagged,
        "language": row.language,
        "feed_id": row.feed_id,
        "day": row.first_seen_at.date(),
        "rank_certain": question.rank_certain,
        "rank_uncertain": question.rank_uncertain,
        "rank_sample": question.rank_sample,
        "probability": question.probability,
        "is_sampled": question.is_sampled,
        "wants_second": question.wants_second,
    }


def _write_items(
    connection: Connection, new: list[dict[str, Any]], changed: list[dict[str, Any]], stale: list[dict[str, Any]]
) -> None:
    if new:
        connection.execute(insert(_items), new)
    if changed:
        names: dict[str, Any] = {name: bindparam(name) for name in changed[0] if name not in {"item", "article_id", "narrative"}}
        statement = update(_items).where(_items.c.id == bindparam("item")).values(names)
        connection.execute(statement, [{k: v for k, v in one.items() if k not in {"article_id", "narrative"}} for one in changed])
    if stale:
        # What the bundle no longer asks about is closed, but an answer on the text as it is now is not put away.
        is_stale = (_items.c.id == bindparam("item")) & ((_items.c.state != "decided") | (_items.c.revision != bindparam("now")))
        connection.execute(update(_items).where(is_stale).values(state="closed"), stale)


def close_copies(connection: Connection) -> int:
    """Close open items of articles that turned out to be copies; gives how many."""
    is_copy = select(articles.c.article_id).where(articles.c.cluster != articles.c.id)
    chosen = _items.c.state.in_(("open", "second")) & _items.c.article_id.in_(is_copy)
    return connection.execute(update(_items).where(chosen).values(state="closed")).rowcount


def load_page(
    connection: Connection, order: Order, filters: Filters, *, account_id: int, after: tuple[float, int] | None, limit: int
) -> tuple[QueueRow, ...]:
    """A page of the queue behind a rank and id: what this analyst may be asked."""
    rank = _RANKS[order]
    is_wanted = _in_order(order) & _matching(filters) & _unanswered_by(account_id)
    if after is not None:
        is_wanted &= (rank > after[0]) | ((rank == after[0]) & (_items.c.id > after[1]))
    page = select(_items.c.id, rank.label("rank")).where(is_wanted).order_by(rank, _items.c.id).limit(limit).subquery()
    copies = select(func.count()).where(_member.c.cluster == articles.c.cluster).correlate(articles).scalar_subquery()
    query = (
        select(_items, page.c.rank, revisions.c.title, feeds.c.outlet, articles.c.first_seen_at, copies.label("copies"))
        .join_from(page, _items, _items.c.id == page.c.id)
        .join(revisions, revisions.c.id == _items.c.revision_id)
        .join(feeds, feeds.c.feed_id == _items.c.feed_id)
        .join(articles, articles.c.article_id == _items.c.article_id)
        .order_by(page.c.rank, page.c.id)
    )
    return tuple(
        QueueRow(
            id=row.id,
            article_id=row.article_id,
            title=row.title,
            outlet=row.outlet,
            language=row.language,
            narrative=row.narrative,
            score=row.score,
            stance=row.stance,
            flagged=row.flagged,
            first_seen_at=row.first_seen_at,
            rank=row.rank,
            copies=row.copies,
        )
        for row in connection.execute(query)
    )


def _in_order(order: Order) -> ColumnElement[bool]:
    if order == "second":
        return _items.c.state == "second"
    return (_items.c.state == "open") & (_items.c.is_sampled == (order == "sample"))


def _matching(filters: Filters) -> ColumnElement[bool]:
    wanted = _items.c.id > 0
    for column, value in (
        (_items.c.narrative, filters.narrative),
        (_items.c.language, filters.language),
        (_items.c.feed_id, filters.feed_id),
        (_items.c.day, filters.day),
    ):
        if value is not None:
            wanted &= column == value
    return wanted & _items.c.flagged if filters.flagged else wanted


def _unanswered_by(account_id: int) -> ColumnElement[bool]:
    """Whether the analyst has not answered or skipped it. Decisions are few beside items, and found by index."""
    same = (_mine.c.article_id == _items.c.article_id) & (_mine.c.asked == _items.c.narrative) & (_mine.c.user_id == account_id)
    holds = ~exists(select(_later.c.id).where(_later.c.supersedes == _mine.c.id).correlate(_mine)) & (_mine.c.verdict != "undo")
    is_same_text = _mine.c.revision == _items.c.revision
    return ~exists(select(_mine.c.id).where(same & is_same_text & holds).correlate(_items))


def claim_next(
    connection: Connection, orders: Sequence[Order], filters: Filters, *, account_id: int, now: datetime, but: int | None = None
) -> int | None:
    """Claim the first item that is free, of the first of these queues that has one; gives its id, None where all are empty.

    Of ``but`` no other claim of the analyst is left. What the analyst holds already in the same queue comes first.
    """
    release_claims(connection, account_id)
    for order in orders:
        item_id = _find_free(connection, order, filters, account_id=account_id, now=now, but=but)
        if item_id is not None:
            _claim(connection, item_id, account_id=account_id, scheme=order, now=now)
            return item_id
    return None


def _is_free(account_id: int, now: datetime) -> ColumnElement[bool]:
    return or_(_items.c.claimed_by.is_(None), _items.c.claimed_by == account_id, _items.c.claimed_until <= now)


def _find_free(
    connection: Connection, order: Order, filters: Filters, *, account_id: int, now: datetime, but: int | None
) -> int | None:
    rank = _RANKS[order]
    wanted = _in_order(order) & _matching(filters) & _unanswered_by(account_id) & _is_free(account_id, now)
    if but is not None:
        wanted &= _items.c.id != but
    query = select(_items.c.id).where(wanted).order_by(rank, _items.c.id).limit(1)
    return connection.execute(query.with_for_update(skip_locked=True, of=_items)).scalar()


def _claim(connection: Connection, item_id: int, *, account_id: int, scheme: Scheme, now: datetime) -> None:
    values = {"claimed_by": account_id, "claimed_until": now + CLAIM, "claim_scheme": scheme}
    connection.execute(update(_items).where(_items.c.id == item_id).values(**values))


def release_claims(connection: Connection, account_id: int) -> None:
    """Give back what an analyst has claimed."""
    free = {"claimed_by": None, "claimed_until": None, "claim_scheme": None}
    connection.execute(update(_items).where(_items.c.claimed_by == account_id).values(**free))


def claim_item(connection: Connection, item_id: int, *, account_id: int, now: datetime) -> bool:
    """Claim an item that the analyst chose; False where somebody else has it. A claim of one's own keeps its scheme."""
    held = connection.execute(select(_items.c.claimed_by, _items.c.claimed_until).where(_items.c.id == item_id)).first()
    if held is not None and held.claimed_by == account_id and held.claimed_until - now > CLAIM / 2:
        return True  # just claimed: spare the disk
    scheme = case((_items.c.claimed_by == account_id, _items.c.claim_scheme), else_="chosen")
    chosen = (_items.c.id == item_id) & _is_free(account_id, now)
    values = {"claimed_by": account_id, "claimed_until": now + CLAIM, "claim_scheme": scheme}
    return connection.execute(update(_items).where(chosen).values(**values)).rowcount == 1


def load_item(connection: Connection, item_id: int) -> Item | None:
    """One item."""
    row = connection.execute(select(_items).where(_items.c.id == item_id)).first()
    return _make_item(connection, row) if row is not None else None


def find_item(connection: Connection, article_id: str) -> int | None:
    """The item to show for an article or for what it is a copy of: the open and most certain one first."""
    asked, lead = articles.alias("asked"), articles.alias("lead")
    of_cluster = (lead.c.id == asked.c.cluster) & (lead.c.article_id == _items.c.article_id)
    is_put_away = case((_items.c.state == "closed", 1), else_=0)
    query = select(_items.c.id).join_from(asked, lead, lead.c.id == asked.c.cluster).join(_items, of_cluster)
    query = query.where(asked.c.article_id == article_id).order_by(is_put_away, _items.c.rank_certain, _items.c.id)
    return connection.execute(query.limit(1)).scalar()


def load_siblings(connection: Connection, article_id: str) -> tuple[Item, ...]:
    """All items of an article, but closed ones."""
    chosen = (_items.c.article_id == article_id) & (_items.c.state != "closed")
    rows = connection.execute(select(_items).where(chosen).order_by(_items.c.rank_certain)).all()
    return tuple(_make_item(connection, row) for row in rows)


def _make_item(connection: Connection, row: Any) -> Item:
    return Item(
        id=row.id,
        article_id=row.article_id,
        revision=row.revision,
        bundle=row.bundle,
        narrative=row.narrative,
        score=row.score,
        stance=row.stance,
        flagged=row.flagged,
        is_sampled=row.is_sampled,
        probability=row.probability,
        state=row.state,
        version=find_version(connection, row.article_id, row.narrative),
    )


def count_open(connection: Connection) -> dict[str, int]:
    """How many items wait: ``open`` ones of the queue, of the random share (``sample``), and for a ``second`` opinion."""
    query = select(_items.c.state, _items.c.is_sampled, func.count()).where(_items.c.state.in_(("open", "second")))
    found = {"open": 0, "sample": 0, "second": 0}
    for state, is_sampled, count in connection.execute(query.group_by(_items.c.state, _items.c.is_sampled)):
        found["second" if state == "second" else "sample" if is_sampled else "open"] += count
    return found
