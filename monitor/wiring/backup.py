"""What `monitor backup` and `monitor restore` are made of."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from monitor.backup import Backup, Originals, name_backup, prune_backups, restore_backup, write_backup
from monitor.lock import hold_run_lock, lock_path
from monitor.storage.backup import find_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.pipeline.parts import Progress
    from monitor.wiring.parts import Clock, Places


def _find_originals(places: Places, *, with_archive: bool) -> Originals:
    return Originals(
        store=find_file(places.db_url),
        feeds=places.feeds_file,
        current=places.models / "CURRENT",
        archive=places.archive if with_archive else None,
    )


def make_backup(
    places: Places,
    clock: Clock,
    target: Path,
    *,
    with_archive: bool,
    keep: int | None,
    report_progress: Callable[[Progress], None] = lambda _: None,
) -> tuple[Backup, tuple[Path, ...]]:
    """Back up into a file, or a folder, where ``keep`` of them stay; gives the backup and what was deleted."""
    from monitor.archive.writer import keep_writers_out  # noqa: PLC0415
    from monitor.pipeline.parts import Progress  # noqa: PLC0415

    made_at = clock.read()
    is_file = target.name.endswith(".tar.gz")
    path = target if is_file else name_backup(target, made_at)
    with ExitStack() as stack:
        if with_archive:
            stack.enter_context(keep_writers_out(places.archive))
        done = write_backup(
            _find_originals(places, with_archive=with_archive),
            path,
            made_at=made_at,
            report_progress=lambda n, total: report_progress(Progress("backup", n, total)),
        )
    return done, prune_backups(target, keep) if keep and not is_file else ()


def restore(places: Places, clock: Clock, file: Path, *, force: bool) -> tuple[Backup, tuple[Path, ...]]:
    """Put a backup in the places in use; gives what it held, and what was put aside. No run may go on meanwhile."""
    at = clock.read()
    with hold_run_lock(lock_path(places.db_url), started_at=at):
        return restore_backup(file, _find_originals(places, with_archive=True), force=force, at=at)
