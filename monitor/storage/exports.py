"""SQL that gathers the rows of a day for exports: those of its digest, and, if wanted, all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, case, func, select

from monitor.reports import ExportRow, RankedRevision
from monitor.storage.articles import CHUNK
from monitor.storage.days import day_bounds, latest_revisions
from monitor.storage.digests import make_rows, select_rows
from monitor.storage.schema import assessments, narrative_scores, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date


def rank_revisions(
    connection: Connection, day: date, *, timezone: str, bundle: str, narratives: Sequence[str], flagged_only: bool
) -> tuple[RankedRevision, ...]:
    """The revisions that a day's export holds, in the digest's order; behind them, where asked for, those that are not flagged.

    With ``narratives`` only those flagged for one of them (or, where all are asked for, carrying one at its threshold).
    """
    latest = latest_revisions(*day_bounds(day, timezone))
    best_flagged = func.max(case((narrative_scores.c.flagged, narrative_scores.c.score)))
    by_bundle = (narrative_scores.c.revision_id == revisions.c.id) & (narrative_scores.c.bundle == bundle)
    query = (
        select(
            revisions.c.id,
            revisions.c.article_id,
            revisions.c.fetched_at,
            best_flagged.label("best_flagged"),
            func.max(narrative_scores.c.score).label("best"),
        )
        .join(latest, latest.c.id == revisions.c.id)
        .outerjoin(narrative_scores, by_bundle)
        .group_by(revisions.c.id, revisions.c.article_id, revisions.c.fetched_at)
    )
    if flagged_only:
        query = query.where(revisions.c.id.in_(_flagged(bundle)))
    if narratives:
        query = query.where(revisions.c.id.in_(_telling(bundle, narratives, flagged_only=flagged_only)))
    return tuple(RankedRevision(row.id, row.fetched_at) for row in sorted(connection.execute(query), key=_rank))


def _flagged(bundle: str) -> Any:
    return select(assessments.c.revision_id).where((assessments.c.bundle == bundle) & assessments.c.flagged)


def _telling(bundle: str, narratives: Sequence[str], *, flagged_only: bool) -> Any:
    table = narrative_scores
    counts: ColumnElement[bool] = table.c.flagged if flagged_only else table.c.is_carried
    return select(table.c.revision_id).where((table.c.bundle == bundle) & table.c.narrative.in_(narratives) & counts)


def _rank(row: Any) -> tuple[float, float, str]:
    return -(row.best_flagged or 0.0), -(row.best or 0.0) if row.best_flagged is None else 0.0, row.article_id


def load_export_rows(
    connection: Connection, day: date, revision_ids: Sequence[int], *, timezone: str, bundle: str
) -> tuple[ExportRow, ...]:
    """These revisions as rows of a day, in this order."""
    end = day_bounds(day, timezone)[1]
    found: dict[int, Any] = {}
    for start in range(0, len(revision_ids), CHUNK):
        query = select_rows(bundle).where(revisions.c.id.in_(revision_ids[start : start + CHUNK]))
        found |= {row.id: row for row in connection.execute(query)}
    chosen = [found[revision_id] for revision_id in revision_ids]
    rows = make_rows(connection, chosen, bundle, end)
    return tuple(ExportRow(day, row, bundle if stored.is_assessed else None) for stored, row in zip(chosen, rows, strict=True))
