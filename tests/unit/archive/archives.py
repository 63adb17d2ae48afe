"""Small archives for tests: what goes into them, and what must come out."""

from __future__ import annotations

import gzip
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from monitor.archive.chain import RecordEntry, encode_entry, iterate_links
from monitor.archive.writer import Archive, ArchiveLimits
from monitor.fetch.decompress import decompress_entity
from monitor.records import ArchiveRef, Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOON = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)  # not imported, so that a writer in a process of its own starts quickly
SMALL = ArchiveLimits(max_file_bytes=2_000)
DAY = timedelta(days=1)


decode = decompress_entity


def hash_document(number: int) -> str:
    return hashlib.sha256(make_document(number)).hexdigest()


def make_document(number: int) -> bytes:
    return f"<rss><title>Выпуск {number}</title></rss>".encode() + hashlib.sha256(b"%d" % number).hexdigest().encode() * 5


def make_exchange(body: bytes, *headers: tuple[str, str], status: int = 200, reason: str = "OK") -> Exchange:
    return Exchange(status, reason, (("Content-Type", "application/rss+xml"), *headers), body)


def append_document(archive: Archive, number: int, *, fetched_at: datetime = NOON, is_zipped: bool = False) -> ArchiveRef:
    body = gzip.compress(make_document(number), mtime=0) if is_zipped else make_document(number)
    return archive.append(
        f"https://feed-{number}.example/rss",
        fetched_at,
        make_exchange(body, *([("Content-Encoding", "gzip")] if is_zipped else [])),
        document_sha256=hash_document(number),
        kind="feed",
        feed_id=f"feed-{number}",
    )


def build_archive(folder: Path, numbers: Sequence[int], *, limits: ArchiveLimits = SMALL) -> list[ArchiveRef]:
    """An archive of these documents, a day between each and the next."""
    with Archive(folder, limits=limits) as archive:
        return [append_document(archive, number, fetched_at=NOON + DAY * day) for day, number in enumerate(numbers)]


def list_records(folder: Path) -> list[RecordEntry]:
    return [link.entry for link in iterate_links(folder) if isinstance(link.entry, RecordEntry)]


def warc_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.warc.gz"))


def rewrite_chain(folder: Path, entries: Sequence) -> None:
    """A chain that agrees with itself, whatever the entries say."""
    previous, lines = "0" * 64, []
    for entry in entries:
        line, previous = encode_entry(entry, previous)
        lines.append(line)
    (folder / "chain.jsonl").write_bytes(b"".join(lines))
