"""``monitor store``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.console import Options, common_options, print_json, print_table, progress_bars
from monitor.errors import EXIT_DONE

if TYPE_CHECKING:
    from monitor.storage.transfer import Copied


@click.group()
def store() -> None:
    """Move a store to another place."""


@store.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@common_options
def copy(options: Options, source: str, target: str) -> int:
    """Copy the whole store at the URL FROM into the empty one at TO, SQLite or PostgreSQL, and compare both row for row.

    Whatever stops it, TO stays empty and FROM as it was. No run may go on meanwhile; --db is not read.
    """
    from monitor.wiring.store import copy_store  # noqa: PLC0415

    with progress_bars(options) as show:
        copied = copy_store(source, target, options.clock, report_progress=show)
    if options.as_json:
        _print_json(copied)
    else:
        print_table(("table", "rows"), [(name, f"{rows:,}") for name, rows in copied.rows.items()])
        steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in copied.seconds.items())
        print(f"\n{copied.target} holds all {sum(copied.rows.values()):,} rows of {copied.source}, each compared")
        print(f"{steps}; {copied.rows_per_s:,} rows/s in all")
    return EXIT_DONE


def _print_json(copied: Copied) -> None:
    seconds = {name: round(seconds, 3) for name, seconds in copied.seconds.items()}
    print_json(
        {"from": copied.source, "to": copied.target, "rows": copied.rows, "seconds": seconds, "rows_per_s": copied.rows_per_s}
    )
