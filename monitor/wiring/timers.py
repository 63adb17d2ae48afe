"""The schedule of this installation: its program, its places, and where units go."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import StoreError, UsageError
from monitor.timers import Schedule
from monitor.wiring.parts import open_config

if TYPE_CHECKING:
    from monitor.wiring.parts import Places

_FILE_URL = "sqlite:///"


def make_schedule(places: Places, *, every_min: int, backups: Path, keep: int, metrics: Path | None) -> Schedule:
    """What is to be run, with absolute paths. Raises `ConfigError` where the feeds file has mistakes."""
    here = places.working_folder
    named = metrics or open_config(places).settings.metrics.textfile
    textfile = here / named if named else None
    database = find_database(places)
    common = _list_options(places, database)
    program = find_program()
    run = (*program, "run", *common, *(("--metrics", str(here / metrics)) if metrics else ()))
    backup = (*program, "backup", str(here / backups), "--keep", str(keep), *common) if database is not None else None
    written = [here, here / places.digests, here / places.archive]
    written += [database.parent] if database is not None else []
    written += [here / backups] if backup else []
    written += [textfile.parent] if textfile is not None else []
    return Schedule(here, run, backup, every_min, _drop_inner(written))


def find_unit_folder() -> Path:
    """Where the user's own units are."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "systemd" / "user"


def find_program() -> tuple[str, ...]:
    """How this installation is started, whatever the working folder and the path."""
    script = Path(sys.executable).with_name("monitor")
    return (str(script),) if os.access(script, os.X_OK) else (sys.executable, "-m", "monitor")


def find_database(places: Places) -> Path | None:
    """The file of an SQLite store; None for another. Raises `UsageError` for a store in memory."""
    from monitor.storage.backup import find_file  # noqa: PLC0415

    try:
        return places.working_folder / find_file(places.db_url)
    except StoreError as error:
        if places.db_url.startswith("sqlite"):
            raise UsageError(f"--db {places.db_url}: is no file, so that nothing would stay; write sqlite:///FILE") from error
        return None


def holds_password(places: Places) -> bool:
    """Whether the URL of the store holds a password, which must not stand in a unit or a crontab."""
    from monitor.storage.engine import display_url  # noqa: PLC0415

    return display_url(places.db_url) != places.db_url


def _list_options(places: Places, database: Path | None) -> tuple[str, ...]:
    here = places.working_folder
    feeds = here / places.feeds_file
    options = ["--feeds", str(feeds)] if places.feeds is not None or feeds.parent == here else []
    if database is not None:
        options += ["--db", f"{_FILE_URL}{database}"]
    elif not holds_password(places):
        options += ["--db", places.db_url]
    options += ["--digests", str(here / places.digests), "--archive", str(here / places.archive)]
    if places.bundle is not None:
        # An id stays an id; what is there is a path.
        path = here / places.bundle
        options += ["--bundle", str(path) if path.exists() else places.bundle]
    return (*options, *(() if places.use_encoder else ("--no-encoder",)))


def _drop_inner(folders: list[Path]) -> tuple[Path, ...]:
    """Each once, without those that lie in another of them."""
    unique = list(dict.fromkeys(folders))
    return tuple(one for one in unique if not any(other in one.parents for other in unique))
