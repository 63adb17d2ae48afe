"""SQL about decisions: an audit trail to which rows are only ever added. Every function works within the caller's transaction.

A decision is live while nothing supersedes it. Where a decision that replaced another one is taken back, the other one is stated
again, so that the live decisions are always what the analysts mean now.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, insert, select, update

from monitor.decisions import Answer, Conflict, DecidedText, Decision, Judged, Kept, Span
from monitor.stages.queue import judge_state
from monitor.storage.articles import CHUNK, make_document
from monitor.storage.reviewschema import decisions, review_items, users
from monitor.storage.schema import articles, narrative_scores, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.decisions import Basis, Scheme

_later = decisions.alias("later")


def is_live() -> ColumnElement[bool]:
    """Whether a decision still holds."""
    is_superseded = exists(select(_later.c.id).where(_later.c.supersedes == decisions.c.id).correlate(decisions))
    return ~is_superseded & (decisions.c.verdict != "undo")


def take_write_lock(connection: Connection) -> None:
    """Let nobody else write until the transaction ends, so that what is read now is still so when it is written."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _lock_item(connection: Connection, item_id: int) -> Any:
    query = select(review_items, articles.c.current_revision).join(articles, articles.c.article_id == review_items.c.article_id)
    return connection.execute(query.where(review_items.c.id == item_id).with_for_update(of=review_items)).first()


def find_version(connection: Connection, article_id: str, narrative: str) -> int:
    """The id of the last decision on an item, 0 where there is none."""
    query = select(func.max(decisions.c.id)).where((decisions.c.article_id == article_id) & (decisions.c.asked == narrative))
    return connection.execute(query).scalar() or 0


def save_decision(
    connection: Connection, item_id: int, answer: Answer, *, account_id: int, basis: Basis, made_at: datetime
) -> Kept | Conflict:
    """Record an answer to an item that the analyst saw on this basis; a conflict where that has changed."""
    item = _lock_item(connection, item_id)
    if item is None or item.state == "closed":
        return Conflict("closed")
    if not item.current_revision == item.revision == basis.revision:
        return Conflict("revision")
    if find_version(connection, item.article_id, item.narrative) != basis.version:
        return Conflict("decision")
    # A claim that has run out still says how the analyst came to the item, where nobody else took it.
    scheme: Scheme = (item.claim_scheme or "chosen") if item.claimed_by == account_id else "chosen"
    row = {
        "article_id": item.article_id,
        "revision": item.revision,
        "asked": item.narrative,
        "bundle": item.bundle,
        "user_id": account_id,
        "made_at": made_at,
        "scheme": scheme,
        "probability": item.probability if scheme == "sample" else None,
        "flagged": item.flagged,
        "supersedes": _find_own(connection, item, account_id),
        **_answer_row(answer),
    }
    number = _insert(connection, row)
    _update_state(connection, item)
    return Kept(number)


def import_answer(  # noqa: PLR0913 - all that a decision is
    connection: Connection,
    *,
    article_id: str,
    revision: int,
    asked: str,
    answer: Answer,
    account_id: int,
    bundle: str,
    made_at: datetime,
) -> bool:
    """Record an answer that was given elsewhere; False where the account has said the same, or something later."""
    mine = (decisions.c.article_id == article_id) & (decisions.c.asked == asked) & (decisions.c.revision == revision)
    live = connection.execute(select(decisions).where(mine & is_live() & (decisions.c.user_id == account_id))).first()
    if live is not None and (_make_answer(live) == answer or live.made_at >= made_at):
        return False
    scores = narrative_scores
    is_score = (scores.c.narrative == asked) & (scores.c.bundle == bundle) & scores.c.flagged
    of_revision = (revisions.c.article_id == article_id) & (revisions.c.number == revision)
    found = select(scores.c.revision_id).join(revisions, revisions.c.id == scores.c.revision_id).where(is_score & of_revision)
    row = {
        "article_id": article_id,
        "revision": revision,
        "asked": asked,
        "bundle": bundle,
        "user_id": account_id,
        "made_at": made_at,
        "scheme": "imported",
        "probability": None,
        "flagged": connection.execute(found).first() is not None,
        "supersedes": live.id if live is not None else None,
        **_answer_row(answer),
    }
    _insert(connection, row)
    is_item = (
        (review_items.c.article_id == article_id) & (review_items.c.narrative == asked) & (review_items.c.revision == revision)
    )
    item = connection.execute(select(review_items).where(is_item & (review_items.c.state != "closed"))).first()
    if item is not None:
        _update_state(connection, item)
    return True


def load_hash(connection: Connection, article_id: str, revision: int) -> str | None:
    """The hash of a revision's text; None where there is no such revision."""
    query = select(revisions.c.content_sha256).where((revisions.c.article_id == article_id) & (revisions.c.number == revision))
    return connection.execute(query.where(~revisions.c.is_variant)).scalar()


def _insert(connection: Connection, row: dict[str, Any]) -> int:
    added = connection.execute(insert(decisions).returning(decisions.c.id), [row])
    return int(added.scalar_one())


def _answer_row(answer: Answer) -> dict[str, Any]:
    span = answer.span
    return {
        "verdict": answer.verdict,
        "narrative": answer.narrative,
        "stance": answer.stance,
        "span_field": span.field if span else None,
        "span_start": span.start if span else None,
        "span_end": span.end if span else None,
        "note": answer.note,
    }


def _of_item(item: Any) -> ColumnElement[bool]:
    return and_(
        decisions.c.article_id == item.article_id, decisions.c.asked == item.narrative, decisions.c.revision == item.revision
    )


def _find_own(connection: Connection, item: Any, account_id: int) -> int | None:
    """The analyst's live decision on the item, which a new one replaces."""
    query = select(func.max(decisions.c.id)).where(_of_item(item) & is_live() & (decisions.c.user_id == account_id))
    return connection.execute(query).scalar()


def _update_state(connection: Connection, item: Any) -> None:
    live = connection.execute(select(decisions.c.user_id, decisions.c.verdict).where(_of_item(item) & is_live())).all()
    state = judge_state([(row.user_id, row.verdict) for row in live], wants_second=item.wants_second)
    free = {"claimed_by": None, "claimed_until": None, "claim_scheme": None}
    connection.execute(update(review_items).where(review_items.c.id == item.id).values(state=state, **free))


def undo_decision(connection: Connection, decision_id: int, *, account_id: int, is_lead: bool, made_at: datetime) -> int | None:
    """Take a live decision back (one's own, or as lead anybody's) and open its item again.

    Gives the id of what records this; None where there is no such decision, it is somebody else's, or it no longer holds.
    """
    allowed = (decisions.c.id == decision_id) & is_live()
    row = connection.execute(select(decisions).where(allowed if is_lead else allowed & (decisions.c.user_id == account_id))).first()
    if row is None:
        return None
    before = None
    if row.supersedes is not None:
        before = connection.execute(select(decisions).where(decisions.c.id == row.supersedes)).one()
    # Who corrected a decision and takes the correction back means what they first said.
    is_own_correction = before is not None and before.verdict != "undo" and row.user_id == account_id
    answer = _answer_row(_make_answer(before) if is_own_correction else Answer("undo"))
    kept = ("article_id", "revision", "asked", "bundle", "scheme", "probability", "flagged")
    values = {name: getattr(row, name) for name in kept} | answer
    values |= {"user_id": account_id, "made_at": made_at, "supersedes": row.id}
    number = _insert(connection, values)
    is_item = (review_items.c.article_id == row.article_id) & (review_items.c.narrative == row.asked)
    item = connection.execute(select(review_items).where(is_item)).first()
    if item is not None and item.revision == row.revision and item.state != "closed":
        _update_state(connection, item)
    return number


def _query_decisions() -> Select[Any]:
    of_revision = (revisions.c.article_id == decisions.c.article_id) & (revisions.c.number == decisions.c.revision)
    of_item = (review_items.c.article_id == decisions.c.article_id) & (review_items.c.narrative == decisions.c.asked)
    return (
        select(
            decisions, users.c.name.label("account"), is_live().label("live"), revisions.c.title, review_items.c.id.label("item_id")
        )
        .join(users, users.c.id == decisions.c.user_id)
        .outerjoin(revisions, of_revision)
        .outerjoin(review_items, of_item)
    )


def load_decisions(
    connection: Connection, *, account_id: int | None = None, before: int | None = None, limit: int
) -> tuple[Decision, ...]:
    """The latest decisions, of one account or all, the newest first; those with smaller ids than ``before``."""
    query = _query_decisions()
    if account_id is not None:
        query = query.where(decisions.c.user_id == account_id)
    if before is not None:
        query = query.where(decisions.c.id < before)
    return tuple(_make_decision(row) for row in connection.execute(query.order_by(decisions.c.id.desc()).limit(limit)))


def load_decision(connection: Connection, decision_id: int) -> Decision | None:
    """One decision."""
    row = connection.execute(_query_decisions().where(decisions.c.id == decision_id)).first()
    return _make_decision(row) if row is not None else None


def load_article_decisions(connection: Connection, article_id: str) -> tuple[Decision, ...]:
    """Everything ever decided of an article, the earliest first."""
    query = _query_decisions().where(decisions.c.article_id == article_id).order_by(decisions.c.id)
    return tuple(_make_decision(row) for row in connection.execute(query))


def _make_decision(row: Any) -> Decision:
    return Decision(
        id=row.id,
        article_id=row.article_id,
        revision=row.revision,
        asked=row.asked,
        bundle=row.bundle,
        account_id=row.user_id,
        account=row.account,
        made_at=row.made_at,
        answer=_make_answer(row),
        scheme=row.scheme,
        probability=row.probability,
        supersedes=row.supersedes,
        is_live=bool(row.live),
        title=row.title or "",
        item_id=row.item_id,
        flagged=bool(row.flagged),
    )


def _make_answer(row: Any) -> Answer:
    span = Span(row.span_field, row.span_start, row.span_end) if row.span_field else None
    return Answer(row.verdict, row.narrative, row.stance, span, row.note)


def load_decided(connection: Connection) -> tuple[DecidedText, ...]:
    """Every revision with answers that still hold, in the order of their articles, with all of these answers."""
    key = (decisions.c.article_id, decisions.c.revision)
    is_answer = decisions.c.verdict.in_(("confirm", "reject", "unsure"))
    found: dict[tuple[str, int], list[Decision]] = {}
    for row in connection.execute(_query_decisions().where(is_answer & is_live()).order_by(*key, decisions.c.id)):
        found.setdefault((row.article_id, row.revision), []).append(_make_decision(row))
    texts: list[DecidedText] = []
    article_ids = sorted({article_id for article_id, _ in found})
    for start in range(0, len(article_ids), CHUNK):
        is_chosen = revisions.c.article_id.in_(article_ids[start : start + CHUNK])
        query = select(revisions, func.coalesce(articles.c.cluster, articles.c.id).label("group"))
        query = query.join(articles, articles.c.article_id == revisions.c.article_id).where(is_chosen)
        for row in connection.execute(query.order_by(revisions.c.article_id, revisions.c.number)):
            if answers := found.get((row.article_id, row.number)):
                document = replace(make_document(row), id=f"{row.article_id}#{row.number}")
                texts.append(DecidedText(document, f"cluster-{row.group}", tuple(answers)))
    return tuple(texts)


def load_pairs(connection: Connection, *, since: datetime) -> tuple[tuple[str, Answer, Answer], ...]:
    """The first two analysts' live answers on each item that two have answered: the narrative asked about, and both."""
    is_answer = decisions.c.verdict.in_(("confirm", "reject", "unsure")) & (decisions.c.made_at >= since)
    key = (decisions.c.article_id, decisions.c.asked, decisions.c.revision)
    twice = select(*key).where(is_answer & is_live()).group_by(*key).having(func.count() > 1).subquery()
    on = (
        (decisions.c.article_id == twice.c.article_id)
        & (decisions.c.asked == twice.c.asked)
        & (decisions.c.revision == twice.c.revision)
    )
    rows: Sequence[Any] = connection.execute(
        select(decisions).join(twice, on).where(is_answer & is_live()).order_by(*key, decisions.c.id)
    ).all()
    found: dict[tuple[str, str, int], list[Answer]] = {}
    for row in rows:
        found.setdefault((row.article_id, row.asked, row.revision), []).append(_make_answer(row))
    return tuple((asked, answers[0], answers[1]) for (_, asked, _), answers in found.items() if len(answers) > 1)


def load_judged(connection: Connection, *, since: datetime, until: datetime | None = None) -> tuple[Judged, ...]:
    """The first live answer on each item of the random share, made between two times."""
    chosen = is_live() & (decisions.c.scheme == "sample") & (decisions.c.made_at >= since) & (decisions.c.verdict != "skip")
    if until is not None:
        chosen &= decisions.c.made_at < until
    found: dict[tuple[str, str], Judged] = {}
    for row in connection.execute(select(decisions).where(chosen).order_by(decisions.c.id)):
        judged = Judged(row.asked, row.flagged, _make_answer(row), row.probability)
        found.setdefault((row.article_id, row.asked), judged)
    return tuple(found.values())


def count_answers(connection: Connection, account_id: int) -> int:
    """How many decisions an account ever made."""
    query = select(func.count()).select_from(decisions).where(decisions.c.user_id == account_id)
    return int(connection.execute(query).scalar_one())
