"""SQL about what outlets did to their articles: edits that changed what is promoted, and removals."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, and_, func, select

from monitor.reports import (
    Changes,
    NarrativeEdit,
    Removal,
)
from monitor.storage.articles import CHUNK
from monitor.storage.schema import articles, entries, feeds, narrative_scores, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def load_changes(connection: Connection, start: datetime, end: datetime, bundle: str) -> Changes:
    """Edits and removals between two times, by ``bundle``'s flags."""
    removals = _load_removals(connection, start, end, bundle)
    return Changes(
        edits=_load_edits(connection, start, end, bundle),
        removals=tuple(one for one in removals if one.narratives),
        removed=len({one.article_id for one in removals}),
    )


def _load_edits(connection: Connection, start: datetime, end: datetime, bundle: str) -> tuple[NarrativeEdit, ...]:
    """Each edited revision against the one before it from the same source: a page's text is no edit of the feed's."""
    now, before = revisions.alias("now"), revisions.alias("before")
    in_day = (now.c.fetched_at >= start) & (now.c.fetched_at < end) & (now.c.number > 1) & ~now.c.is_variant
    same_kind = and_(
        before.c.article_id == now.c.article_id,
        before.c.number < now.c.number,
        before.c.source == now.c.source,
        ~before.c.is_variant,
    )
    last = select(now.c.id, func.max(before.c.id).label("before_id")).join(before, same_kind).where(in_day).group_by(now.c.id)
    pairs = last.subquery("pairs")
    query = (
        select(
            now,
            feeds.c.outlet,
            before.c.id.label("before_id"),
            before.c.number.label("before_number"),
            before.c.title.label("before_title"),
            before.c.summary.label("before_summary"),
            before.c.text.label("before_text"),
        )
        .join(pairs, pairs.c.id == now.c.id)
        .join(before, before.c.id == pairs.c.before_id)
        .join(feeds, feeds.c.feed_id == now.c.feed_id)
        .order_by(now.c.id)
    )
    rows = connection.execute(query).all()
    flagged = _load_flagged(connection, bundle, [number for row in rows for number in (row.id, row.before_id)])
    edits = (_make_edit(row, flagged) for row in rows)
    return tuple(edit for edit in edits if edit.appeared or edit.vanished)


def _make_edit(row: Any, flagged: dict[int, set[str]]) -> NarrativeEdit:
    after, before = flagged.get(row.id, set()), flagged.get(row.before_id, set())
    return NarrativeEdit(
        article_id=row.article_id,
        title=row.title,
        url=row.url,
        outlet=row.outlet,
        edited_at=row.fetched_at,
        before_revision=row.before_number,
        revision=row.number,
        appeared=tuple(sorted(after - before)),
        vanished=tuple(sorted(before - after)),
        before_text=_join(row.before_title, row.before_summary, row.before_text),
        text=_join(row.title, row.summary, row.text),
    )


def _join(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _load_flagged(connection: Connection, bundle: str, revision_ids: Sequence[int]) -> dict[int, set[str]]:
    """Flagged narratives by revision."""
    found: dict[int, set[str]] = defaultdict(set)
    table = narrative_scores
    for start in range(0, len(revision_ids), CHUNK):
        chosen = table.c.revision_id.in_(revision_ids[start : start + CHUNK]) & (table.c.bundle == bundle) & table.c.flagged
        for row in connection.execute(select(table.c.revision_id, table.c.narrative).where(chosen)):
            found[row.revision_id].add(row.narrative)
    return found


def _load_removals(connection: Connection, start: datetime, end: datetime, bundle: str) -> list[Removal]:
    """Articles that vanished from the feed that had them first, or whose page was gone."""
    from_feed = entries.c.owns_article & (entries.c.vanished_at >= start) & (entries.c.vanished_at < end)
    of_entry = entries.c.article_id == articles.c.article_id
    is_current = (revisions.c.article_id == articles.c.article_id) & (revisions.c.number == articles.c.current_revision)
    shown = select(articles.c.article_id, revisions.c.id, revisions.c.title, revisions.c.url, feeds.c.outlet)
    described = shown.join(revisions, is_current).join(feeds, feeds.c.feed_id == articles.c.feed_id)
    gone = described.add_columns(articles.c.gone_at.label("at")).where((articles.c.gone_at >= start) & (articles.c.gone_at < end))
    vanished = described.join(entries, of_entry).add_columns(entries.c.vanished_at.label("at")).where(from_feed)
    rows = [(row, True) for row in connection.execute(gone.order_by(articles.c.id))]
    rows += [(row, False) for row in connection.execute(vanished.order_by(articles.c.id))]
    flagged = _load_flagged(connection, bundle, [row.id for row, _ in rows])
    return [
        Removal(row.article_id, row.title, row.url, row.outlet, row.at, is_page, tuple(sorted(flagged.get(row.id, ()))))
        for row, is_page in rows
    ]
