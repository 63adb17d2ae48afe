"""The hash chain: one line per record, each bound to the one before."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from monitor.errors import ArchiveError
from monitor.records import (
    ArchiveHead,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHAIN = "chain.jsonl"
NOTHING_BEFORE = "0" * 64
# A line of the chain holds one URL at most; longer ones are cut in it (the record has them whole).
MAX_URL_CHARS = 2_000
_TAIL_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Link:
    """One line of the chain.

    ``action`` is ``record`` (a document), ``info`` (what a file begins with) or ``prune`` (``files`` were dropped, for the
    ``reason`` given). ``origin`` is the sequence that a record had in a file since dropped. ``hash`` covers all other fields.
    """

    sequence: int
    action: Literal["record", "info", "prune"]
    previous: str
    at: str
    file: str = ""
    offset: int = 0
    length: int = 0
    record_sha256: str = ""
    document_sha256: str = ""
    url: str = ""
    files: tuple[str, ...] = ()
    reason: str = ""
    origin: int | None = None

    @property
    def hash(self) -> str:
        """What the next link is bound to."""
        return hashlib.sha256(self._dump()).hexdigest()

    def _dump(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=True, separators=(",", ":")).encode("ascii")

    def render(self) -> bytes:
        """The line, newline included."""
        return json.dumps({**asdict(self), "hash": self.hash}, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


_NAMES = [one.name for one in fields(Link)]


def parse_link(line: bytes) -> Link:
    """Read a line. Raises ValueError for anything but exactly what `Link.render` writes."""
    raw: dict[str, Any] = json.loads(line)
    if list(raw) != [*_NAMES, "hash"]:
        raise ValueError("its fields are not those of a link")
    given: dict[str, Any] = {name: tuple(raw[name]) if name == "files" else raw[name] for name in _NAMES}
    link = Link(**given)
    # Compared byte by byte: a change that JSON does not care about is a change all the same.
    if link.render() != line:
        raise ValueError("its hash does not fit it")
    return link


def iterate_lines(folder: Path) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of every line of the chain, one at a time."""
    path = folder / CHAIN
    if not path.is_file():
        return
    try:
        with path.open("rb") as lines:
            yield from enumerate(lines, 1)
    except OSError as error:
        raise ArchiveError(f"archive {path}: cannot be read ({error.strerror}); make it readable for this user") from error


def read_end(folder: Path) -> tuple[Link | None, int]:
    """The last whole link, and how many bytes stand behind it: a line that was being written when the program was ended.

    Only the end of the file is read, however long the chain.
    """
    path = folder / CHAIN
    if not path.is_file() or not (size := path.stat().st_size):
        return None, 0
    with path.open("rb") as chain:
        chain.seek(max(0, size - _TAIL_BYTES))
        tail = chain.read()
    whole, newline, torn = tail.rpartition(b"\n")
    if not newline:
        return None, len(torn)
    last = whole.rpartition(b"\n")[2] + b"\n"
    try:
        return parse_link(last), len(torn)
    except ValueError as error:
        raise ArchiveError(f"archive {path}: its last line was changed ({error}); see `monitor archive verify`") from error


def head_of(link: Link | None) -> ArchiveHead | None:
    """The end of a chain whose last link this is."""
    return None if link is None else ArchiveHead(link.sequence, link.hash)


def append_bytes(path: Path, data: bytes) -> None:
    """Add to a file; where that fails, the file is as it was. Raises OSError."""
    with path.open("ab") as file:
        before = file.tell()
        try:
            file.write(data)
            file.flush()
        except OSError:
            os.truncate(path, before)
            raise
