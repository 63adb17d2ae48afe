"""``monitor backfill`` and ``monitor rescore``: many articles at once, on all cores or on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from monitor.console import Options, common_options, log, print_json, progress_bars
from monitor.errors import EXIT_DONE, EXIT_PARTIAL

if TYPE_CHECKING:
    from monitor.engines import EngineName
    from monitor.reports import BackfillReport, ScoringReport

Command = TypeVar("Command", bound=Callable[..., Any])


def engine_options(command: Command) -> Command:
    """The options that say where the work is done."""
    for option in (
        click.option(
            "--jobs", type=int, default=-1, show_default="all cores", help="Processes, or workers of a cluster, to work with."
        ),
        click.option("--scheduler", metavar="ADDRESS", help="Of the Dask cluster, such as tcp://HOST:8786."),
        click.option(
            "--engine",
            type=click.Choice(["local", "dask"]),
            default="local",
            show_default=True,
            help="Processes here, or a cluster.",
        ),
    ):
        command = option(command)
    return command


limit_option = click.option(
    "--max-seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after the chunk in hand then; the next call goes on."
)


@click.command("backfill")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--feed", "feed_id", default="backfill", show_default=True, help="Whose voice rows are that name no feed_id.")
@click.option("--assess/--no-assess", default=True, show_default=True, help="Classify what is new, or only keep it.")
@engine_options
@limit_option
@common_options
def backfill_command(  # noqa: PLR0913 - its options
    options: Options,
    paths: tuple[Path, ...],
    feed_id: str,
    *,
    assess: bool,
    engine: EngineName,
    scheduler: str | None,
    jobs: int,
    max_seconds: float | None,
) -> int:
    """Articles from JSON Lines, CSV and WARC files into the store, and their assessments. Goes on where it was stopped."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring.backfill import Job, backfill  # noqa: PLC0415

    with progress_bars(options) as show:
        job = Job(options.places, options.clock, max_seconds=max_seconds, report_progress=show)
        report = backfill(job, paths, feed_id=feed_id, engine=engine, scheduler=scheduler, jobs=jobs, assesses=assess)
    if options.as_json:
        print_json(asdict(report))
    else:
        _print_backfill(report)
    rejected = sum(one.counts.rejected for one in report.files.values())
    for reject in report.rejects:
        log.error("%s", reject)
    if rejected:
        log.error("%d rows could not be read; each is named by the call that met it, the first %d of a call", rejected, 20)
    return EXIT_PARTIAL if rejected else EXIT_DONE


def _print_backfill(report: BackfillReport) -> None:
    for path, progress in report.files.items():
        counts = progress.counts
        sorted_out = (
            f"{counts.new} new, {counts.updated} updated, {counts.seen} seen, {counts.copies} copies, {counts.rejected} rejected"
        )
        state = "" if progress.is_finished else "; stopped, say it again to go on"
        print(f"{path}: {counts.rows} rows: {sorted_out}{state}")
    print(f"read in {report.read_seconds:.1f} s")
    if report.scoring is not None:
        _print_scoring(report.scoring)


@click.command("rescore")
@engine_options
@limit_option
@common_options
def rescore_command(options: Options, *, engine: EngineName, scheduler: str | None, jobs: int, max_seconds: float | None) -> int:
    """Assess everything in the store that the bundle in use has not seen, newest first. Goes on where it stopped."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring.backfill import Job, rescore  # noqa: PLC0415

    with progress_bars(options) as show:
        job = Job(options.places, options.clock, max_seconds=max_seconds, report_progress=show)
        report = rescore(job, engine=engine, scheduler=scheduler, jobs=jobs)
    if options.as_json:
        print_json(asdict(report))
    else:
        _print_scoring(report)
    return EXIT_DONE


def _print_scoring(report: ScoringReport) -> None:
    rate = report.assessed / report.seconds if report.seconds else 0.0
    where = f"{report.seconds:.1f} s on {report.jobs} workers ({report.engine})"
    print(f"assessed  {report.assessed}, {report.flagged} flagged; {report.pending} pending, {report.failed} failed")
    print(f"          {where}, {rate:.0f} articles a second, {report.bundle}")
