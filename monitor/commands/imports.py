"""``monitor import …``: decisions that were made elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.console import Options, common_options, log, print_json, progress_bars
from monitor.errors import EXIT_DONE, EXIT_PARTIAL


@click.group("import")
def import_group() -> None:
    """Take decisions that were made elsewhere."""


@import_group.command("label-studio")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--as", "authors", multiple=True, metavar="[WHO=]NAME", help="Whose account the answers (of WHO there) belong to.")
@common_options
def import_labelstudio(options: Options, file: Path, authors: tuple[str, ...]) -> int:
    """Take what was annotated in Label Studio on tasks of `monitor export label-studio`. The same file twice adds nothing."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring.review import import_annotations  # noqa: PLC0415

    with progress_bars(options) as show:
        done = import_annotations(options.places, file, authors, report_progress=show)
    if options.as_json:
        print_json(asdict(done))
    else:
        counts = done.counts
        print(f"{done.tasks} tasks: {counts['decided']} annotations decided, {counts['known']} known already, ", end="")
        print(f"{counts['unanswered']} tasks not annotated")
    for problem in done.problems:
        log.error("%s: %s", file, problem)
    return EXIT_PARTIAL if done.problems else EXIT_DONE
