"""Drops old documents, and keeps those that are evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from monitor.archive.chain import Link, iterate_lines, parse_link
from monitor.archive.verify import load_record
from monitor.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.archive.writer import Archive

KEPT = "kept-"


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was dropped, and how many records were kept of it."""

    files: tuple[str, ...]
    kept_records: int


def find_prunable(folder: Path, *, now: datetime, max_age_days: int, max_bytes: int) -> tuple[str, ...]:
    """Files to drop, oldest first: older than the age, or the oldest while all together are too large. Never the newest one.

    Files of kept evidence are left alone.
    """
    files = sorted(path for path in folder.glob("*.warc.gz") if not path.name.startswith(KEPT))[:-1]
    oldest_kept = (now.astimezone(UTC) - timedelta(days=max_age_days)).date()
    total = sum(path.stat().st_size for path in folder.glob("*.warc.gz"))
    chosen = []
    for path in files:
        if total > max_bytes or date.fromisoformat(path.name[:10]) < oldest_kept:
            chosen.append(path.name)
            total -= path.stat().st_size
    return tuple(chosen)


def prune_archive(archive: Archive, files: tuple[str, ...], *, now: datetime, is_kept: Callable[[str], bool]) -> Pruned:
    """Drop files; their records whose document ``is_kept`` (by its SHA-256) are copied and bound into the chain again first.

    Killed in the middle, nothing is lost: files go last, after the chain says so, and the next run drops what remained.
    """
    at = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    kept = 0
    for link in _list_records(archive.folder, frozenset(files)):
        if is_kept(link.document_sha256):
            stored = load_record(archive.folder, link)
            origin = link.sequence if link.origin is None else link.origin
            archive.append_record(
                stored.member, at=at, url=link.url, document_sha256=link.document_sha256, origin=origin, prefix=KEPT
            )
            kept += 1
    archive.add_prune(files, f"retention; {kept} records kept", at=at)
    archive.sync()
    drop_files(archive.folder, files)
    return Pruned(files, kept)


def drop_files(folder: Path, files: tuple[str, ...]) -> None:
    """Delete files. Raises `ArchiveError` where that is not possible."""
    for name in files:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise ArchiveError(
                f"archive {folder / name}: cannot be deleted ({error.strerror}); make the folder writable"
            ) from error


def _list_records(folder: Path, files: frozenset[str]) -> list[Link]:
    """The records of some files, in their order."""
    found = []
    for number, line in iterate_lines(folder):
        if not any(name.encode() in line for name in files):
            continue
        try:
            link = parse_link(line)
        except ValueError as error:
            raise ArchiveError(
                f"archive: line {number} of its chain was changed ({error}); see `monitor archive verify`"
            ) from error
        if link.action == "record" and link.file in files:
            found.append(link)
    return found
