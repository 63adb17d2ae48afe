"""Files of articles: JSON Lines, CSV, WARC; each plain or with gzip. Read as a stream, from any place on."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from monitor.backfill.rows import Filed, make_entry, read_row
from monitor.errors import FeedDocumentError, UsageError
from monitor.records import Feed, FetchedFeed, FetchedPage
from monitor.stages.dates import resolve_date

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from monitor.records import ExtractedPage, ParsedFeed

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".warc": "warc"}
MAX_LINE_BYTES = 8 * 1024 * 1024
MAX_DOCUMENT_BYTES = 10_485_760
_FEED_STARTS = (b"<rss", b"<feed", b"<rdf:rdf")


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: whose voice rows without a feed are, the zone of dates without one, and who reads documents."""

    feed_id: str
    zone: str
    now: datetime
    parse: Callable[[Feed, FetchedFeed], ParsedFeed]
    extract: Callable[[FetchedPage], ExtractedPage]


@dataclass(frozen=True, slots=True)
class Unit:
    """A line or a record: where it stands (counted from 1), what it holds, and why some of it holds nothing.

    ``done_bytes`` is how far the file has been read.
    """

    number: int
    filed: tuple[Filed, ...]
    rejected: tuple[str, ...]
    done_bytes: int


def find_format(path: Path) -> str:
    """Which format a file has, by its name. Raises `UsageError` for one that cannot be read."""
    name = path.name.lower().removesuffix(".gz")
    found = next((kind for suffix, kind in FORMATS.items() if name.endswith(suffix)), None)
    if found is None:
        raise UsageError(f"{path}: is none of {', '.join(sorted(FORMATS))} (each may end in .gz); rename or convert it")
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; check the path")
    return found


def read_units(path: Path, reading: Reading, *, skip: int = 0) -> Iterator[Unit]:
    """The lines or records of a file, from behind the first ``skip`` on. Raises `UsageError` where the file is broken."""
    kind = find_format(path)
    readers = {"jsonl": _read_jsonl, "csv": _read_csv, "warc": _read_warc}
    try:
        with path.open("rb") as raw:
            stream = gzip.open(raw) if path.suffix.lower() == ".gz" and kind != "warc" else raw  # noqa: SIM115
            yield from readers[kind](stream, raw, reading, skip)
    except (OSError, EOFError, gzip.BadGzipFile, ArchiveLoadFailed, csv.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read on: {error}; what came before is kept, mend the file and say it again") from error


def _read_jsonl(stream: Any, raw: IO[bytes], reading: Reading, skip: int) -> Iterator[Unit]:
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            if number > skip:
                yield Unit(number, (), (f"is longer than {MAX_LINE_BYTES} bytes",), raw.tell())
        elif number > skip:
            yield _read_object(number, line, reading, raw.tell())


def _read_object(number: int, line: bytes, reading: Reading, done: int) -> Unit:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError("is no JSON object")
        return Unit(number, (_read_values(row, reading),), (), done)
    except (ValueError, RecursionError) as error:
        return Unit(number, (), (str(error),), done)


def _read_csv(stream: Any, raw: IO[bytes], reading: Reading, skip: int) -> Iterator[Unit]:
    csv.field_size_limit(MAX_LINE_BYTES)
    with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        head = text.readline()
        delimiter = max(",;\t", key=head.count)
        names = next(csv.reader([head], delimiter=delimiter), [])
        if not {"title", "summary", "text"} & set(names):
            raise csv.Error("its first line names no column `title`, `summary` or `text`")
        for number, row in enumerate(csv.DictReader(text, names, delimiter=delimiter, restval="", restkey="more"), start=1):
            if number > skip:
                yield _read_line(number, row, reading, raw.tell())


def _read_line(number: int, row: dict[str, Any], reading: Reading, done: int) -> Unit:
    if "more" in row:
        return Unit(number, (), ("has more columns than the first line names",), done)
    try:
        return Unit(number, (_read_values(row, reading),), (), done)
    except ValueError as error:
        return Unit(number, (), (str(error),), done)


def _read_values(row: dict[str, Any], reading: Reading) -> Filed:
    return read_row(row, feed_id=reading.feed_id, zone=reading.zone, now=reading.now)


def _read_warc(stream: Any, raw: IO[bytes], reading: Reading, skip: int) -> Iterator[Unit]:
    for number, record in enumerate(ArchiveIterator(stream), start=1):
        if number > skip and record.rec_type in {"response", "resource"}:
            yield _read_record(number, record, reading, raw.tell())
        elif number > skip:
            yield Unit(number, (), (), raw.tell())  # requests, metadata, revisits of what stands elsewhere


def _read_record(number: int, record: Any, reading: Reading, done: int) -> Unit:
    url = record.rec_headers.get_header("WARC-Target-URI") or ""
    status = record.http_headers.get_statuscode() if record.http_headers else "200"
    if status != "200" or not url.startswith(("http://", "https://")):
        return Unit(number, (), (), done)
    kind = (record.http_headers or record.rec_headers).get_header("Content-Type") or ""
    body = record.content_stream().read(MAX_DOCUMENT_BYTES + 1)
    start = body[:512].lstrip().lower()
    is_feed = ("xml" in kind and "xhtml" not in kind) or start.startswith((b"<?xml", *_FEED_STARTS))
    if not is_feed and "html" not in kind:
        return Unit(number, (), (), done)  # pictures, scripts, styles
    if len(body) > MAX_DOCUMENT_BYTES:
        return Unit(number, (), (f"{url}: is longer than {MAX_DOCUMENT_BYTES} bytes",), done)
    fetched_at = resolve_date(record.rec_headers.get_header("WARC-Date"), default_zone="UTC", fetched_at=reading.now).at
    feed_id = record.rec_headers.get_header("Narrative-Monitor-Feed") or reading.feed_id
    read = _read_feed if is_feed else _read_page
    try:
        filed, rejected = read(url, kind, body, feed_id, fetched_at, reading)
    except FeedDocumentError as error:
        return Unit(number, (), (f"{url}: {error}",), done)
    return Unit(number, filed, rejected, done)


def _read_feed(
    url: str, kind: str, body: bytes, feed_id: str, at: datetime, reading: Reading
) -> tuple[tuple[Filed, ...], tuple[str, ...]]:
    digest = hashlib.sha256(body).hexdigest()
    fetched = FetchedFeed(feed_id, url, 200, kind, body, digest, None, None, at)
    parsed = reading.parse(Feed(feed_id, url, feed_id, timezone=reading.zone), fetched)
    return tuple(Filed(entry, at, digest) for entry in parsed.entries), parsed.rejected


def _read_page(
    url: str, kind: str, body: bytes, feed_id: str, at: datetime, reading: Reading
) -> tuple[tuple[Filed, ...], tuple[str, ...]]:
    digest = hashlib.sha256(body).hexdigest()
    page = reading.extract(FetchedPage("", url, 200, kind, body, digest, at))
    dated = resolve_date(page.published_raw, default_zone=reading.zone, fetched_at=at)
    entry = make_entry(feed_id=feed_id, key="", url=url, texts=(page.title, "", page.text), published=(dated.at, dated.how))
    return (Filed(entry, at, digest),), ()
