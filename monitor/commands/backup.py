"""``monitor backup`` and ``monitor restore``."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.console import Options, common_options, print_json, progress_bars
from monitor.errors import EXIT_DONE, UsageError


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--with-archive", is_flag=True, help="The documents as fetched, too.")
@click.option("--keep", type=click.IntRange(1), help="Delete all but so many of the backups in the folder.")
@common_options
def backup(options: Options, target: Path, *, with_archive: bool, keep: int | None) -> int:
    """Back up the store, the feeds file and the name of the bundle in use into TARGET: a new .tar.gz file, or a folder for it.

    A run may go on meanwhile.
    """
    from monitor.wiring.backup import make_backup  # noqa: PLC0415

    if keep and target.name.endswith(".tar.gz"):
        raise UsageError(f"--keep: {target} is a file; give a folder, in which each backup has its own name")
    with progress_bars(options) as show:
        done, deleted = make_backup(
            options.places, options.clock, target, with_archive=with_archive, keep=keep, report_progress=show
        )
    if options.as_json:
        said = {"path": str(done.path), "made_at": done.made_at, "members": done.members, "counts": done.counts}
        print_json(said | {"deleted": [str(path) for path in deleted]})
    else:
        print(f"{done.path}: {done.path.stat().st_size:,} bytes, {len(done.members)} files, read back whole")
        print(", ".join(f"{count:,} {name}" for name, count in done.counts.items()))
        for path in deleted:
            print(f"deleted {path}")
    return EXIT_DONE


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Put aside what is there; nothing is deleted.")
@common_options
def restore(options: Options, file: Path, *, force: bool) -> int:
    """Put a backup's store, feeds file and archive in their places, after checking every byte of it."""
    from monitor.wiring.backup import restore as restore_places  # noqa: PLC0415

    done, aside = restore_places(options.places, options.clock, file, force=force)
    if options.as_json:
        print_json({"path": str(done.path), "made_at": done.made_at, "counts": done.counts, "put_aside": [*map(str, aside)]})
    else:
        print(f"{file} of {done.made_at} is restored: {', '.join(f'{count:,} {name}' for name, count in done.counts.items())}")
        for path in aside:
            print(f"put aside {path}")
    return EXIT_DONE
