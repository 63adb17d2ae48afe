"""The hash chain: one line of canonical JSON for each record of the archive, each holding the hash of the line before.

A line is ``{…fields sorted by name…,"hash":"<hex>"}``, where ``hash`` is SHA-256 over the line without its last field. As the
fields include ``previous``, the hash of the last line (the head) stands for everything before it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from monitor.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

CHAIN_FILE = "chain.jsonl"
NO_HASH = "0" * 64  # what the first line holds as the hash before it
MAX_LINE_BYTES = 16_000_000
RecordType = Literal["warcinfo", "response", "revisit"]
DocumentKind = Literal["feed", "page"]
PruneReason = Literal["age", "size", "unneeded copies"]
_FILE_NAME = re.compile(r"(records|kept)-([0-9]{10,})\.warc\.gz", re.ASCII)
_END = re.compile(rb',"hash":"([0-9a-f]{64})"\}\n')
_END_BYTES = 76
_SCAN_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """One record: ``length`` bytes at ``offset`` of ``file``, a whole gzip member with the SHA-256 ``record_sha256``.

    ``payload_sha256`` is the entity's as sent, ``document_sha256`` the decompressed document's. ``refers_to`` is the record
    with the body that a revisit leaves out; ``origin`` is the record that this is a copy of. Both name the first of all
    copies. ``fetched_at`` is ISO 8601 in UTC with microseconds, so that it sorts as text.
    """

    sequence: int
    type: RecordType
    file: str
    offset: int
    length: int
    record_sha256: str
    fetched_at: str
    url: str | None = None
    kind: DocumentKind | None = None
    feed_id: str | None = None
    payload_sha256: str | None = None
    document_sha256: str | None = None
    refers_to: int | None = None
    origin: int | None = None

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.offset + self.length

    @property
    def root(self) -> int:
        """The sequence that revisits call this record by."""
        return self.sequence if self.origin is None else self.origin


@dataclass(frozen=True, slots=True)
class PrunedFile:
    """A file that was deleted on purpose: the records ``first`` to ``last``, and why."""

    file: str
    first: int
    last: int
    records: int
    bytes: int
    newest: str
    reason: PruneReason


@dataclass(frozen=True, slots=True)
class PruneEntry:
    """A tombstone. ``kept`` counts the records that were copied out of these files just before."""

    sequence: int
    type: Literal["prune"]
    pruned_at: str
    files: tuple[PrunedFile, ...]
    kept: int


Entry = RecordEntry | PruneEntry


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the chain: an entry, the hash of the line before, and its own."""

    entry: Entry
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class FileSummary:
    """What the chain says of one file: sequences, count, size, and when its newest document was fetched."""

    file: str
    first: int
    last: int
    records: int
    bytes: int
    newest: str


def format_time(moment: datetime) -> str:
    """UTC with microseconds. Raises `ValueError` where ``moment`` has no time zone: it would be guessed."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def name_file(prefix: Literal["records", "kept"], sequence: int) -> str:
    """The name of the file whose first record is ``sequence``."""
    return f"{prefix}-{sequence:010d}.warc.gz"


def first_sequence(name: str) -> int | None:
    """The sequence that a file's name tells, or None where it is no name that the archive gives."""
    found = _FILE_NAME.fullmatch(name)
    return int(found[2]) if found else None


def encode_entry(entry: Entry, previous: str) -> tuple[bytes, str]:
    """The line for an entry, and its hash."""
    values: dict[str, Any] = {name: getattr(entry, name) for name in entry.__slots__}
    if isinstance(entry, PruneEntry):
        values["files"] = [asdict(file) for file in entry.files]
    values["previous"] = previous
    body = json.dumps(values, sort_keys=True, separators=(",", ":")).encode("ascii")
    digest = hashlib.sha256(body).hexdigest()
    return b'%b,"hash":"%b"}\n' % (body[:-1], digest.encode("ascii")), digest


def decode_line(line: bytes) -> Link:
    """The link of a line. Raises `ValueError`, saying what is wrong with it."""
    if not line.endswith(b"\n"):
        raise ValueError("it has no end")
    end = _END.fullmatch(line, max(0, len(line) - _END_BYTES))
    if end is None:
        raise ValueError("it does not end with its hash")
    body = line[: end.start()] + b"}"
    digest = end[1].decode("ascii")
    if hashlib.sha256(body).hexdigest() != digest:
        raise ValueError("its hash is not the one of its content")
    values = json.loads(body)
    if not isinstance(values, dict) or not isinstance(previous := values.pop("previous", None), str):
        raise ValueError("it does not name the line before")
    return Link(_make_entry(values), previous, digest)


def _make_entry(values: dict[str, Any]) -> Entry:
    entry: Entry
    if values.get("type") == "prune":
        _check_fields(values, _PRUNE_FIELDS)
        for file in values["files"]:
            _check_fields(file, _PRUNED_FILE_FIELDS)
        files = tuple(PrunedFile(**file) for file in values.pop("files"))
        entry, names = PruneEntry(files=files, **values), [file.file for file in files]
    else:
        _check_fields(values, _RECORD_FIELDS)
        entry = RecordEntry(**values)
        names = [entry.file]
    if any(first_sequence(name) is None for name in names):
        raise ValueError("it names a file that the archive does not write")
    return entry


_TEXT: set[type] = {str}
_NUMBER: set[type] = {int}
_TEXT_OR_NONE, _NUMBER_OR_NONE = {*_TEXT, type(None)}, {*_NUMBER, type(None)}
_Fields = dict[str, set[type]]
_RECORD_FIELDS: _Fields = {
    **dict.fromkeys(("type", "file", "record_sha256", "fetched_at"), _TEXT),
    **dict.fromkeys(("sequence", "offset", "length"), _NUMBER),
    **dict.fromkeys(("url", "kind", "feed_id", "payload_sha256", "document_sha256"), _TEXT_OR_NONE),
    **dict.fromkeys(("refers_to", "origin"), _NUMBER_OR_NONE),
}
_PRUNE_FIELDS: _Fields = {"sequence": _NUMBER, "type": _TEXT, "pruned_at": _TEXT, "files": {list}, "kept": _NUMBER}
_PRUNED_FILE_FIELDS: _Fields = {
    **dict.fromkeys(("file", "newest", "reason"), _TEXT),
    **dict.fromkeys(("first", "last", "records", "bytes"), _NUMBER),
}


def _check_fields(values: Any, fields: _Fields) -> None:
    if not isinstance(values, dict) or values.keys() != fields.keys():
        raise ValueError("it has not the fields of an entry")
    if any(type(values[name]) not in types for name, types in fields.items()):
        raise ValueError("a field of it is of another type")


def iterate_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines from where the stream stands, each with its end; one longer than the cap comes in parts."""
    while line := stream.readline(MAX_LINE_BYTES):
        yield line


def iterate_links(folder: Path) -> Iterator[Link]:
    """Every link in order; none where there is no chain yet. Raises `ArchiveError` at a line that cannot be read."""
    path = folder / CHAIN_FILE
    if not path.exists():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(iterate_lines(stream), start=1):
            try:
                yield decode_line(line)
            except ValueError as error:
                raise damaged_chain(path, f"line {number}", error) from error


def damaged_chain(path: Path, where: str, error: ValueError) -> ArchiveError:
    """The error for a line that cannot be read."""
    return ArchiveError(
        f"archive {path}: {where} is damaged ({error}); verify the archive to see what is, restore it from a copy, "
        "or move the folder aside to begin a new one"
    )


def find_link(folder: Path, sequence: int) -> Link | None:
    """The link of ``sequence``, found by halving, as sequences rise. Raises `ArchiveError` at a line that cannot be read."""
    path = folder / CHAIN_FILE
    if not path.exists():
        return None
    with path.open("rb") as stream:
        try:
            stream.seek(_find_start(stream, sequence))
            links = map(decode_line, iterate_lines(stream))
            return next((link for link in links if link.entry.sequence >= sequence), None)
        except ValueError as error:
            raise damaged_chain(path, f"a line before byte {stream.tell()}", error) from error


def _find_start(stream: BinaryIO, sequence: int) -> int:
    """An offset where a line starts, at most `_SCAN_BYTES` before the line of ``sequence``."""
    low, high = 0, stream.seek(0, 2)
    while high - low > _SCAN_BYTES:
        middle = (low + high) // 2
        stream.seek(middle)
        stream.readline(MAX_LINE_BYTES)
        start = stream.tell()
        line = stream.readline(MAX_LINE_BYTES)
        if line and decode_line(line).entry.sequence <= sequence:
            low = start
        else:
            high = middle
    return low


def find_copies(folder: Path, sequence: int) -> Iterator[RecordEntry]:
    """The copies of a record, in order. Raises `ArchiveError` at a line that cannot be read."""
    mark = b'"origin":%d,' % sequence
    return (entry for entry in _scan(folder, mark) if entry.origin == sequence)


def find_documents(folder: Path, document_sha256: str) -> Iterator[RecordEntry]:
    """The entries of a document, in order, copies as well. Raises `ArchiveError` at a line that cannot be read."""
    mark = document_sha256.encode("ascii", "replace")
    return (entry for entry in _scan(folder, mark) if entry.document_sha256 == document_sha256)


def _scan(folder: Path, mark: bytes) -> Iterator[RecordEntry]:
    # Only the lines that hold the bytes looked for are decoded: that makes a long chain quick to go through.
    path = folder / CHAIN_FILE
    if not path.exists():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(iterate_lines(stream), start=1):
            if mark not in line:
                continue
            try:
                entry = decode_line(line).entry
            except ValueError as error:
                raise damaged_chain(path, f"line {number}", error) from error
            if isinstance(entry, RecordEntry):
                yield entry


def summarize_files(entries: Iterable[Entry]) -> tuple[dict[str, FileSummary], dict[str, PrunedFile]]:
    """What the chain says of each file that should be there, in order, and of each that was pruned."""
    files: dict[str, FileSummary] = {}
    pruned: dict[str, PrunedFile] = {}
    for entry in entries:
        if isinstance(entry, PruneEntry):
            pruned.update((file.file, file) for file in entry.files)
            continue
        known = files.get(entry.file)
        files[entry.file] = FileSummary(
            entry.file,
            first=known.first if known else entry.sequence,
            last=entry.sequence,
            records=known.records + 1 if known else 1,
            bytes=entry.end,
            newest=max(known.newest, entry.fetched_at) if known else entry.fetched_at,
        )
    return files, pruned
