"""Adds documents to the archive."""

from __future__ import annotations

import hashlib
import os
import zlib
from datetime import UTC
from io import BytesIO
from typing import TYPE_CHECKING, Literal, Self

from filelock import FileLock, Timeout
from warcio.statusandheaders import StatusAndHeaders
from warcio.utils import Digester
from warcio.warcwriter import WARCWriter

from monitor.archive.chain import CHAIN, MAX_URL_CHARS, NOTHING_BEFORE, Link, append_bytes, head_of, iterate_lines, read_end
from monitor.errors import ArchiveError
from monitor.records import (
    ArchiveHead,
    ArchiveRef,
    Exchange,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from warcio.recordloader import ArcWarcRecord

MAX_FILE_BYTES = 100_000_000
TORN = "torn"
_MAX_INFO_BYTES = 2_000
# The quickest level: documents come compressed or are small, and a run is not to wait for its archive.
_GZIP_LEVEL = 1
# These describe the way the bytes came, which is not how they are kept.
_DROPPED_HEADERS = frozenset({"transfer-encoding", "connection", "keep-alive"})


class Archive:
    """The archive in a folder, open for writing by one process. Raises `ArchiveError` where it cannot be written.

    A record is in the archive once its line is in the chain. What a killed run left behind its last line is set aside into
    ``torn/`` when the archive is next opened.
    """

    def __init__(self, folder: Path, *, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self.folder = folder
        self._max_file_bytes = max_file_bytes
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / ".lock")
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise ArchiveError(f"archive {folder}: another run writes to it; try again when that has finished") from error
        except OSError as error:
            raise ArchiveError(
                f"archive {folder}: cannot be written ({error.strerror}); make it writable or name another"
            ) from error
        try:
            self._last = self._heal()
        except OSError as error:
            self._lock.release()
            raise ArchiveError(
                f"archive {folder}: cannot be written ({error.strerror}); make it writable or name another"
            ) from error
        except ArchiveError:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others write."""
        self._lock.release()

    @property
    def name(self) -> str:
        """What tells this archive from others: its folder."""
        return str(self.folder.resolve())

    @property
    def head(self) -> ArchiveHead | None:
        """The end of the chain; None where nothing is kept yet."""
        return head_of(self._last)

    def append(
        self,
        url: str,
        fetched_at: datetime,
        exchange: Exchange,
        *,
        document_sha256: str,
        kind: Literal["feed", "page"],
        feed_id: str | None,
    ) -> ArchiveRef:
        """Keep one document as a WARC ``response`` record; ``document_sha256`` is of its decompressed bytes."""
        at = f"{fetched_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        extra = {"X-Monitor-Kind": kind, "X-Monitor-Feed": feed_id or "", "X-Monitor-Document-SHA256": document_sha256}
        record = make_response(url, at, exchange, extra)
        return self.append_record(record, at=at, url=url, document_sha256=document_sha256)

    def append_record(
        self, record: bytes, *, at: str, url: str, document_sha256: str, origin: int | None = None, prefix: str = ""
    ) -> ArchiveRef:
        """Keep a finished gzip member of a WARC file. ``prefix`` begins the name of the file that it goes into."""
        try:
            file = self._choose_file(prefix, at)
            return self._add(file, "record", record, at=at, url=url, document_sha256=document_sha256, origin=origin)
        except OSError as error:
            raise ArchiveError(
                f"archive {self.folder}: cannot be written ({error.strerror}); free some space or make it writable"
                "; what is in it is whole"
            ) from error

    def add_prune(self, files: tuple[str, ...], reason: str, *, at: str) -> None:
        """Say in the chain that files are dropped."""
        self._bind(Link(self._next_sequence(), "prune", self._previous(), at, files=files, reason=reason))

    def sync(self) -> None:
        """See to it that what was kept is on the disk."""
        names = [CHAIN, *([self._last.file] if self._last and self._last.file else [])]
        for name in names:
            if (path := self.folder / name).is_file():
                with path.open("ab") as file:
                    os.fsync(file.fileno())

    def _choose_file(self, prefix: str, at: str) -> str:
        """The file that is being written; a new one each day and when it is full. Each begins by saying what it is."""
        current = self._last.file if self._last else ""
        day = f"{prefix}{at[:10]}"
        if current.startswith(f"{day}-") and (self.folder / current).stat().st_size < self._max_file_bytes:
            return current
        taken = {path.name for path in self.folder.glob(f"{day}-*.warc.gz")}
        number = next(n for n in range(1, 10_000) if f"{day}-{n:04}.warc.gz" not in taken)
        name = f"{day}-{number:04}.warc.gz"
        self._add(name, "info", make_info(name, at), at=at)
        return name

    def _add(
        self, file: str, action: Literal["record", "info"], record: bytes, *, at: str, **known: str | int | None
    ) -> ArchiveRef:
        path = self.folder / file
        offset = path.stat().st_size if path.is_file() else 0
        append_bytes(path, record)
        sha256 = hashlib.sha256(record).hexdigest()
        url = str(known.pop("url", ""))[:MAX_URL_CHARS]
        sequence = self._next_sequence()
        link = Link(sequence, action, self._previous(), at, file, offset, len(record), sha256, url=url, **known)  # type: ignore[arg-type]
        try:
            self._bind(link)
        except OSError:
            os.truncate(path, offset)
            raise
        return ArchiveRef(sequence, file, offset, len(record), sha256)

    def _bind(self, link: Link) -> None:
        append_bytes(self.folder / CHAIN, link.render())
        self._last = link

    def _next_sequence(self) -> int:
        return self._last.sequence + 1 if self._last else 1

    def _previous(self) -> str:
        return self._last.hash if self._last else NOTHING_BEFORE

    def _heal(self) -> Link | None:
        """Set aside what a run that was ended in the middle left behind the last whole record; gives the last link."""
        last, torn = read_end(self.folder)
        if torn:
            path = self.folder / CHAIN
            self._set_aside(path, path.stat().st_size - torn)
        if last is not None and last.file:
            path, end = self.folder / last.file, last.offset + last.length
            size = path.stat().st_size if path.is_file() else 0
            if size < end:
                raise ArchiveError(f"archive {path}: is shorter than its chain says; see `monitor archive verify`")
            if size > end:
                self._set_aside(path, end)
        self._set_aside_begun_files(last)
        return last

    def _set_aside_begun_files(self, last: Link | None) -> None:
        """A file that was begun and not yet in the chain holds nothing but what a file begins with."""
        small = [path for path in self.folder.glob("*.warc.gz") if path.stat().st_size < _MAX_INFO_BYTES]
        begun = {path.name for path in small if last is None or path.name != last.file}
        if begun:
            for _, line in iterate_lines(self.folder):
                begun = {name for name in begun if f'"file":"{name}"'.encode() not in line}
        for name in sorted(begun):
            self._set_aside(self.folder / name, 0)

    def _set_aside(self, path: Path, start: int) -> None:
        torn = self.folder / TORN
        torn.mkdir(exist_ok=True)
        with path.open("rb") as file:
            file.seek(start)
            rest = file.read()
        (torn / f"{path.name}-{start}").write_bytes(rest)
        if start:
            os.truncate(path, start)
        else:
            path.unlink()


class _HeadersAsSent(StatusAndHeaders):  # type: ignore[misc]
    """HTTP headers that are written byte for byte; warcio would write what is beyond ASCII as percent signs and digits."""

    def compute_headers_buffer(self, header_filter: object = None) -> None:
        lines = [f"{self.protocol} {self.statusline}", *(f"{name}: {value}" for name, value in self.headers), "", ""]
        self.headers_buff = "\r\n".join(lines).encode("latin-1", "replace")


class _RecordWriter(WARCWriter):  # type: ignore[misc]
    """Writes single records into memory, with SHA-256 instead of SHA-1."""

    def __init__(self) -> None:
        super().__init__(BytesIO(), gzip=False, warc_version="WARC/1.1")

    @staticmethod
    def _create_digester() -> Digester:
        return Digester("sha256")

    def compress(self, record: ArcWarcRecord) -> bytes:
        """The record as a gzip member: the same bytes for the same record."""
        self.write_record(record)
        compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        return bytes(compressor.compress(self.out.getvalue()) + compressor.flush())


def make_response(url: str, at: str, exchange: Exchange, extra: dict[str, str]) -> bytes:
    """A gzip member with a WARC 1.1 ``response`` record: status line, headers and entity as they were sent."""
    headers = [(name, value) for name, value in exchange.headers if name.lower() not in _DROPPED_HEADERS]
    status = f"{exchange.status} {_clean(exchange.reason)}"
    http = _HeadersAsSent(status, [(_clean(name), _clean(value)) for name, value in headers], protocol="HTTP/1.1")
    writer = _RecordWriter()
    record = writer.create_warc_record(
        _clean(url),
        "response",
        payload=BytesIO(exchange.body),
        length=len(exchange.body),
        http_headers=http,
        warc_headers_dict={"WARC-Date": at, **{name: _clean(value) for name, value in extra.items() if value}},
    )
    return writer.compress(record)


def make_info(name: str, at: str) -> bytes:
    """What a WARC file begins with."""
    writer = _RecordWriter()
    record = writer.create_warcinfo_record(name, {"software": "narrative-monitor", "format": "WARC File Format 1.1"})
    record.rec_headers.replace_header("WARC-Date", at)
    return writer.compress(record)


def _clean(value: str) -> str:
    """In one line: a line break in an address or a reason would begin another header."""
    return " ".join(value.split())
