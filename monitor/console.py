"""What all commands share: the common options, the log, progress bars, and ways to print."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.errors import UsageError
from monitor.logs import start_logging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.table import Table as Drawn

    from monitor.pipeline.parts import Progress
    from monitor.train.report import Table
    from monitor.wiring.parts import Clock, Places

log = logging.getLogger("monitor")
_WIDE = 400
_MAX_WORD = 36

_COMMON = (
    click.option("--feeds", type=click.Path(path_type=Path), envvar="MONITOR_FEEDS", help="Feeds file [default: feeds.yaml]."),
    click.option("--db", envvar="MONITOR_DB", default="sqlite:///monitor.db", show_default=True, help="URL of the store."),
    click.option(
        "--digests", type=click.Path(path_type=Path), envvar="MONITOR_DIGESTS", default=Path("digests"), show_default=True,
        help="Folder of the digests.",
    ),
    click.option(
        "--archive", type=click.Path(path_type=Path), envvar="MONITOR_ARCHIVE", default=Path("archive"), show_default=True,
        help="Folder of the documents as they were fetched.",
    ),
    click.option("--bundle", envvar="MONITOR_BUNDLE", help="Folder or id of a bundle [default: models/CURRENT]."),
    click.option(
        "--encoder/--no-encoder", "use_encoder", envvar="MONITOR_ENCODER", default=True, show_default=True,
        help="Let the sentence encoder read promising passages again, where the bundle has weights for it.",
    ),
    click.option("--now", metavar="ISO-8601", help="Pretend that this is the time, for replays and tests."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Log on stderr."),
    click.option("-v", "--verbose", count=True, help="Log more; twice for everything."),
    click.option("-q", "--quiet", is_flag=True, help="Log errors only, show no progress."),
)  # fmt: skip


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command has. They arrive as one `Options`."""

    def run(**given: Any) -> Any:
        names = ("feeds", "db", "digests", "archive", "bundle", "use_encoder", "now", "as_json", "log_format", "verbose", "quiet")
        options = Options(**{name: given.pop(name) for name in names})
        return command(options, **given)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(_COMMON):
        run = option(run)
    return run


def parse_day(_context: click.Context, _parameter: click.Parameter, raw: str | None) -> date | None:
    """A day given as an option, for click."""
    if raw is None:
        return None
    try:
        return date.fromisoformat(raw)
    except ValueError as error:
        raise click.BadParameter(f"{raw!r} is no day; write YYYY-MM-DD") from error


class Options:
    """The common options of one call."""

    def __init__(  # noqa: PLR0917
        self, feeds: Path | None, db: str, digests: Path, archive: Path, bundle: str | None, use_encoder: bool, now: str | None,
        as_json: bool, log_format: str, verbose: int, quiet: bool,
    ) -> None:  # fmt: skip
        self._feeds, self._db, self._digests, self._bundle, self._now = feeds, db, digests, bundle, now
        self._use_encoder, self._archive = use_encoder, archive
        self.as_json, self.quiet, self.verbose = as_json, quiet, verbose
        start_logging(log_format, verbose=verbose, quiet=quiet)

    @property
    def places(self) -> Places:
        """Where things are."""
        from monitor.wiring.parts import Places  # noqa: PLC0415

        return Places(self._feeds, self._db, self._digests, self._bundle, Path.cwd(), self._use_encoder, self._archive)

    @property
    def clock(self) -> Clock:
        """The time: the system's, or the one given with --now."""
        from monitor.wiring.parts import Clock  # noqa: PLC0415

        if self._now is None:
            return Clock(lambda: datetime.now(UTC), time.monotonic)
        fixed = _parse_now(self._now)
        return Clock(lambda: fixed, time.monotonic)

    @property
    def shows_progress(self) -> bool:
        """Whether somebody is looking."""
        return sys.stderr.isatty() and not self.quiet and not self.as_json


def _parse_now(raw: str) -> datetime:
    try:
        at = datetime.fromisoformat(raw)
    except ValueError as error:
        raise UsageError(f"--now {raw!r} is no ISO 8601 time; write 2026-11-23T07:00:00+02:00") from error
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


@contextmanager
def progress_bars(options: Options) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on a terminal, nothing elsewhere."""
    if not options.shows_progress:
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(progress: Progress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(progress.stage, total=progress.total)
            bars.update(tasks[progress.stage], completed=progress.done, total=progress.total)

        yield show


def print_json(value: Any) -> None:
    """A result for machines; times in ISO 8601."""
    print(json.dumps(value, ensure_ascii=False, indent=1, default=_jsonable))


def _jsonable(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def print_tables(tables: Sequence[Table]) -> None:
    """Tables with a heading each; numbers stand right. No cell is ever cut: a line too long for the terminal runs over."""
    from rich.console import Console  # noqa: PLC0415

    # Titles and ids come from outside: what looks like markup in them is text.
    console = Console(markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    for table in tables:
        drawn = _draw_table(table)
        console.print(drawn, width=max(console.width, console.measure(drawn).minimum), crop=False)


def _draw_table(table: Table) -> Drawn:
    from rich import box  # noqa: PLC0415
    from rich.table import Table as Drawn  # noqa: PLC0415

    drawn = Drawn(
        title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    for k, cells in enumerate(zip(table.head, *table.rows, strict=True)):
        longest_word = max(len(word) for cell in cells for word in (cell.split() or [""]))
        drawn.add_column(
            cells[0], justify="left" if k < table.names else "right", overflow="fold", min_width=min(_MAX_WORD, longest_word)
        )
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


def print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns under a heading; the last one is as wide as it likes."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head) - 1)]
    for row in [head, *rows]:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip())
