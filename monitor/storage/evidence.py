"""SQL about the archive of fetched documents: where its chain ended, and what of it must be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, func, insert, select

from monitor.records import (
    ArchiveHead,
)
from monitor.storage.schema import archive_heads, assessments, pages, revisions, visits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def save_archive_head(connection: Connection, head: ArchiveHead | None, *, folder: str, saved_at: datetime) -> None:
    """Remember where the chain of the archive in ``folder`` ends."""
    connection.execute(delete(archive_heads).where(archive_heads.c.folder == folder))
    if head is not None:
        row = {"folder": folder, "sequence": head.sequence, "hash": head.hash, "saved_at": saved_at}
        connection.execute(insert(archive_heads).values(row))


def load_archive_head(connection: Connection, folder: str) -> ArchiveHead | None:
    """Where the chain ended; None where nothing was kept."""
    query = select(archive_heads.c.sequence, archive_heads.c.hash).where(archive_heads.c.folder == folder)
    row = connection.execute(query).first()
    return ArchiveHead(row.sequence, row.hash) if row else None


def load_flagged_documents(connection: Connection) -> frozenset[str]:
    """Hashes of the documents, feeds' and pages', in which flagged revisions came."""
    flagged = select(revisions.c.article_id, revisions.c.document_sha256).join(
        assessments, (assessments.c.revision_id == revisions.c.id) & assessments.c.flagged
    )
    found = flagged.subquery()
    of_pages = select(pages.c.document_sha256).join(found, found.c.article_id == pages.c.article_id)
    hashes = {*connection.execute(select(found.c.document_sha256)).scalars(), *connection.execute(of_pages).scalars()}
    return frozenset(one for one in hashes if one)


def load_sequences(connection: Connection, documents: Sequence[str]) -> dict[str, int]:
    """Where the archive has each document first, by its hash."""
    found: dict[str, int] = {}
    for table in (visits, pages):
        first = func.min(table.c.archive_sequence).label("first")
        for start in range(0, len(documents), 500):
            chosen = table.c.document_sha256.in_(documents[start : start + 500]) & table.c.archive_sequence.is_not(None)
            query = select(table.c.document_sha256, first).where(chosen).group_by(table.c.document_sha256)
            for row in connection.execute(query):
                found[row.document_sha256] = min(row.first, found.get(row.document_sha256, row.first))
    return found
