"""Checks every byte of an archive against its chain."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from monitor.archive.chain import CHAIN, NOTHING_BEFORE, Link, iterate_lines, parse_link
from monitor.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.records import (
        ArchiveHead,
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written: which kind, where, and what it means."""

    kind: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, and what is wrong with it."""

    links: int
    records: int
    bytes: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record's bytes as they lie in the archive, checked, and the WARC text in it."""

    link: Link
    member: bytes
    warc: bytes


def verify_archive(
    folder: Path, *, expected_head: ArchiveHead | None = None, report_progress: Callable[[int], None] = lambda _: None
) -> Verification:
    """Look at every line and every byte. ``expected_head`` is where the chain ended when the store last heard of it.

    Memory does not grow with the archive. Raises `ArchiveError` where there is none, or it cannot be read.
    """
    if not folder.is_dir():
        raise ArchiveError(f"archive {folder}: there is none; `monitor run` makes it, or name another with --archive")
    checker = _Checker(folder, _find_pruned(folder), expected_head)
    for number, line in iterate_lines(folder):
        checker.check_line(number, line)
        report_progress(number)
    return checker.finish()


def read_record(folder: Path, sequence: int) -> StoredRecord:
    """One record, checked against the chain. Raises `ArchiveError` where it is not there or was changed."""
    for number, line in iterate_lines(folder):
        try:
            link = parse_link(line)
        except ValueError as error:
            raise ArchiveError(f"archive {folder / CHAIN}:{number}: was changed ({error}); see `monitor archive verify`") from error
        if sequence in {link.sequence, link.origin} and link.action == "record" and (folder / link.file).is_file():
            return load_record(folder, link)
    raise ArchiveError(f"archive {folder}: has no record {sequence}; `monitor explain` names those that it has of an article")


def load_record(folder: Path, link: Link) -> StoredRecord:
    """The record that a link is of. Raises `ArchiveError` where its bytes are others."""
    with (folder / link.file).open("rb") as file:
        file.seek(link.offset)
        member = file.read(link.length)
    if hashlib.sha256(member).hexdigest() != link.record_sha256:
        raise ArchiveError(f"archive {name_record(link)}: was changed; see `monitor archive verify`")
    return StoredRecord(link, member, zlib.decompress(member, zlib.MAX_WBITS | 16))


def name_record(link: Link) -> str:
    """Where a record lies, and what it is of."""
    what = f" ({link.url})" if link.url else ""
    return f"{link.file}, record {link.sequence} at byte {link.offset}{what}"


def _find_pruned(folder: Path) -> frozenset[str]:
    """Files that the chain says were dropped; lines that cannot be read are named later."""
    pruned: set[str] = set()
    for _, line in iterate_lines(folder):
        if b'"action":"prune"' in line:
            try:
                pruned.update(parse_link(line).files)
            except (ValueError, TypeError):
                continue
    return frozenset(pruned)


class _Checker:
    """Goes through chain and files side by side."""

    def __init__(self, folder: Path, pruned: frozenset[str], expected_head: ArchiveHead | None) -> None:
        self._folder = folder
        self._pruned = pruned
        self._expected = expected_head
        self._problems: list[Problem] = []
        self._previous = NOTHING_BEFORE
        self._sequence = 0
        self._met_expected = expected_head is None
        self._ends: dict[str, int] = {}
        self._records = self._bytes = self._links = 0

    def check_line(self, number: int, line: bytes) -> None:
        where = f"{CHAIN}:{number}"
        self._links += 1
        try:
            link = parse_link(line)
        except (ValueError, TypeError) as error:
            torn = "" if line.endswith(b"\n") else "; it has no end: a run that was ended may have left it, the next one heals that"
            self._add("changed_line", where, f"the line was changed ({error}){torn}")
            return
        if link.sequence != self._sequence + 1 or link.previous != self._previous:
            self._add(
                "broken_chain", where, f"does not follow record {self._sequence}: lines were removed, inserted or moved before it"
            )
        self._sequence, self._previous = link.sequence, link.hash
        if self._expected is not None and self._expected.sequence == link.sequence:
            self._met_expected = self._expected.hash == link.hash
        if link.action != "prune" and link.file not in self._pruned:
            self._check_record(link)

    def _check_record(self, link: Link) -> None:
        path = self._folder / link.file
        if not path.is_file():
            if link.file not in self._ends:
                self._add("missing_file", link.file, "the file is not there, and the chain does not say that it was dropped")
                self._ends[link.file] = -1
            return
        if link.offset != self._ends.get(link.file, 0):
            self._add("gap", name_record(link), f"begins at byte {link.offset}, but the record before it ends elsewhere")
        self._ends[link.file] = link.offset + link.length
        with path.open("rb") as file:
            file.seek(link.offset)
            found, length = _hash_bytes(file, link.length)
        self._records += link.action == "record"
        self._bytes += length
        if found != link.record_sha256:
            what = "is cut short" if length < link.length else "was changed"
            self._add("changed_record", name_record(link), what)

    def finish(self) -> Verification:
        """What there is to say once the chain was read."""
        for path in sorted(self._folder.glob("*.warc.gz")):
            end = self._ends.get(path.name)
            if path.name in self._pruned:
                self._add("not_dropped", path.name, "the chain says that it was dropped, but it is there; `monitor run` drops it")
            elif end is None:
                self._add(
                    "extra_file",
                    path.name,
                    "the chain does not know this file: it was put there, or a run was ended as it began it",
                )
            elif path.stat().st_size > end >= 0:
                extra = path.stat().st_size - end
                self._add(
                    "extra_bytes",
                    f"{path.name} at byte {end}",
                    f"{extra} bytes behind the last record: inserted, or left by a killed run; the next one sets them aside",
                )
        if not self._met_expected and self._expected is not None:
            self._add(
                "cut_chain",
                f"{CHAIN}, record {self._expected.sequence}",
                "the store remembers this end of the chain, and it is missing or another: the end was cut off or replaced",
            )
        return Verification(self._links, self._records, self._bytes, tuple(self._problems))

    def _add(self, kind: str, where: str, message: str) -> None:
        self._problems.append(Problem(kind, where, message))


def _hash_bytes(file: IO[bytes], length: int) -> tuple[str, int]:
    digest, left = hashlib.sha256(), length
    while left and (part := file.read(min(left, 1_048_576))):
        digest.update(part)
        left -= len(part)
    return digest.hexdigest(), length - left
