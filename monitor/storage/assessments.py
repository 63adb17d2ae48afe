"""SQL about assessments. Every function works within the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, true, update

from monitor.records import (
    Assessment,
    Evidence,
    NarrativeScore,
    PendingRevision,
)
from monitor.reports import (
    AssessmentCounts,
)
from monitor.storage.articles import CHUNK, insert_ignoring_conflicts, make_document
from monitor.storage.claims import hold_for_transaction
from monitor.storage.days import forget_revisions
from monitor.storage.schema import assessed_ranges, assessments, narrative_scores, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def load_pending(
    connection: Connection, bundle: str, *, limit: int, before: int | None = None, since: datetime | None = None
) -> list[PendingRevision]:
    """Revisions that this bundle has not seen yet, newest first: with ids under ``before``, and fetched ``since`` about then.

    Replaced revisions are assessed too: the digest of their day shows them. Variants are not.
    """
    bounds = [revisions.c.id < before] if before is not None else []
    if since is not None:
        first = _find_first(connection, since)
        if first is None:
            return []
        bounds.append(revisions.c.id >= first)
    found: list[PendingRevision] = []
    for unseen in _list_unseen(connection, bundle):
        query = _select_pending(bundle, revisions).where(unseen, *bounds)
        rows = connection.execute(query.order_by(revisions.c.id.desc()).limit(limit - len(found)))
        found += [PendingRevision(row.id, make_document(row)) for row in rows]
        if len(found) == limit:
            break
    return found


def _find_first(connection: Connection, since: datetime) -> int | None:
    # The first id, not that of the first time: the clock may have been set back meanwhile. "+ 0" has SQLite go by the times' index.
    return connection.execute(select(func.min(revisions.c.id + 0)).where(revisions.c.fetched_at >= since)).scalar()


def _list_unseen(connection: Connection, bundle: str) -> list[ColumnElement[bool]]:
    """Where there may be revisions that this bundle has not seen: the newer ones first."""
    mine = connection.execute(select(assessed_ranges).where(assessed_ranges.c.bundle == bundle)).first()
    if mine is None:
        return [true()]
    return [revisions.c.id > mine.up_to, *([revisions.c.id <= mine.above] if mine.above else [])]


def _select_pending(bundle: str, *columns: Any) -> Select[Any]:
    by_bundle = (assessments.c.revision_id == revisions.c.id) & (assessments.c.bundle == bundle)
    joined = select(*columns).select_from(revisions.outerjoin(assessments, by_bundle))
    return joined.where(~revisions.c.is_variant & assessments.c.revision_id.is_(None))


def settle_assessments(connection: Connection, bundle: str) -> None:
    """Remember where everything has been seen by this bundle, so that the next run need not look there."""
    hold_for_transaction(connection, "revisions")
    last = connection.execute(select(func.max(revisions.c.id))).scalar() or 0
    unseen = _list_unseen(connection, bundle)
    open_ids = [
        connection.execute(_select_pending(bundle, revisions.c.id).where(one).order_by(revisions.c.id.desc()).limit(1)).scalar()
        for one in unseen
    ]
    table = assessed_ranges
    known = connection.execute(select(table).where(table.c.bundle == bundle)).first()
    if known is None:
        first = {"bundle": bundle, "above": open_ids[0] or 0, "up_to": last}
        connection.execute(insert_ignoring_conflicts(connection, table), [first])
        return
    above = (open_ids[1] or 0) if known.above else 0
    up_to = last if open_ids[0] is None else known.up_to
    connection.execute(update(table).where(table.c.bundle == bundle).values(above=above, up_to=up_to))


def count_waiting(connection: Connection, bundle: str, start: datetime, end: datetime) -> int:
    """How many revisions fetched between two times wait for this bundle."""
    is_between = (revisions.c.fetched_at >= start) & (revisions.c.fetched_at < end)
    queries = [_select_pending(bundle, func.count()).where(unseen, is_between) for unseen in _list_unseen(connection, bundle)]
    return sum(connection.execute(query).scalar_one() for query in queries)


def count_assessments(connection: Connection, bundle: str) -> AssessmentCounts:
    """How many revisions wait for this bundle, and how many it failed on."""
    waiting = [_select_pending(bundle, func.count()).where(unseen) for unseen in _list_unseen(connection, bundle)]
    has_failed = (assessments.c.bundle == bundle) & assessments.c.failure.is_not(None)
    failed = select(func.count()).select_from(assessments).where(has_failed)
    return AssessmentCounts(
        pending=sum(connection.execute(query).scalar_one() for query in waiting), failed=connection.execute(failed).scalar_one()
    )


def save_assessments(connection: Connection, bundle: str, assessed: Sequence[tuple[int, Assessment]], *, made_at: datetime) -> None:
    """Keep assessments; where another run was quicker, its answer (which is the same) stays."""
    if not assessed:
        return
    heads = [
        {"revision_id": number, "bundle": bundle, "made_at": made_at, "language": a.lang, "flagged": a.flagged}
        for number, a in assessed
    ]
    connection.execute(insert_ignoring_conflicts(connection, assessments), heads)
    forget_revisions(connection, [number for number, _ in assessed])
    scores = [_score_row(number, bundle, score) for number, a in assessed for score in a.narratives]
    if scores:
        connection.execute(insert_ignoring_conflicts(connection, narrative_scores), scores)


def _score_row(revision_id: int, bundle: str, score: NarrativeScore) -> dict[str, Any]:
    return {
        "revision_id": revision_id,
        "bundle": bundle,
        "narrative": score.id,
        "score": score.score,
        "stance": score.stance,
        "stance_score": score.stance_score,
        "is_carried": score.is_carried,
        "flagged": score.flagged,
        "evidence": [asdict(e) for e in score.evidence],
        "terms": list(score.terms),
    }


def save_failure(connection: Connection, bundle: str, revision_id: int, message: str, *, failed_at: datetime) -> None:
    """Record that this bundle cannot assess a revision."""
    connection.execute(
        insert_ignoring_conflicts(connection, assessments).values(
            revision_id=revision_id, bundle=bundle, made_at=failed_at, flagged=False, failure=message
        )
    )


def load_scores(connection: Connection, bundle: str, revision_ids: Sequence[int]) -> dict[int, tuple[NarrativeScore, ...]]:
    """All listed narratives of these revisions, best first."""
    found: dict[int, list[NarrativeScore]] = defaultdict(list)
    for start in range(0, len(revision_ids), CHUNK):
        chosen = narrative_scores.c.revision_id.in_(revision_ids[start : start + CHUNK]) & (narrative_scores.c.bundle == bundle)
        query = select(narrative_scores).where(chosen).order_by(narrative_scores.c.score.desc(), narrative_scores.c.narrative)
        for row in connection.execute(query):
            found[row.revision_id].append(_read_score(row))
    return {revision_id: tuple(scores) for revision_id, scores in found.items()}


def _read_score(row: Any) -> NarrativeScore:
    return NarrativeScore(
        id=row.narrative,
        score=row.score,
        stance=row.stance,
        stance_score=row.stance_score,
        is_carried=row.is_carried,
        flagged=row.flagged,
        evidence=tuple(Evidence(**e) for e in row.evidence),
        terms=tuple(row.terms),
    )
