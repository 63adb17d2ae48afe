"""Appends to the archive: a record, then its line in the chain; what a crash leaves half done is moved aside on opening."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, Self

from filelock import FileLock, Timeout

from monitor.archive.chain import (
    CHAIN_FILE,
    MAX_LINE_BYTES,
    NO_HASH,
    Link,
    PruneEntry,
    RecordEntry,
    damaged_chain,
    decode_line,
    encode_entry,
    first_sequence,
    format_time,
    name_file,
)
from monitor.archive.reader import read_intact
from monitor.archive.warc import Original, RecordHead, build_record, build_warcinfo, hash_payload
from monitor.errors import NO_ROOM, ArchiveError, RunLockedError
from monitor.records import ArchiveHead, ArchiveRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from monitor.archive.chain import DocumentKind, Entry, PrunedFile
    from monitor.records import Exchange

LOCK_FILE = "archive.lock"
TORN_FOLDER = "torn"
_BLOCK_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """When to begin a new file, and how much of the chain's end to read on opening, to recognise documents again."""

    max_file_bytes: int = 100_000_000
    max_file_days: float = 7.0
    remembered_bytes: int = 4_000_000


class Archive:
    """An archive opened for writing, by one process at a time; a context manager that syncs and closes.

    Raises `RunLockedError` where another process has it open, `ArchiveError` where it cannot be written or the end of its
    chain is damaged. ``moved_aside`` are the files in ``torn/`` that hold what an interrupted run left.
    """

    def __init__(self, folder: Path, *, limits: ArchiveLimits | None = None, software: str = "narrative-monitor") -> None:
        self.folder = folder
        self.moved_aside: tuple[Path, ...] = ()
        self._limits = limits or ArchiveLimits()
        self._software = software
        self._originals: dict[tuple[str, str], Original] = {}
        self._file: _AppendedFile | None = None
        self._file_end, self._chain_end = 0, 0  # up to where they are whole
        self._file_since = datetime.min.replace(tzinfo=UTC)
        self._max_file_age = timedelta(days=self._limits.max_file_days)
        self._head = ArchiveHead(0, NO_HASH)
        self._refusal = ""  # why nothing more can be written
        self._lock = _acquire_lock(folder)
        try:
            with _naming_failure(folder, "cannot be opened for writing"):
                self._chain = _AppendedFile(folder / CHAIN_FILE)
                self._recover()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """The archive itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Sync what was appended, and close."""
        try:
            self.sync()
        finally:
            self.close()

    @property
    def name(self) -> str:
        """What tells this archive from others: its folder."""
        return str(self.folder.resolve())

    @property
    def head(self) -> ArchiveHead | None:
        """The last line of the chain; None where nothing is kept yet."""
        return self._head if self._head.sequence else None

    def append(
        self,
        url: str,
        fetched_at: datetime,
        exchange: Exchange,
        *,
        document_sha256: str,
        kind: DocumentKind,
        feed_id: str | None = None,
    ) -> ArchiveRef:
        """Keep an exchange. A document that is in the archive already, sent in the same bytes, is kept without its body.

        It is safe against a crash of this process at once, against one of the machine after `sync`. Raises `ArchiveError`
        where it cannot be written (the archive is then as it was before), `ValueError` for a time without a zone.
        """
        payload_sha256 = hash_payload(exchange)
        stamp = format_time(fetched_at)
        original = self._originals.get((document_sha256, payload_sha256))
        with self._writing():
            file = self._open_file(fetched_at)
            head = RecordHead(self._head.sequence + 1, url, stamp, kind, feed_id, document_sha256, payload_sha256)
            record = build_record(head, exchange, original)
            entry = RecordEntry(
                sequence=head.sequence,
                type="revisit" if original else "response",
                file=file.path.name,
                offset=file.size,
                length=len(record),
                record_sha256=hashlib.sha256(record).hexdigest(),
                fetched_at=stamp,
                url=url,
                kind=kind,
                feed_id=feed_id,
                payload_sha256=payload_sha256,
                document_sha256=document_sha256,
                refers_to=original.sequence if original else None,
            )
            self._write(file, record, entry)
        self._remember(entry)
        return ArchiveRef(entry.sequence, entry.file, entry.offset, entry.length, entry.record_sha256)

    def sync(self) -> None:
        """Have everything appended so far on the disk itself. Raises `ArchiveError` where that fails."""
        with _naming_failure(self.folder, "cannot be written to disk"):
            if self._file:
                self._file.sync()
            self._chain.sync()
            _sync_folder(self.folder)

    def close(self) -> None:
        """Give the archive back. Does not sync."""
        self._refusal = "it is closed"
        if self._file:
            self._file.close()
            self._file = None
        if hasattr(self, "_chain"):
            self._chain.close()
        self._lock.release()

    def copy_records(self, entries: Iterable[RecordEntry], *, copied_at: datetime) -> int:
        """Copy records, byte for byte, into a new file of kept ones; gives how many. For pruning."""
        copied, file = 0, None
        with self._writing():
            for entry in entries:
                record = read_intact(self.folder, entry)
                if file is None or self._is_full(file):
                    file = self._start_file("kept", copied_at)
                copied += 1
                sequence = self._head.sequence + 1
                copy = replace(entry, sequence=sequence, file=file.path.name, offset=file.size, origin=entry.root)
                self._write(file, record, copy)
        return copied

    def drop_files(self, files: tuple[PrunedFile, ...], *, kept: int, dropped_at: datetime) -> None:
        """Say in the chain which files go, and why; then delete them. For pruning."""
        with self._writing():
            self._leave_file()
            entry = PruneEntry(self._head.sequence + 1, "prune", format_time(dropped_at), files, kept)
            self._add_link(entry)
            self._chain.sync()
            _sync_folder(self.folder)
            self._delete_files(entry)
        # What was remembered may be gone. At worst a document is kept whole once more.
        self._originals.clear()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._refusal:
            raise ArchiveError(f"archive {self.folder}: {self._refusal}; open it again to go on")
        with _naming_failure(self.folder, "cannot be written"):
            try:
                yield
            except BaseException:
                self._refusal = "a failed write could not be undone"
                self._undo()
                self._refusal = ""
                raise

    def _undo(self) -> None:
        """Cut both files back to what was whole before."""
        self._chain.cut(self._chain_end)
        if self._file and self._file_end:
            self._file.cut(self._file_end)
        elif self._file:
            self._leave_file().unlink()

    def _write(self, file: _AppendedFile, record: bytes, entry: RecordEntry) -> None:
        file.append(record)
        self._add_link(entry, file_end=file.size)

    def _add_link(self, entry: Entry, *, file_end: int = 0) -> None:
        line, digest = encode_entry(entry, self._head.hash)
        if len(line) > MAX_LINE_BYTES:
            raise ArchiveError(f"archive {self.folder}: an entry of {len(line)} bytes is too long for the chain; leave it out")
        self._chain.append(line)
        self._head, self._chain_end, self._file_end = ArchiveHead(entry.sequence, digest), self._chain.size, file_end

    def _is_full(self, file: _AppendedFile) -> bool:
        return file.size >= self._limits.max_file_bytes

    def _open_file(self, fetched_at: datetime) -> _AppendedFile:
        """The file to append to: the current one unless it is full, old or one of kept records."""
        if self._file is None or self._is_full(self._file) or fetched_at - self._file_since > self._max_file_age:
            return self._start_file("records", fetched_at)
        return self._file

    def _start_file(self, prefix: Literal["records", "kept"], started_at: datetime) -> _AppendedFile:
        self._leave_file()
        sequence = self._head.sequence + 1
        name = name_file(prefix, sequence)
        stamp = format_time(started_at)
        record = build_warcinfo(name, stamp, self._software)
        digest = hashlib.sha256(record).hexdigest()
        file = _AppendedFile(self.folder / name)
        self._file, self._file_end, self._file_since = file, 0, started_at
        self._write(file, record, RecordEntry(sequence, "warcinfo", name, 0, len(record), digest, stamp))
        return file

    def _leave_file(self) -> Path:
        """Close the current file, so that the next record begins another; gives its path."""
        file, self._file = self._file, None
        if file is None:
            return self.folder
        try:
            file.sync()
        finally:
            file.close()
        return file.path

    def _remember(self, entry: RecordEntry) -> None:
        if entry.type == "response" and entry.document_sha256 and entry.payload_sha256 and entry.url:
            self._originals[entry.document_sha256, entry.payload_sha256] = Original(entry.root, entry.url, entry.fetched_at)

    def _recover(self) -> None:
        links = self._read_chain_end()
        if links:
            self._head = ArchiveHead(links[-1].entry.sequence, links[-1].hash)
        self._move_unchained_files()
        for link in links:
            if isinstance(link.entry, PruneEntry):
                self._delete_files(link.entry)  # an interrupted pruning is finished; a finished one finds nothing to delete
        present = {path.name for path in self.folder.iterdir()}
        records = [link.entry for link in links if isinstance(link.entry, RecordEntry) and link.entry.file in present]
        for entry in records:
            self._remember(entry)
        if records and records[-1].sequence == self._head.sequence:
            self._resume_file(records)

    def _read_chain_end(self) -> list[Link]:
        """The last links, up to the end of the last whole line; what follows it is moved aside."""
        path, size = self._chain.path, self._chain.size
        start = max(0, size - self._limits.remembered_bytes - 1)
        with path.open("rb") as stream:
            stream.seek(start)
            if start:
                stream.readline()
            lines = stream.read().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            self._move_tail(self._chain, size - len(lines.pop()))
        self._chain_end = self._chain.size
        return [link for at, line in enumerate(lines) if (link := _read_remembered(path, line, is_last=at == len(lines) - 1))]

    def _move_unchained_files(self) -> None:
        """Move aside the files that a run began without coming to write them into the chain."""
        for path in sorted(self.folder.glob("*.warc.gz")):
            first = first_sequence(path.name)
            if first is not None and first > self._head.sequence:
                path.rename(self._name_torn(f"{path.name}.whole"))

    def _resume_file(self, records: list[RecordEntry]) -> None:
        """Go on with the last file, where it is one of fetched records and ends with the last record, intact."""
        last = records[-1]
        first = next((entry for entry in records if entry.file == last.file), last)
        file = _AppendedFile(self.folder / last.file)
        if file.size > last.end:
            self._move_tail(file, last.end)
        if first.offset == 0 and last.file.startswith("records-") and file.size == last.end and _is_intact(file.path, last):
            self._file, self._file_end = file, file.size
            self._file_since = datetime.fromisoformat(first.fetched_at)
        else:
            file.close()  # damage stays as it is, for verifying to name

    def _move_tail(self, file: _AppendedFile, start: int) -> None:
        aside = self._name_torn(f"{file.path.name}.from-{start}")
        with file.path.open("rb") as source, aside.open("xb") as target:
            source.seek(start)
            while block := source.read(_BLOCK_BYTES):
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        file.cut(start)

    def _name_torn(self, name: str) -> Path:
        folder = self.folder / TORN_FOLDER
        folder.mkdir(exist_ok=True)
        number = 1
        while (aside := folder / f"{name}.{number}").exists():
            number += 1
        self.moved_aside = (*self.moved_aside, aside)
        return aside

    def _delete_files(self, tombstone: PruneEntry) -> None:
        for file in tombstone.files:
            (self.folder / file.file).unlink(missing_ok=True)
        _sync_folder(self.folder)


class _AppendedFile:
    """A file that grows at its end, without a buffer: what was appended outlives this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream = path.open("ab", buffering=0)
        self.size = path.stat().st_size

    def append(self, content: bytes) -> None:
        left = memoryview(content)
        while left:
            left = left[self._stream.write(left) :]
        self.size += len(content)

    def cut(self, size: int) -> None:
        self._stream.truncate(size)
        self.size = size

    def sync(self) -> None:
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        self._stream.close()


@contextmanager
def keep_writers_out(folder: Path) -> Iterator[None]:
    """Have nobody write to an archive while it is gone through: what is half written would look like a change.

    Raises `RunLockedError` where a run is writing to it.
    """
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        yield  # none, or a copy that nobody here can write to
        return
    with _acquire_lock(folder):
        yield


def _acquire_lock(folder: Path) -> FileLock:
    path = folder / LOCK_FILE
    with _naming_failure(folder, "cannot be opened for writing"):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, blocking=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunLockedError(f"archive {folder}: another process has it open; wait for it to end, nothing was done") from error
    return lock


@contextmanager
def _naming_failure(folder: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = "free some disk space" if error.errno in NO_ROOM else "make the folder writable for this user"
        raise ArchiveError(f"archive {folder}: {what} ({error.strerror or error}); {remedy}, then run again") from error


def _sync_folder(folder: Path) -> None:
    """Have new and deleted names on disk; only POSIX systems can be asked to."""
    if os.name != "posix":
        return  # pragma: no cover
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_remembered(path: Path, line: bytes, *, is_last: bool) -> Link | None:
    # A revisit before the last line tells nothing new; a damaged line before the last is for verifying to name.
    if not is_last and b'"type":"revisit"' in line:
        return None
    try:
        return decode_line(line)
    except ValueError as error:
        if is_last:
            raise damaged_chain(path, "its last line", error) from error
        return None


def _is_intact(path: Path, entry: RecordEntry) -> bool:
    try:
        read_intact(path.parent, entry)
    except ArchiveError:
        return False
    return True
