"""Lets old evidence go by whole files, but keeps what is still needed, and says so in the chain."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.archive.chain import (
    FileSummary,
    PrunedFile,
    RecordEntry,
    find_link,
    first_sequence,
    format_time,
    iterate_links,
    summarize_files,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from monitor.archive.chain import PruneReason
    from monitor.archive.writer import Archive

_WORTH_KEEPING = 0.5  # a file of copies of which less is needed is written anew


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went: ``records`` were in the ``files`` dropped, ``kept`` of them were copied; ``bytes_left`` is what is there now."""

    files: tuple[PrunedFile, ...]
    records: int
    kept: int
    bytes_before: int
    bytes_left: int


@dataclass(slots=True)
class _Needs:
    """What must not go: sequences of entries, and of originals (by their roots) that revisits refer to."""

    wanted: set[int] = field(default_factory=set)
    referred: set[int] = field(default_factory=set)

    def needs(self, entry: RecordEntry) -> bool:
        return entry.type != "warcinfo" and (entry.sequence in self.wanted or entry.root in self.referred)


def prune_archive(
    archive: Archive,
    *,
    now: datetime,
    max_age_days: float | None = None,
    max_bytes: int | None = None,
    is_kept: Callable[[str], bool] = lambda document_sha256: False,
) -> Pruned:
    """Drop the files whose newest document is older than ``max_age_days``, then the oldest until ``max_bytes`` hold the rest.

    ``is_kept`` is asked for the document hashes in these files: what it keeps is copied to a new file first, and so are the
    originals that a remaining revisit refers to. The newest file goes by age only. Raises `ArchiveError` where the archive
    cannot be read or written; it may then hold copies besides what they were copied from, which the next pruning evens out.
    """
    folder = archive.folder
    archive.sync()
    live = _live_files(folder)
    bytes_before = sum(file.bytes for file in live.values())
    dropped = _choose_files(live, now=now, max_age_days=max_age_days, max_bytes=max_bytes)
    needs = _find_needs(folder, live, dropped, is_kept)
    dropped |= _choose_copies(folder, live, needs)
    if not dropped:
        return Pruned((), 0, 0, bytes_before, bytes_before)
    copied = {entry.root for entry in _live_entries(folder, live) if entry.origin is not None and entry.file not in dropped}
    kept = archive.copy_records(_entries_to_copy(folder, live, dropped, needs, copied), copied_at=now)
    files = tuple(PrunedFile(**asdict(live[name]), reason=reason) for name, reason in dropped.items())
    archive.drop_files(files, kept=kept, dropped_at=now)
    bytes_left = sum(file.bytes for file in _live_files(folder).values())
    return Pruned(files, sum(file.records for file in files), kept, bytes_before, bytes_left)


def is_prunable(archive: Archive, *, now: datetime, max_age_days: float, max_bytes: int) -> bool:
    """Whether `prune_archive` may find something to drop: quick, as only the end of the oldest file is looked up in the chain.

    Raises `ArchiveError` where the chain cannot be read.
    """
    sizes = {path.name: path.stat().st_size for path in archive.folder.glob("*.warc.gz")}
    firsts = sorted((first, name) for name in sizes if (first := first_sequence(name)) is not None)
    oldest = next((place for place, (_, name) in enumerate(firsts) if not _is_of_copies(name)), None)
    if oldest is None or archive.head is None:
        return False
    if sum(sizes.values()) > max_bytes and any(not _is_of_copies(name) for _, name in firsts[oldest + 1 :]):
        return True
    end = firsts[oldest + 1][0] - 1 if oldest + 1 < len(firsts) else archive.head.sequence
    last = _find_record(archive.folder, end)
    too_old = format_time(now - timedelta(days=max_age_days))
    return last is None or last.file != firsts[oldest][1] or last.fetched_at < too_old


def _find_record(folder: Path, sequence: int) -> RecordEntry | None:
    """The last record up to ``sequence``."""
    while (link := find_link(folder, sequence)) is not None:
        if isinstance(link.entry, RecordEntry):
            return link.entry
        sequence -= 1
    return None


def _live_files(folder: Path) -> dict[str, FileSummary]:
    files, pruned = summarize_files(link.entry for link in iterate_links(folder))
    return {name: file for name, file in files.items() if name not in pruned and (folder / name).is_file()}


def _live_entries(folder: Path, live: dict[str, FileSummary]) -> Iterator[RecordEntry]:
    entries = (link.entry for link in iterate_links(folder))
    return (entry for entry in entries if isinstance(entry, RecordEntry) and entry.file in live)


def _is_of_copies(name: str) -> bool:
    return name.startswith("kept-")


def _choose_files(
    live: dict[str, FileSummary], *, now: datetime, max_age_days: float | None, max_bytes: int | None
) -> dict[str, PruneReason]:
    """The files of fetched records to drop, oldest first, and why."""
    fetched = [name for name in live if not _is_of_copies(name)]
    dropped: dict[str, PruneReason] = {}
    if max_age_days is not None:
        oldest = format_time(now - timedelta(days=max_age_days))
        dropped.update((name, "age") for name in fetched if live[name].newest < oldest)
    left = sum(file.bytes for name, file in live.items() if name not in dropped)
    for name in fetched[:-1]:
        if max_bytes is None or left <= max_bytes:
            break
        if name not in dropped:
            dropped[name] = "size"
            left -= live[name].bytes
    return dropped


def _find_needs(
    folder: Path, live: dict[str, FileSummary], dropped: dict[str, PruneReason], is_kept: Callable[[str], bool]
) -> _Needs:
    needs = _Needs()
    for entry in _live_entries(folder, live):
        is_leaving = entry.file in dropped or _is_of_copies(entry.file)
        is_wanted = is_leaving and entry.document_sha256 is not None and is_kept(entry.document_sha256)
        if is_wanted:
            needs.wanted.add(entry.sequence)
        # A revisit among the copies stays as long as its file: it needs its original whether it is wanted or not.
        if entry.refers_to is not None and (is_wanted or entry.file not in dropped):
            needs.referred.add(entry.refers_to)
    return needs


def _choose_copies(folder: Path, live: dict[str, FileSummary], needs: _Needs) -> dict[str, PruneReason]:
    """The files of copies that hold too little that is needed."""
    copies = {name: file for name, file in live.items() if _is_of_copies(name)}
    if not copies:
        return {}
    needed, held = dict.fromkeys(copies, 0), dict.fromkeys(copies, 0)
    for entry in _live_entries(folder, copies):
        if entry.type != "warcinfo":
            held[entry.file] += entry.length
            needed[entry.file] += entry.length * needs.needs(entry)
    return {name: "unneeded copies" for name in copies if needed[name] == 0 or needed[name] < held[name] * _WORTH_KEEPING}


def _entries_to_copy(
    folder: Path, live: dict[str, FileSummary], dropped: dict[str, PruneReason], needs: _Needs, copied: set[int]
) -> Iterator[RecordEntry]:
    for entry in _live_entries(folder, {name: live[name] for name in dropped}):
        if needs.needs(entry) and entry.root not in copied:
            copied.add(entry.root)
            yield entry
