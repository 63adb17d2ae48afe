"""SQL about articles that come from files. Every function works within the caller's transaction."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, func, insert, select

from monitor.reports import BackfillCounts, BackfillProgress
from monitor.storage.articles import insert_ignoring_conflicts, save_documents
from monitor.storage.schema import articles, backfills, copy_bands, copy_texts, feeds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.records import Feed, TakenDocument


def load_progress(connection: Connection, source: str) -> BackfillProgress:
    """How far a file has been read."""
    row = connection.execute(select(backfills).where(backfills.c.source == source)).first()
    return BackfillProgress(row.units, row.is_finished, BackfillCounts(**row.counts)) if row else BackfillProgress()


def save_chunk(
    connection: Connection, source: str, progress: BackfillProgress, *, voices: Sequence[Feed], documents: Sequence[TakenDocument]
) -> None:
    """Keep a chunk of a file with how far it has been read: all or nothing. Feeds that are not known yet are kept, disabled."""
    if voices:
        rows = [
            {"feed_id": one.id, "url": one.url, "outlet": one.outlet, "language": one.language, "enabled": False} for one in voices
        ]
        connection.execute(insert_ignoring_conflicts(connection, feeds), rows)
    save_documents(connection, documents)
    connection.execute(delete(backfills).where(backfills.c.source == source))
    values = {"units": progress.units, "is_finished": progress.is_finished, "counts": asdict(progress.counts)}
    connection.execute(insert(backfills).values(source=source, **values))


def forget_old_copies(connection: Connection, before: datetime) -> None:
    """Drop what would find copies of articles first seen before a time, whatever their place in the store."""
    rows = connection.execute(
        select(copy_texts.c.article).join(articles, articles.c.id == copy_texts.c.article).where(articles.c.first_seen_at < before)
    ).scalars()
    for some in rows.partitions(500):
        for table in (copy_bands, copy_texts):
            connection.execute(delete(table).where(table.c.article.in_(some)))


def count_unclustered(connection: Connection) -> int:
    """How many articles have not been looked at for copies."""
    query = select(func.count()).select_from(articles).where(articles.c.cluster.is_(None))
    return int(connection.execute(query).scalar_one())
