"""``monitor export``: the flagged articles of some days in the formats of other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.console import Options, common_options, parse_day, print_json, progress_bars
from monitor.errors import EXIT_DONE, UsageError

if TYPE_CHECKING:
    from monitor.wiring.exports import Exported, Request

# The formats by name; `monitor.wiring.exports` says how each is written, and a test keeps both equal.
KINDS = ("csv", "xlsx", "jsonl", "stix", "misp", "atom", "jsonfeed", "label-studio")


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--day", callback=parse_day, metavar="YYYY-MM-DD", help="Which day [default: today].")
@click.option("--since", callback=parse_day, metavar="YYYY-MM-DD", help="All days from this one to --day.")
@click.option("--narrative", "narratives", multiple=True, metavar="ID", help="Only this narrative; may be given several times.")
@click.option("--all", "takes_all", is_flag=True, help="Also articles that are not flagged.")
@click.option("--out", type=click.Path(path_type=Path), help="Write into this file instead of stdout.")
@click.option("--config", "shows_config", is_flag=True, help="Print Label Studio's labelling configuration instead.")
@common_options
def export(options: Options, kind: str, out: Path | None, **chosen: Any) -> int:
    """Write a day's flagged articles in a format of other programs."""
    from monitor.wiring.exports import Request, make_labelling_config  # noqa: PLC0415

    if chosen["shows_config"]:
        if kind != "label-studio":
            raise UsageError(f"--config: {kind} has none; it goes with label-studio")
        print(make_labelling_config(options.places), end="")
        return EXIT_DONE
    narratives = tuple(dict.fromkeys(chosen["narratives"]))
    request = Request(kind, chosen["day"], chosen["since"], narratives, flagged_only=not chosen["takes_all"])
    exported = _write(options, request, out)
    if options.as_json:
        print_json({"kind": kind, "rows": exported.rows, "file": str(out), "sha256": exported.sha256})
    elif not options.quiet:
        click.echo(f"monitor: {exported.rows} rows of {exported.span} as {kind}{f' in {out}' if out else ''}", err=True)
    return EXIT_DONE


def _write(options: Options, request: Request, out: Path | None) -> Exported:
    from monitor.wiring.exports import KINDS as WRITERS  # noqa: PLC0415
    from monitor.wiring.exports import export_rows, export_to_file  # noqa: PLC0415

    if out is None and options.as_json:
        raise UsageError("--json tells of a file that was written; give --out FILE, or leave --json out")
    if out is None and WRITERS[request.kind].is_binary and sys.stdout.isatty():
        raise UsageError(f"{request.kind}: is no text for a terminal; give --out FILE, or send stdout into a file")
    with progress_bars(options) as show:
        if out is not None:
            return export_to_file(options.places, options.clock, request, out, show)
        exported = export_rows(options.places, options.clock, request, sys.stdout.buffer, show)
    sys.stdout.buffer.flush()
    return exported
