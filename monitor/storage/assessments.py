"""SQL about assessments. Every function works within the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

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
from monitor.storage.days import forget_revisions
from monitor.storage.schema import assessments, narrative_scores, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def _assessable(bundle: str) -> tuple[Any, ColumnElement[bool], ColumnElement[bool]]:
    """Revisions to assess, each with its assessment by ``bundle`` if there is one; what tells these; what tells that there is none.

    Replaced revisions are assessed too: the digest of their day shows them. Variants are not.
    """
    by_bundle = (assessments.c.revision_id == revisions.c.id) & (assessments.c.bundle == bundle)
    return revisions.outerjoin(assessments, by_bundle), ~revisions.c.is_variant, assessments.c.revision_id.is_(None)


def load_pending(connection: Connection, bundle: str, *, limit: int) -> list[PendingRevision]:
    """Revisions that this bundle has not seen yet, newest first."""
    joined, is_assessable, is_pending = _assessable(bundle)
    query: Select[Any] = select(revisions).select_from(joined).where(is_assessable & is_pending)
    rows = connection.execute(query.order_by(revisions.c.id.desc()).limit(limit))
    return [PendingRevision(row.id, make_document(row)) for row in rows]


def count_assessments(connection: Connection, bundle: str) -> AssessmentCounts:
    """How many revisions wait for this bundle, and how many it failed on."""
    joined, is_assessable, is_pending = _assessable(bundle)
    has_failed = assessments.c.failure.is_not(None)
    query = select(func.count()).select_from(joined).where(is_assessable)
    pending = connection.execute(query.where(is_pending)).scalar_one()
    failed = connection.execute(query.where(has_failed)).scalar_one()
    return AssessmentCounts(pending=pending, failed=failed)


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
