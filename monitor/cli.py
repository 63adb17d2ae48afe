"""The ``monitor`` command: reads arguments, calls one function, prints. Heavy imports wait until a command needs them."""

from __future__ import annotations

import logging
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from monitor import __version__
from monitor.commands.archive import archive
from monitor.commands.backfill import backfill_command, rescore_command
from monitor.commands.backup import backup, restore
from monitor.commands.bundles import bundle, evaluate, train
from monitor.commands.drift import candidates, drift
from monitor.commands.exports import export
from monitor.commands.feeds import feeds
from monitor.commands.imports import import_group
from monitor.commands.notify import notify
from monitor.commands.review import review, users
from monitor.commands.search import search
from monitor.commands.store import store
from monitor.commands.timer import install_timer
from monitor.console import Options, common_options, log, parse_day, print_json, progress_bars
from monitor.errors import EXIT_DONE, EXIT_PARTIAL, EXIT_UNEXPECTED, NO_ROOM, MonitorError
from monitor.logs import report_error, stamp_run

if TYPE_CHECKING:
    from datetime import date

    from monitor.reports import RunReport


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="monitor")
def cli() -> None:
    """Finds known pro-Kremlin narratives in news feeds and writes a daily digest of what promotes them."""


@cli.command()
@click.option("--strict", is_flag=True, help="Exit with 3 if any feed failed, not only if all did.")
@click.option("--assess/--no-assess", default=True, show_default=True, help="Classify what is new, or only keep it.")
@click.option("--metrics", type=click.Path(path_type=Path), help="Write figures for Prometheus into this file (*.prom).")
@common_options
def run(options: Options, *, strict: bool, assess: bool, metrics: Path | None) -> int:
    """One scheduled pass: due feeds, articles, assessments, today's digest. Safe to repeat, to kill and to overlap."""
    from monitor.wiring.run import run_once  # noqa: PLC0415

    run_id = _new_run_id(options)
    stamp_run(run_id)
    with progress_bars(options) as show:
        outcome = run_once(
            options.places, options.clock, run_id=run_id, assess=assess, strict=strict, metrics=metrics, report_progress=show
        )
    report = outcome.report
    _log_errors(report)
    if options.as_json:
        print((outcome.folder / "run.json").read_text(encoding="utf-8"), end="")
    elif options.verbose or sys.stdout.isatty():
        _print_report(report, outcome.folder)
    if outcome.failure is not None:
        log.error("%s", outcome.failure)
    return EXIT_DONE if outcome.failure is None else EXIT_PARTIAL


def _log_errors(report: RunReport) -> None:
    for error in report.errors:
        level = logging.WARNING if error.kind == "clock" else logging.INFO
        log.log(level, "%s: %s: %s", error.feed_id or "store", error.kind, error.message, extra={"feed_id": error.feed_id})


def _new_run_id(options: Options) -> str:
    return f"{options.clock.read():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def _print_report(report: RunReport, folder: Path) -> None:
    feeds, entries = report.feeds, report.entries
    visited = f"{feeds.fetched} fetched, {feeds.not_modified} not modified, {feeds.failed} failed"
    sorted_out = f"{entries.new} new, {entries.updated} updated, {entries.seen} seen, {entries.rejected} rejected"
    print(f"feeds     {feeds.due} due: {visited}; {feeds.skipped} skipped")
    print(f"entries   {entries.parsed}: {sorted_out}")
    print(f"articles  {report.articles.stored} stored, {report.articles.duplicates} duplicates")
    pages = report.pages
    if pages.due:
        print(f"pages     {pages.due} due: {pages.fetched} fetched, {pages.failed} failed; {pages.revised} gave a fuller text")
    made = report.assessments
    print(f"assessed  {made.made}; {made.pending} pending, {made.failed} failed; {report.flagged} flagged")
    print(f"digest    {folder / 'digest.html'}")


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), help="A folder that does not exist yet [default: monitor-demo/TIME].")
@common_options
def demo(options: Options, out: Path | None) -> int:
    """Serve sample feeds on loopback, run the real pipeline on them, and say where the digest is."""
    from monitor.wiring.demo import serve_demo  # noqa: PLC0415
    from monitor.wiring.run import run_once  # noqa: PLC0415

    folder = out or Path("monitor-demo") / f"{options.clock.read():%Y-%m-%dT%H%M%SZ}"
    run_id = _new_run_id(options)
    stamp_run(run_id)
    with serve_demo(folder, options.clock, bundle=options.places.bundle) as places, progress_bars(options) as show:
        outcome = run_once(places, options.clock, run_id=run_id, report_progress=show)
    if options.as_json:
        print((outcome.folder / "run.json").read_text(encoding="utf-8"), end="")
        return EXIT_DONE
    _print_report(outcome.report, outcome.folder)
    print(f"\nOpen {outcome.folder.resolve() / 'digest.html'} in a browser.")
    print(f"To look at one article: monitor explain --db sqlite:///{folder / 'monitor.db'} ID")
    return EXIT_DONE


@cli.command()
@click.option("--day", callback=parse_day, metavar="YYYY-MM-DD", help="Which day [default: today].")
@click.option("--since", callback=parse_day, metavar="YYYY-MM-DD", help="One digest of all days from this one on.")
@common_options
def digest(options: Options, day: date | None, since: date | None) -> int:
    """Write a day's digest again from the store: same store and bundle, same bytes."""
    from monitor.wiring.articles import write_digest_again  # noqa: PLC0415

    folder = write_digest_again(options.places, options.clock, day, since=since)
    if options.as_json:
        print_json({"folder": str(folder), "files": sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))})
    else:
        print(folder / "digest.html")
    return EXIT_DONE


@cli.command()
@common_options
def classify(options: Options) -> int:
    """JSON Lines in on stdin, JSON Lines out on stdout; no store, no feeds."""
    from monitor.streams import classify_stream  # noqa: PLC0415
    from monitor.wiring.parts import open_classifier  # noqa: PLC0415

    bad = classify_stream(open_classifier(options.places), sys.stdin.buffer, sys.stdout)
    if bad:
        log.error("%d lines could not be read; each has its error line in the output", bad)
    return EXIT_PARTIAL if bad else EXIT_DONE


@cli.command()
@click.argument("url_or_id")
@common_options
def explain(options: Options, url_or_id: str) -> int:
    """The whole way of one article: where from, revisions, scores, evidence, why it is (not) flagged."""
    from monitor.wiring.articles import explain_article  # noqa: PLC0415

    text, values = explain_article(options.places, url_or_id)
    if options.as_json:
        print_json(values)
    else:
        print(text, end="")
    return EXIT_DONE


@cli.command()
@common_options
def doctor(options: Options) -> int:
    """One page: configuration, store, bundle, feeds' health, clock, disk; what to do about each finding."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring.articles import examine  # noqa: PLC0415

    findings = examine(options.places, options.clock)
    if options.as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            remedy = f"\n         → {finding.remedy}" if finding.remedy else ""
            print(f"{finding.level:8} {finding.subject}: {finding.state}{remedy}")
    return EXIT_PARTIAL if any(finding.level == "error" for finding in findings) else EXIT_DONE


cli.add_command(feeds)
cli.add_command(train)
cli.add_command(evaluate)
cli.add_command(bundle)
cli.add_command(archive)
cli.add_command(backfill_command)
cli.add_command(rescore_command)
cli.add_command(backup)
cli.add_command(restore)
cli.add_command(drift)
cli.add_command(candidates)
cli.add_command(export)
cli.add_command(import_group)
cli.add_command(notify)
cli.add_command(install_timer)
cli.add_command(search)
cli.add_command(store)
cli.add_command(review)
cli.add_command(users)


def main() -> NoReturn:
    """Run the command line; every foreseen error ends in one clear message and its exit code."""
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()  # what cannot be written is to be known here
    except click.ClickException as error:
        error.show()
        code = 2
    except click.Abort:
        code = 130
    except BrokenPipeError:
        # The reader has gone (as with `| head`): nothing more can be said, and nothing is wrong.
        _drop_output()
        code = EXIT_DONE
    except Exception as error:
        if not report_error(error) and not _tell(error):
            raise
        code = error.exit_code if isinstance(error, MonitorError) else EXIT_UNEXPECTED
    sys.exit(code if isinstance(code, int) else EXIT_DONE)


def _tell(error: Exception) -> bool:
    """Tell people of an error; False where nobody foresaw it, so that its traceback is needed."""
    if isinstance(error, MonitorError):
        for line in str(error).splitlines():
            click.echo(f"monitor: {line}", err=True)
        return True
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        _drop_output()
        where = error.filename or "the output"
        click.echo(f"monitor: {where}: cannot be written ({error.strerror}); free some disk space, then run it again", err=True)
        return True
    return False


def _drop_output() -> None:
    """Have Python not try again, at its end, to write what is still buffered."""
    sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: PTH123, SIM115
