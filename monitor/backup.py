"""Backups: one file with the store, the feeds file, which bundle is in use and, where asked for, the archive.

A backup is a gzipped tar file. Its first member, ``manifest.json``, lists every other one with its size and SHA-256. It is written
aside and renamed; a restore checks every byte before it touches anything, and keeps what was there.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor import __version__
from monitor.errors import StoreError, UsageError
from monitor.storage.backup import check_copy, copy_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

MANIFEST, STORE, FEEDS, CURRENT, ARCHIVE = "manifest.json", "store.db", "feeds.yaml", "CURRENT", "archive"
FORMAT = 1
PREFIX, SUFFIX = "monitor-", ".tar.gz"
MAX_MANIFEST_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Originals:
    """What is backed up, and where it goes back to; ``archive`` is None where it is left out."""

    store: Path
    feeds: Path
    current: Path
    archive: Path | None


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was written, or read: when it was made, its members' sizes, and the store's counts."""

    path: Path
    made_at: str
    members: dict[str, int]
    counts: dict[str, int]


def name_backup(folder: Path, made_at: datetime) -> Path:
    """The file of a backup in a folder."""
    return folder / f"{PREFIX}{made_at:%Y%m%dT%H%M%SZ}{SUFFIX}"


def write_backup(
    originals: Originals, path: Path, *, made_at: datetime, report_progress: Callable[[int, int], None] = lambda *_: None
) -> Backup:
    """Back everything up into a new file, and read it back. Others may use the store meanwhile.

    Raises `StoreError` where the store cannot be copied or the file not be written, `UsageError` where there is such a file.
    """
    if path.exists():
        raise UsageError(f"{path}: exists already; a backup is never overwritten, give another name")
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as folder:
            copy = Path(folder) / STORE
            counts = copy_store(originals.store, copy, report_progress)
            members = dict(_list_members(originals, copy))
            listed = {name: {"bytes": file.stat().st_size, "sha256": _hash_file(file)} for name, file in members.items()}
            manifest = {
                "format": FORMAT,
                "made_at": made_at.isoformat(timespec="seconds"),
                "made_by": f"narrative-monitor {__version__}",
                "counts": counts,
                "files": listed,
            }
            _pack(aside, manifest, members)
        found = read_backup(aside)
        aside.replace(path)
    except OSError as error:
        raise StoreError(
            f"backup {path}: cannot be written ({error.strerror or error}); make room, or give another folder"
        ) from error
    finally:
        aside.unlink(missing_ok=True)
    return Backup(path, found.made_at, found.members, found.counts)


def _list_members(originals: Originals, copy: Path) -> Iterator[tuple[str, Path]]:
    yield STORE, copy
    for name, path in ((FEEDS, originals.feeds), (CURRENT, originals.current)):
        if path.is_file():
            yield name, path
    if originals.archive is not None and originals.archive.is_dir():
        for path in sorted(one for one in originals.archive.rglob("*") if one.is_file() and not one.name.endswith(".lock")):
            yield f"{ARCHIVE}/{path.relative_to(originals.archive).as_posix()}", path


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pack(path: Path, manifest: dict[str, Any], members: dict[str, Path]) -> None:
    content = (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode()
    with path.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as tar:
            head = tarfile.TarInfo(MANIFEST)
            head.size = len(content)
            tar.addfile(head, io.BytesIO(content))
            for name, member in members.items():
                tar.add(member, arcname=name, recursive=False)
        file.flush()
        os.fsync(file.fileno())


def read_backup(path: Path) -> Backup:
    """What a backup holds, after checking every byte of it. Raises `StoreError` naming what is wrong."""
    with _unpack(path) as (_, backup):
        return backup


@contextmanager
def _unpack(path: Path, beside: Path | None = None) -> Iterator[tuple[Path, Backup]]:
    """A folder with the checked members of a backup, on the disk of ``beside``; it is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=beside or path.parent, prefix=".restore-") as name:
        folder = Path(name)
        try:
            with tarfile.open(path, mode="r:gz") as tar:
                manifest = _read_manifest(path, tar)
                for member in tar:
                    _unpack_member(path, tar, member, manifest["files"], folder)
        except (tarfile.TarError, EOFError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StoreError(f"backup {path}: cannot be read ({reason}); it is damaged or cut short, take another") from error
        if missing := [one for one in manifest["files"] if not (folder / one).is_file()]:
            raise StoreError(f"backup {path}: lacks {missing[0]}; it is damaged or cut short, take another")
        counts = check_copy(folder / STORE)
        sizes = {one: int(listed["bytes"]) for one, listed in manifest["files"].items()}
        yield folder, Backup(path, str(manifest["made_at"]), sizes, counts)


def _read_manifest(path: Path, tar: tarfile.TarFile) -> dict[str, Any]:
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > MAX_MANIFEST_BYTES:
        raise StoreError(f"backup {path}: does not begin with {MANIFEST}; it is no backup of `monitor backup`")
    content = tar.extractfile(first)
    try:
        manifest: dict[str, Any] = json.loads(content.read() if content else b"")
        is_ours = manifest["format"] == FORMAT and STORE in manifest["files"] and bool(manifest["made_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"backup {path}: its {MANIFEST} cannot be read ({error!r}); it is damaged, take another") from error
    if not is_ours:
        raise StoreError(f"backup {path}: is of format {manifest['format']}, this program reads {FORMAT}; update it")
    return manifest


def _unpack_member(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, listed: dict[str, Any], folder: Path) -> None:
    if member.name == MANIFEST:
        return
    if member.name not in listed or not member.isreg() or member.size != listed[member.name]["bytes"]:
        raise StoreError(f"backup {path}: {member.name[:80]!r} is not as its {MANIFEST} lists it; it is damaged, take another")
    tar.extract(member, folder, filter="data")
    if _hash_file(folder / member.name) != listed[member.name]["sha256"]:
        raise StoreError(f"backup {path}: {member.name} is not as it was written (its hash differs); take another")


def restore_backup(path: Path, originals: Originals, *, force: bool, at: datetime) -> tuple[Backup, tuple[Path, ...]]:
    """Put a backup's store, feeds file and archive (where it has one) in their places; gives what it held, and what was put aside.

    Raises `UsageError` where something is there already, unless ``force`` has it put aside, and `StoreError` for a damaged backup;
    then nothing was changed.
    """
    originals.store.parent.mkdir(parents=True, exist_ok=True)
    with _unpack(path, originals.store.parent) as (folder, backup):
        targets = {STORE: originals.store, FEEDS: originals.feeds}
        if originals.archive is not None and (folder / ARCHIVE).is_dir():
            targets[ARCHIVE] = originals.archive
        moves = [(folder / name, target) for name, target in targets.items() if (folder / name).exists()]
        # A feeds file that is just the same is in nobody's way.
        moves = [(new, target) for new, target in moves if not _are_equal(new, target)]
        there = [target for _, target in moves if target.exists()]
        if there and not force:
            raise UsageError(f"{there[0]}: exists already; --force puts it aside and restores the backup")
        aside = [_put_aside(target, at) for target in there]
        for new, target in moves:
            shutil.move(new, target)
    return backup, tuple(aside)


def _are_equal(new: Path, target: Path) -> bool:
    return new.is_file() and target.is_file() and new.name == FEEDS and new.read_bytes() == target.read_bytes()


def _put_aside(target: Path, at: datetime) -> Path:
    kept = target.with_name(f"{target.name}.before-{at:%Y%m%dT%H%M%SZ}")
    target.replace(kept)
    for suffix in ("-wal", "-shm"):
        beside = target.with_name(target.name + suffix)
        if beside.exists():
            beside.replace(kept.with_name(kept.name + suffix))
    return kept


def prune_backups(folder: Path, keep: int) -> tuple[Path, ...]:
    """Delete all but the newest ``keep`` backups of a folder; gives what was deleted."""
    found = sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))
    gone = found[:-keep] if keep else []
    for path in gone:
        path.unlink()
    return tuple(gone)
