"""``monitor archive …``: the documents as they were fetched."""

from __future__ import annotations

import sys

import click

from monitor.console import Options, common_options, print_json, progress_bars
from monitor.errors import EXIT_DONE, EXIT_PARTIAL


@click.group()
def archive() -> None:
    """Look at the documents as they were fetched."""


@archive.command("verify")
@common_options
def archive_verify(options: Options) -> int:
    """Check every stored byte against the hash chain. Anything changed, missing or inserted is named."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring.articles import verify_evidence  # noqa: PLC0415

    with progress_bars(options) as show:
        found = verify_evidence(options.places, show)
    if options.as_json:
        print_json(asdict(found) | {"intact": not found.problems})
    else:
        for problem in found.problems:
            print(f"{problem.kind}: {problem.where}: {problem.message}")
        state = f"{len(found.problems) + found.unlisted} problems" if found.problems else "intact"
        print(f"{options.places.archive}: {state}; {found.records} records, {found.bytes} bytes")
        print(f"head {found.head.sequence} {found.head.hash}")
    return EXIT_PARTIAL if found.problems else EXIT_DONE


@archive.command("show")
@click.argument("sequence", type=int)
@click.option("--body", is_flag=True, help="The document alone, decompressed.")
@common_options
def archive_show(options: Options, sequence: int, *, body: bool) -> int:
    """Write one record to stdout as it was stored (`monitor explain` names them), after checking it."""
    from monitor.wiring.articles import read_evidence  # noqa: PLC0415

    record = read_evidence(options.places, sequence, body_only=body)
    if options.as_json:
        print_json({"sequence": sequence, "bytes": len(record), "record": record.decode("latin-1")})
    else:
        sys.stdout.buffer.write(record)
    return EXIT_DONE
