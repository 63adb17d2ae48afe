"""SQL about unflagged articles that are worth a look: refutations and reports of a narrative, and what was nearly flagged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Subquery, select

from monitor.dayreports import BundleFacts, Mention
from monitor.storage.schema import assessments, feeds, narrative_scores, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence

# How far below its threshold a score is near it; how sure a stance must be to be believed.
NEAR = 0.15
SURE_STANCE = 0.6


def load_mentions(
    connection: Connection, latest: Subquery, bundle: str, facts: BundleFacts
) -> tuple[tuple[Mention, ...], tuple[Mention, ...]]:
    """Articles near a flag, the nearest first, each once; and those that refute or report a narrative, the surest first."""
    near: list[Mention] = []
    counters: list[Mention] = []
    for row in _load_unflagged(connection, latest, bundle, facts):
        mention = _make_mention(row, facts)
        is_near = mention.stance_score < SURE_STANCE if row.is_carried else mention.threshold is not None
        if is_near and not row.is_flagged:
            near.append(mention)
        elif row.is_carried:
            counters.append(mention)
    near.sort(key=lambda one: (_distance(one), one.article_id))
    once = {one.article_id: one for one in reversed(near)}
    counters.sort(key=lambda one: (one.stance != "refutes", -one.stance_score, one.article_id))
    return tuple(one for one in near if once[one.article_id] is one), tuple(counters)


def _load_unflagged(connection: Connection, latest: Subquery, bundle: str, facts: BundleFacts) -> Sequence[Any]:
    table = narrative_scores
    lowest = min(facts.thresholds.values(), default=1.0 + NEAR) - NEAR
    by_bundle = (assessments.c.revision_id == latest.c.id) & (assessments.c.bundle == bundle)
    is_counter = table.c.is_carried & (table.c.stance != "promotes")
    may_be_near = ~table.c.is_carried & (table.c.stance == "promotes") & (table.c.score >= lowest)
    query = (
        select(
            table,
            revisions.c.article_id,
            revisions.c.title,
            revisions.c.url,
            revisions.c.fetched_at,
            feeds.c.outlet,
            assessments.c.language,
            assessments.c.flagged.label("is_flagged"),
        )
        .select_from(latest)
        .join(table, table.c.revision_id == latest.c.id)
        .join(assessments, by_bundle)
        .join(revisions, revisions.c.id == latest.c.id)
        .join(feeds, feeds.c.feed_id == revisions.c.feed_id)
        .where((table.c.bundle == bundle) & (is_counter | may_be_near))
    )
    return connection.execute(query.order_by(table.c.revision_id, table.c.narrative)).all()


def _make_mention(row: Any, facts: BundleFacts) -> Mention:
    threshold = facts.thresholds.get(row.narrative)
    is_below = threshold is not None and not row.is_carried and row.score >= threshold - NEAR
    return Mention(
        article_id=row.article_id,
        title=row.title,
        url=row.url,
        outlet=row.outlet,
        language=row.language or "und",
        fetched_at=row.fetched_at,
        narrative=row.narrative,
        score=row.score,
        stance=row.stance,
        stance_score=row.stance_score,
        threshold=threshold if is_below else None,
    )


def _distance(mention: Mention) -> float:
    """How far from a flag: what lacks to the threshold, or how sure the other stance is beyond an even chance."""
    return mention.threshold - mention.score if mention.threshold is not None else max(0.0, mention.stance_score - 0.5)
