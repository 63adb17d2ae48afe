"""WARC 1.1 records (ISO 28500), each in a gzip member of its own, written from and read back to plain values."""

from __future__ import annotations

import hashlib
import re
import uuid
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.records import Exchange

_SAME_PAYLOAD = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
_GZIP_START = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # no name, no time: the same record gives the same bytes
_FULL_FLUSH, _RAW = zlib.Z_FULL_FLUSH, -zlib.MAX_WBITS
_NOT_IN_LINES = re.compile(r"[\r\n\0]+")
_NOT_IN_NAMES = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_URL_AS_IS = re.compile(r"[!-~]+")
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
_RENAMED = "X-Archive-Orig-"  # the prefix that other web archives use, too


@dataclass(frozen=True, slots=True)
class Original:
    """The record whose body a revisit leaves out."""

    sequence: int
    url: str
    fetched_at: str


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What a record says of itself besides the exchange. ``fetched_at`` is ISO 8601 in UTC."""

    sequence: int
    url: str
    fetched_at: str
    kind: str
    feed_id: str | None
    document_sha256: str
    payload_sha256: str


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """A stored answer: ``headers`` as archived, ``body`` the entity as sent (empty in a revisit)."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def hash_payload(exchange: Exchange) -> str:
    """SHA-256 of the entity as sent."""
    return hashlib.sha256(exchange.body).hexdigest()


def build_warcinfo(file: str, written_at: str, software: str) -> bytes:
    """The record on top of a file: what wrote it, and in which form."""
    block = _join_lines(
        [
            ("software", software),
            ("format", "WARC File Format 1.1"),
            ("conformsTo", "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"),
            ("description", "documents as fetched; chain.jsonl beside this file holds the hash of every record"),
        ]
    )
    fields = [
        ("WARC-Type", "warcinfo"),
        ("WARC-Record-ID", _make_id()),
        ("WARC-Date", written_at),
        ("WARC-Filename", file),
        ("Content-Type", "application/warc-fields"),
        ("Content-Length", str(len(block))),
    ]
    return _compress([_start(fields) + block + b"\r\n\r\n"])


def build_record(head: RecordHead, exchange: Exchange, original: Original | None) -> bytes:
    """A response; where the ``original`` holds the same payload, a revisit with the headers only."""
    body = b"" if original else exchange.body
    http = _build_http_head(exchange)
    fields = [
        ("WARC-Type", "revisit" if original else "response"),
        ("WARC-Record-ID", _make_id()),
        ("WARC-Date", head.fetched_at),
        ("WARC-Target-URI", _to_uri(head.url)),
        ("WARC-Payload-Digest", f"sha256:{head.payload_sha256}"),
        *_refer(original),
        ("Content-Type", "application/http;msgtype=response"),
        ("Content-Length", str(len(http) + len(body))),
        ("Narrative-Monitor-Sequence", str(head.sequence)),
        ("Narrative-Monitor-Kind", head.kind),
        ("Narrative-Monitor-Document-Digest", f"sha256:{head.document_sha256}"),
        *([("Narrative-Monitor-Feed", head.feed_id)] if head.feed_id is not None else []),
    ]
    start = _start(fields) + http
    if _is_compressed(exchange):
        return _compress([start], stored=[body, b"\r\n\r\n"])
    return _compress([start, body, b"\r\n\r\n"])


def _refer(original: Original | None) -> list[tuple[str, str]]:
    if original is None:
        return []
    return [
        ("WARC-Profile", _SAME_PAYLOAD),
        ("WARC-Refers-To-Target-URI", _to_uri(original.url)),
        ("WARC-Refers-To-Date", original.fetched_at),
        ("Narrative-Monitor-Refers-To-Sequence", str(original.sequence)),
    ]


def _make_id() -> str:
    return f"<urn:uuid:{uuid.uuid4()}>"


def _to_uri(url: str) -> str:
    return url if _URL_AS_IS.fullmatch(url) else quote(url, safe=_VISIBLE, errors="replace")


def _start(fields: Sequence[tuple[str, str]]) -> bytes:
    return b"WARC/1.1\r\n" + _join_lines(fields) + b"\r\n"


def _build_http_head(exchange: Exchange) -> bytes:
    status_line = f"HTTP/1.1 {exchange.status:03d} {_NOT_IN_LINES.sub(' ', exchange.reason)}\r\n"
    headers = [(_rename(name, value, exchange), value) for name, value in exchange.headers]
    return _to_bytes(status_line) + _join_lines(headers) + b"\r\n"


def _rename(name: str, value: str, exchange: Exchange) -> str:
    """A name that does not mislead: the body is archived without its transfer coding, and may not have the length stated."""
    lowered = name.lower()
    if lowered == "transfer-encoding" or (lowered == "content-length" and value.strip() != str(len(exchange.body))):
        return _RENAMED + name
    return name


def _join_lines(fields: Sequence[tuple[str, str]]) -> bytes:
    # A line break in a name or value would start a field of its own, or end the head.
    return _to_bytes(
        "".join(f"{_NOT_IN_NAMES.sub('_', name) or '_'}: {_NOT_IN_LINES.sub(' ', value)}\r\n" for name, value in fields)
    )


def _to_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")  # gives back the very bytes of a header in an unknown encoding
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _is_compressed(exchange: Exchange) -> bool:
    return any(
        name.lower() == "content-encoding" and value.strip().lower() not in {"", "identity"} for name, value in exchange.headers
    )


def _compress(parts: Sequence[bytes], *, stored: Sequence[bytes] = ()) -> bytes:
    """One gzip member. The ``stored`` parts come last and are not compressed: trying to would only cost time."""
    checksum, size = 0, 0
    for part in (*parts, *stored):
        checksum, size = zlib.crc32(part, checksum), size + len(part)
    deflater = zlib.compressobj(1, zlib.DEFLATED, _RAW)
    out = [_GZIP_START, *map(deflater.compress, parts)]
    if stored:
        out.append(deflater.flush(_FULL_FLUSH))
        deflater = zlib.compressobj(0, zlib.DEFLATED, _RAW)
        out.extend(map(deflater.compress, stored))
    out.append(deflater.flush())
    out.append(checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little"))
    return b"".join(out)


def inflate_record(member: bytes, *, max_bytes: int) -> bytes:
    """A record without its compression. Raises `ValueError` where it is no gzip member, or larger than ``max_bytes``."""
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        record = inflater.decompress(member, max_bytes)
    except zlib.error as error:
        raise ValueError(f"it is no gzip member ({error})") from error
    if not inflater.eof:
        raise ValueError(f"it is cut off, or larger than {max_bytes} bytes")
    return record


def read_message(member: bytes, *, max_bytes: int) -> HttpMessage:
    """The HTTP message in a response or revisit. Raises `ValueError` where it is none, or larger than ``max_bytes``."""
    _, _, block = inflate_record(member, max_bytes=max_bytes).partition(b"\r\n\r\n")
    head, _, body = block.removesuffix(b"\r\n\r\n").partition(b"\r\n\r\n")
    status_line, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    version, _, rest = status_line.partition(" ")
    if not version.startswith("HTTP/") or not rest[:3].isdigit():
        raise ValueError("it holds no HTTP message")
    headers = (line.partition(":") for line in lines)
    return HttpMessage(int(rest[:3]), rest[4:], tuple((name, value.strip()) for name, _, value in headers), body)
