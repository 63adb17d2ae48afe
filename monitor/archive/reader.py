"""Reads single documents back, checking every hash on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.archive.chain import CHAIN_FILE, RecordEntry, find_copies, find_documents, find_link
from monitor.archive.warc import HttpMessage, inflate_record, read_message
from monitor.errors import ArchiveError, MonitorError

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.archive.chain import DocumentKind

Decode = Callable[[bytes, str], bytes]
_SLACK_BYTES = 1_000_000  # for the heads of a record


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as archived: ``sent`` is the entity as it came over the wire, ``body`` the same decompressed.

    ``headers`` are those of this very exchange, also where the body lies with an earlier one.
    """

    sequence: int
    url: str
    fetched_at: datetime
    kind: DocumentKind
    feed_id: str | None
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    sent: bytes
    body: bytes
    document_sha256: str
    record_sha256: str


def read_intact(folder: Path, entry: RecordEntry) -> bytes:
    """The bytes of a record. Raises `ArchiveError` where they cannot be read, or are not those that the chain names."""
    path = folder / entry.file
    try:
        with path.open("rb") as stream:
            stream.seek(entry.offset)
            record = stream.read(entry.length)
    except OSError as error:
        raise ArchiveError(f"archive {path}: cannot be read ({error.strerror or error}); restore it from a copy") from error
    if hashlib.sha256(record).hexdigest() != entry.record_sha256:
        raise ArchiveError(
            f"archive {path}: record {entry.sequence} at byte {entry.offset} was changed; verify the archive, and restore this "
            "file from a copy"
        )
    return record


def read_record(folder: Path, sequence: int, *, decode: Decode, max_bytes: int = 100_000_000) -> StoredDocument:
    """The document of a record, found by its ``sequence`` also where it was copied on pruning.

    ``decode`` takes an entity and its Content-Encoding and gives the document. Raises `ArchiveError` where there is no such
    record any more, where anything of it was changed, or where it is larger than ``max_bytes``.
    """
    entry = _find_live(folder, sequence)
    message = _read_message(folder, entry, max_bytes)
    body_entry = entry if entry.refers_to is None else _find_live(folder, entry.refers_to)
    body_message = message if body_entry is entry else _read_message(folder, body_entry, max_bytes)
    return StoredDocument(
        sequence=sequence,
        url=entry.url or "",
        fetched_at=datetime.fromisoformat(entry.fetched_at),
        kind=entry.kind or "page",
        feed_id=entry.feed_id,
        status=message.status,
        reason=message.reason,
        headers=message.headers,
        sent=body_message.body,
        body=_decode(folder, entry, body_message, decode),
        document_sha256=entry.document_sha256 or "",
        record_sha256=entry.record_sha256,
    )


def read_warc(folder: Path, sequence: int, *, max_bytes: int = 100_000_000) -> bytes:
    """A record as WARC text, checked; a revisit is followed by the record that has its body.

    Raises `ArchiveError` as `read_record` does.
    """
    entry = _find_live(folder, sequence)
    entries = [entry] if entry.refers_to is None else [entry, _find_live(folder, entry.refers_to)]
    try:
        return b"".join(inflate_record(read_intact(folder, one), max_bytes=max_bytes + _SLACK_BYTES) for one in entries)
    except ValueError as error:
        raise ArchiveError(f"archive {folder / entry.file}: record {sequence} cannot be read: {error}") from error


def find_records(folder: Path, document_sha256: str) -> tuple[int, ...]:
    """The sequences of all exchanges that gave this document, in order, pruned ones as well. Raises `ArchiveError`."""
    try:
        return tuple(entry.sequence for entry in find_documents(folder, document_sha256) if entry.origin is None)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _find_live(folder: Path, sequence: int) -> RecordEntry:
    """The entry of a record that is there: its own, or a copy's."""
    try:
        link = find_link(folder, sequence)
        if link is None or not isinstance(link.entry, RecordEntry) or link.entry.document_sha256 is None:
            raise ArchiveError(f"archive {folder}: record {sequence} is no document of this archive; check the number")
        if link.entry.sequence != sequence:
            raise ArchiveError(f"archive {folder}: the chain has no line for record {sequence}; verify the archive")
        candidates = [link.entry, *find_copies(folder, link.entry.root)] if not _is_there(folder, link.entry) else [link.entry]
    except OSError as error:
        raise _unreadable(folder, error) from error
    found = next((entry for entry in candidates if _is_there(folder, entry)), None)
    if found is None:
        raise ArchiveError(
            f"archive {folder}: record {sequence} is there no more, its file {link.entry.file} was pruned or removed"
        )
    return found


def _is_there(folder: Path, entry: RecordEntry) -> bool:
    return (folder / entry.file).is_file()


def _unreadable(folder: Path, error: OSError) -> ArchiveError:
    return ArchiveError(
        f"archive {folder / CHAIN_FILE}: cannot be read ({error.strerror or error}); make it readable for this user"
    )


def _read_message(folder: Path, entry: RecordEntry, max_bytes: int) -> HttpMessage:
    try:
        return read_message(read_intact(folder, entry), max_bytes=max_bytes + _SLACK_BYTES)
    except ValueError as error:
        raise ArchiveError(f"archive {folder / entry.file}: record {entry.sequence} cannot be read: {error}") from error


def _decode(folder: Path, entry: RecordEntry, message: HttpMessage, decode: Decode) -> bytes:
    place = f"archive {folder / entry.file}: record {entry.sequence}"
    coding = ", ".join(value for name, value in message.headers if name.lower() == "content-encoding")
    try:
        body = decode(message.body, coding)
    except (MonitorError, ValueError) as error:
        raise ArchiveError(f"{place} cannot be decompressed ({error}); take the entity as sent out of the WARC file") from error
    if hashlib.sha256(body).hexdigest() != entry.document_sha256:
        raise ArchiveError(
            f"{place} does not decompress to document {entry.document_sha256}; read it with the version that wrote it"
        )
    return body
