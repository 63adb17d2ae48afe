"""Goes through the whole archive and names every byte's worth of change: in a record, in the chain, of a file, at the end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Literal

from monitor.archive.chain import (
    CHAIN_FILE,
    NO_HASH,
    FileSummary,
    Link,
    RecordEntry,
    decode_line,
    first_sequence,
    iterate_lines,
    summarize_files,
)
from monitor.archive.writer import LOCK_FILE, TORN_FOLDER
from monitor.errors import ArchiveError
from monitor.records import ArchiveHead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from monitor.archive.chain import Entry, PrunedFile

ProblemKind = Literal[
    "changed_record",
    "missing_record",
    "inserted_bytes",
    "unchained_bytes",
    "missing_file",
    "extra_file",
    "changed_line",
    "missing_lines",
    "misplaced_line",
    "broken_link",
    "torn_line",
    "truncated_chain",
    "rewritten_chain",
    "wrong_tombstone",
    "unfinished_prune",
]
MAX_PROBLEMS = 1_000
_BLOCK_BYTES = 1_000_000
_PROGRESS_BYTES = 8_000_000
_MAX_UNPLACED = 1_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it was written. ``where`` is file and byte or line."""

    kind: ProblemKind
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, and found. ``unlisted`` counts the problems beyond the first thousand. ``head`` is the chain's end."""

    records: int
    bytes: int
    pruned_records: int
    head: ArchiveHead
    problems: tuple[Problem, ...]
    unlisted: int = 0

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def describe(self) -> str:
        """The whole answer as text, a line for each problem."""
        checked = f"{self.records} records, {self.bytes} bytes"
        if self.pruned_records:
            checked += f" ({self.pruned_records} more were pruned)"
        if self.is_intact:
            return f"archive intact: {checked}, head {self.head.sequence} {self.head.hash}"
        lines = [f"archive NOT intact: {len(self.problems) + self.unlisted} problems in {checked}"]
        lines += [f"  {problem.where}: {problem.message} [{problem.kind}]" for problem in self.problems]
        if self.unlisted:
            lines.append(f"  and {self.unlisted} more")
        return "\n".join(lines)


@dataclass(slots=True)
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    unlisted: int = 0

    def add(self, kind: ProblemKind, where: str, message: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, where, message))
        else:
            self.unlisted += 1


@dataclass(slots=True)
class _Tally:
    """Counts what was checked, and tells how far it went."""

    total: int
    report: Callable[[int, int], None] | None
    records: int = 0
    bytes: int = 0
    pruned: int = 0
    _told: int = 0

    def add(self, size: int) -> None:
        self.records += 1
        self.bytes += size
        if self.report and self.bytes - self._told >= _PROGRESS_BYTES:
            self._told = self.bytes
            self.report(self.bytes, self.total)


def verify_archive(
    folder: Path, *, expected_head: ArchiveHead | None = None, report_progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Check every byte of an archive that no process is writing to, reading it once in a stream.

    ``expected_head`` is a head kept elsewhere: the chain must hold it, and may go on after it. ``report_progress`` is
    called with the bytes done and the bytes in all. Raises `ArchiveError` where the folder or a file cannot be read.
    """
    if not folder.is_dir():
        raise ArchiveError(f"archive {folder}: is no folder; give the folder of the archive")
    try:
        return _verify(folder, expected_head, report_progress)
    except OSError as error:
        place = error.filename or folder
        raise ArchiveError(
            f"archive {place}: cannot be read ({error.strerror or error}); make it readable for this user"
        ) from error


def _verify(folder: Path, expected_head: ArchiveHead | None, report_progress: Callable[[int, int], None] | None) -> Verification:
    findings = _Findings()
    # The chain is read twice: what a line says of a file depends on whether a later line says that the file was pruned.
    files, pruned = summarize_files(_readable_entries(folder))
    live = {name: file for name, file in files.items() if name not in pruned}
    tally = _Tally(sum(file.bytes for file in live.values()), report_progress)
    _check_tombstones(files, pruned, findings)
    records = _RecordWalk(folder, live, findings, tally)
    lines = _LineWalk(findings, expected_head)
    for link in lines.walk(folder):
        if isinstance(link.entry, RecordEntry):
            records.take(link.entry, follows=lines.is_unbroken)
    records.finish()
    lines.check_head()
    _check_names(folder, set(files), set(pruned), lines.head, findings)
    if report_progress:
        report_progress(tally.bytes, tally.total)
    return Verification(tally.records, tally.bytes, tally.pruned, lines.head, tuple(findings.problems), findings.unlisted)


def _readable_entries(folder: Path) -> Iterator[Entry]:
    for _, line in _open_lines(folder):
        try:
            yield decode_line(line).entry
        except ValueError:
            continue  # the second reading names it


def _open_lines(folder: Path) -> Iterator[tuple[int, bytes]]:
    """Each line with its offset; none where there is no chain."""
    path = folder / CHAIN_FILE
    if not path.exists():
        return
    with path.open("rb") as stream:
        offset = 0
        for line in iterate_lines(stream):
            yield offset, line
            offset += len(line)


class _LineWalk:
    """Follows the chain from line to line."""

    def __init__(self, findings: _Findings, expected_head: ArchiveHead | None) -> None:
        self._findings = findings
        self._expected_head = expected_head
        self._damaged = 0  # lines since the last good one
        self.head = ArchiveHead(0, NO_HASH)
        self.is_unbroken = True  # whether nothing lies between the last two good lines

    def walk(self, folder: Path) -> Iterator[Link]:
        """The links that stand where they should, and a finding for every other line."""
        for number, (offset, line) in enumerate(_open_lines(folder), start=1):
            where = f"{CHAIN_FILE} line {number} (byte {offset})"
            try:
                link = decode_line(line)
            except ValueError as error:
                self._damaged += 1
                self._findings.add("changed_line" if line.endswith(b"\n") else "torn_line", where, f"the line is damaged: {error}")
                continue
            if self._accept(link, where):
                yield link

    def _accept(self, link: Link, where: str) -> bool:
        sequence, expected = link.entry.sequence, self.head.sequence + 1
        if sequence < expected:
            self._findings.add(
                "misplaced_line", where, f"entry {sequence} stands after entry {self.head.sequence}: repeated, inserted or moved"
            )
            return False
        if sequence > expected + self._damaged:
            last = sequence - 1
            self._findings.add("missing_lines", where, f"entries {expected} to {last} before it are missing or damaged")
        elif sequence == expected and link.previous != self.head.hash:
            message = f"entry {sequence} does not hold the hash of the line before: one of both was put in place of another"
            self._findings.add("broken_link", where, message)
        self.is_unbroken = sequence == expected and not self._damaged
        self._damaged = 0
        self.head = ArchiveHead(sequence, link.hash)
        self._compare_head(where)
        return True

    def _compare_head(self, where: str) -> None:
        wanted = self._expected_head
        if wanted and wanted.sequence == self.head.sequence and wanted.hash != self.head.hash:
            self._findings.add(
                "rewritten_chain", where, f"entry {wanted.sequence} has not the hash {wanted.hash} that was kept elsewhere"
            )

    def check_head(self) -> None:
        """After the last line: does the chain reach as far as it did."""
        wanted = self._expected_head
        if wanted and wanted.sequence > self.head.sequence:
            message = f"the chain ends with entry {self.head.sequence}, but reached entry {wanted.sequence}: its end was cut off"
            self._findings.add("truncated_chain", CHAIN_FILE, message)


class _RecordWalk:
    """Follows the records from file to file."""

    def __init__(self, folder: Path, files: dict[str, FileSummary], findings: _Findings, tally: _Tally) -> None:
        self._folder = folder
        self._files = files
        self._findings = findings
        self._tally = tally
        self._name: str | None = None
        self._check: _FileCheck | None = None

    def take(self, entry: RecordEntry, *, follows: bool) -> None:
        """Check the record of an entry. ``follows``: the entry stands right after the one before."""
        if entry.file not in self._files:
            self._tally.pruned += 1
            return
        if entry.file != self._name:
            self._change_file(entry.file)
        if self._check:
            self._tally.add(self._check.take(entry, follows=follows))

    def _change_file(self, name: str) -> None:
        self.finish()
        self._name = name
        file = self._files[name]
        path = self._folder / name
        if path.is_file():
            self._check = _FileCheck(path.open("rb"), file, self._findings)
        else:
            self._findings.add("missing_file", name, f"the file is missing, with the records {file.first} to {file.last}")

    def finish(self) -> None:
        """End the file begun."""
        if self._check:
            self._check.finish()
            self._check = None


class _FileCheck:
    """Compares one file with its entries, in order; after bytes went or came it finds its way again."""

    def __init__(self, stream: BinaryIO, file: FileSummary, findings: _Findings) -> None:
        self._stream = stream
        self._file = file
        self._findings = findings
        self._size = stream.seek(0, 2)
        self._surplus = self._size - file.bytes
        self._shift = 0  # how many bytes came (went, if negative) before the record in hand
        self._position = 0  # where the next record should begin by the chain
        self._unplaced: list[RecordEntry] = []

    def take(self, entry: RecordEntry, *, follows: bool) -> int:
        """The bytes of the record, checked."""
        if entry.offset != self._position and (follows or entry.offset < self._position):
            message = f"record {entry.sequence} does not begin where the record before ends (byte {self._position})"
            self._findings.add("unchained_bytes", f"{entry.file} byte {entry.offset}", message)
        self._position = entry.end
        if self._is_at(entry, self._shift):
            self._settle("changed_record")
        elif self._surplus != self._shift and self._is_at(entry, self._surplus):
            self._move(entry)
        else:
            self._unplaced.append(entry)
            if len(self._unplaced) > _MAX_UNPLACED:
                self._settle("changed_record")
        return entry.length

    def _is_at(self, entry: RecordEntry, shift: int) -> bool:
        start, left = entry.offset + shift, entry.length
        if start < 0 or start + left > self._size:
            return False
        self._stream.seek(start)
        hasher = hashlib.sha256()
        while block := self._stream.read(min(left, _BLOCK_BYTES)):
            hasher.update(block)
            left -= len(block)
        return hasher.hexdigest() == entry.record_sha256

    def _move(self, entry: RecordEntry) -> None:
        """The record lies where it must after bytes were taken out, or put in, before it."""
        moved = self._surplus - self._shift
        if moved > 0:
            start = (self._unplaced[0] if self._unplaced else entry).offset + self._shift
            message = f"{moved} bytes were inserted at or after this place, before record {entry.sequence}"
            self._findings.add("inserted_bytes", f"{self._file.file} byte {start}", message)
            self._settle("changed_record")
        else:
            self._settle("missing_record")
        self._shift = self._surplus

    def _settle(self, kind: Literal["changed_record", "missing_record"]) -> None:
        """Name the records that were found nowhere."""
        for entry in self._unplaced:
            start = entry.offset + self._shift
            is_missing = kind == "missing_record" or start + entry.length > self._size
            what = "is missing or cut" if is_missing else "was changed"
            self._findings.add(
                "missing_record" if is_missing else kind,
                f"{entry.file} byte {entry.offset}",
                f"record {entry.sequence} ({entry.length} bytes, {entry.url or entry.type}) {what}",
            )
        self._unplaced.clear()

    def finish(self) -> None:
        """End of the file: what is left over."""
        self._settle("changed_record")
        behind = self._size - self._file.bytes - self._shift
        if behind > 0:
            where = f"{self._file.file} byte {self._file.bytes + self._shift}"
            self._findings.add("unchained_bytes", where, f"{behind} bytes at the end belong to no entry of the chain")
        self._stream.close()


def _check_tombstones(files: dict[str, FileSummary], pruned: dict[str, PrunedFile], findings: _Findings) -> None:
    for name, stone in pruned.items():
        file = files.get(name)
        said = (stone.first, stone.last, stone.records, stone.bytes)
        if file is None or said != (file.first, file.last, file.records, file.bytes):
            findings.add("wrong_tombstone", name, "what the chain says of pruning this file is not what it says of its records")


def _check_names(folder: Path, files: set[str], pruned: set[str], head: ArchiveHead, findings: _Findings) -> None:
    for path in sorted(folder.iterdir()):
        if path.name in {CHAIN_FILE, LOCK_FILE, TORN_FOLDER}:
            continue
        if path.name in pruned:
            findings.add("unfinished_prune", path.name, "the file was pruned but not deleted; opening the archive deletes it")
        elif path.name not in files:
            is_begun = (first := first_sequence(path.name)) is not None and first > head.sequence
            why = "an interrupted run left it; opening the archive moves it aside" if is_begun else "it was put there"
            findings.add("extra_file", path.name, f"no entry of the chain names this file: {why}")
