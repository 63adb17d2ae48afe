"""The ``monitor`` command: reads arguments, calls one function, prints. Heavy imports wait until a command needs them."""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from monitor import __version__
from monitor.backupcommands import backup, restore
from monitor.console import Options, common_options, log, parse_day, print_json, print_tables, progress_bars
from monitor.driftcommands import candidates, drift
from monitor.errors import EXIT_DONE, EXIT_PARTIAL, MonitorError, UsageError
from monitor.exportcommands import export
from monitor.feedcommands import feeds
from monitor.importcommands import import_group
from monitor.notifycommands import notify
from monitor.reviewcommands import review, users
from monitor.searchcommands import search

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from monitor.reports import (
        RunReport,
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="monitor")
def cli() -> None:
    """Finds known pro-Kremlin narratives in news feeds and writes a daily digest of what promotes them."""


@cli.command()
@click.option("--strict", is_flag=True, help="Exit with 3 if any feed failed, not only if all did.")
@click.option("--assess/--no-assess", default=True, show_default=True, help="Classify what is new, or only keep it.")
@common_options
def run(options: Options, *, strict: bool, assess: bool) -> int:
    """One scheduled pass: due feeds, articles, assessments, today's digest. Safe to repeat, to kill and to overlap."""
    from monitor.wiring import run_once  # noqa: PLC0415

    with progress_bars(options) as show:
        outcome = run_once(options.places, options.clock, run_id=_new_run_id(options), assess=assess, report_progress=show)
    report = outcome.report
    for error in report.errors:
        log.info("%s: %s: %s", error.feed_id or "store", error.kind, error.message)
    if options.as_json:
        print((outcome.folder / "run.json").read_text(encoding="utf-8"), end="")
    elif options.verbose or sys.stdout.isatty():
        _print_report(report, outcome.folder)
    return _exit_code(report, strict=strict)


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


def _exit_code(report: RunReport, *, strict: bool) -> int:
    feeds = report.feeds
    if feeds.due and feeds.failed == feeds.due:
        log.error("all %d feeds failed; see the digest, or `monitor feeds check`", feeds.due)
        return EXIT_PARTIAL
    if strict and feeds.failed:
        log.error("%d of %d feeds failed; see the digest, or `monitor feeds check`", feeds.failed, feeds.due)
        return EXIT_PARTIAL
    return EXIT_DONE


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), help="A folder that does not exist yet [default: monitor-demo/TIME].")
@common_options
def demo(options: Options, out: Path | None) -> int:
    """Serve sample feeds on loopback, run the real pipeline on them, and say where the digest is."""
    from monitor.wiring import run_once, serve_demo  # noqa: PLC0415

    folder = out or Path("monitor-demo") / f"{options.clock.read():%Y-%m-%dT%H%M%SZ}"
    with serve_demo(folder, options.clock, bundle=options.places.bundle) as places, progress_bars(options) as show:
        outcome = run_once(places, options.clock, run_id=_new_run_id(options), report_progress=show)
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
    from monitor.wiring import write_digest_again  # noqa: PLC0415

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
    from monitor.wiring import open_classifier  # noqa: PLC0415

    bad = classify_stream(open_classifier(options.places), sys.stdin.buffer, sys.stdout)
    if bad:
        log.error("%d lines could not be read; each has its error line in the output", bad)
    return EXIT_PARTIAL if bad else EXIT_DONE


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--picture", type=click.Path(path_type=Path), help="Draw precision and calibration into this .svg or .png file.")
@click.option(
    "--boot", type=click.IntRange(0, 10_000), default=200, show_default=True, help="Resamples for 95 % intervals; 0 gives none."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of the resamples.")
@common_options
def evaluate(options: Options, files: tuple[Path, ...], picture: Path | None, boot: int, seed: int | None) -> int:
    """Score the bundle on labelled JSON Lines."""
    from monitor.bundlewiring import evaluate_files  # noqa: PLC0415

    with progress_bars(options) as show:
        metrics = evaluate_files(options.places, files, resamples=boot, seed=seed, picture=picture, report_progress=show)
    if options.as_json:
        print_json(metrics)
    else:
        _print_metrics(metrics)
    return EXIT_DONE


@cli.command()
@click.option(
    "--corpus",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Labelled JSON Lines, or folders of them [default: models/corpus].",
)
@click.option("--out", type=click.Path(path_type=Path), help="Where the bundle's folder is made [default: models].")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of everything random in training.")
@click.option("--jobs", type=int, default=-1, show_default="all cores", help="Processes to train with.")
@click.option(
    "--decisions/--no-decisions", default=None, show_default="if there is a store", help="Learn from analysts' decisions too."
)
@click.option("--without", multiple=True, metavar="NAME", help="Leave out the decisions of this account; may be repeated.")
@common_options
def train(  # noqa: PLR0913 - its options
    options: Options,
    corpus: tuple[Path, ...],
    out: Path | None,
    seed: int | None,
    jobs: int,
    *,
    decisions: bool | None,
    without: tuple[str, ...],
) -> int:
    """Corpus and decisions in, a new bundle out: a folder with card, metrics and hashes. Same input and seed, same bytes."""
    from monitor.bundlewiring import train_new_bundle  # noqa: PLC0415

    say: Callable[[str], None] = (lambda what: click.echo(what, err=True)) if options.shows_progress else log.info
    folder, metrics = train_new_bundle(
        options.places, corpus, out, seed=seed, jobs=jobs, takes_decisions=decisions, without=without, report_progress=say
    )
    if options.as_json:
        print_json({"bundle": folder.name, "folder": str(folder), "held_out": metrics})
    else:
        _print_metrics(metrics)
        hint = f"monitor run --bundle {folder}" if out else f"monitor bundle use {folder.name}"
        print(f"\nbundle {folder}\nTo use it: {hint}")
    return EXIT_DONE


def _print_metrics(metrics: dict[str, Any]) -> None:
    from monitor.train.report import tabulate_metrics  # noqa: PLC0415

    print_tables(tabulate_metrics(metrics))
    if metrics["not_in_bundle"]:
        print(f"labels that the bundle does not know: {', '.join(metrics['not_in_bundle'])}")


@cli.command()
@click.argument("url_or_id")
@common_options
def explain(options: Options, url_or_id: str) -> int:
    """The whole way of one article: where from, revisions, scores, evidence, why it is (not) flagged."""
    from monitor.wiring import explain_article  # noqa: PLC0415

    text, values = explain_article(options.places, url_or_id)
    if options.as_json:
        print_json(values)
    else:
        print(text, end="")
    return EXIT_DONE


@cli.group()
def bundle() -> None:
    """Look at trained models and switch between them."""


@bundle.command("show")
@common_options
def bundle_show(options: Options) -> int:
    """Print the card of the bundle in use (or of --bundle)."""
    from monitor.bundle import resolve_bundle, verify_bundle  # noqa: PLC0415

    folder = resolve_bundle(options.places.bundle, options.places.models)
    files = verify_bundle(folder)
    if options.as_json:
        print_json({"bundle": folder.resolve().name, "folder": str(folder), **json.loads(files["bundle.json"])})
    else:
        print(f"{folder.resolve().name} ({folder})\n\n{files['CARD.md'].decode()}", end="")
    return EXIT_DONE


@bundle.command("verify")
@common_options
def bundle_verify(options: Options) -> int:
    """Check every byte of the bundle in use (or of --bundle)."""
    from monitor.bundle import resolve_bundle, verify_bundle  # noqa: PLC0415

    folder = resolve_bundle(options.places.bundle, options.places.models)
    files = verify_bundle(folder)
    if options.as_json:
        print_json({"bundle": folder.resolve().name, "files": sorted(files), "intact": True})
    else:
        print(f"{folder}: intact, {len(files)} files")
    return EXIT_DONE


@bundle.command("use")
@click.argument("bundle_id")
@click.option("--force", is_flag=True, help="Use it even where it is worse, or cannot be compared.")
@common_options
def bundle_use(options: Options, bundle_id: str, *, force: bool) -> int:
    """Make a bundle of the models folder the one in use, if it is intact and not worse than the one in use."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.bundlewiring import use_bundle  # noqa: PLC0415
    from monitor.train.report import tabulate_adoption  # noqa: PLC0415

    with progress_bars(options) as show:
        chosen, adoption = use_bundle(options.places, options.clock, bundle_id, force=force, report_progress=show)
    if options.as_json:
        print_json({"bundle": chosen, "adoption": asdict(adoption) if adoption else None})
    else:
        if adoption:
            print_tables(tabulate_adoption(adoption))
        print(f"{chosen} is in use; the next run assesses the store's articles with it")
    return EXIT_DONE


@bundle.command("compare")
@click.argument("a")
@click.argument("b")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--examples", type=click.IntRange(0, 1000), default=3, show_default=True, help="Texts named for each kind of change.")
@common_options
def bundle_compare(options: Options, a: str, b: str, files: tuple[Path, ...], examples: int) -> int:
    """What changes from bundle A to B: on JSON Lines, or without FILES on the current articles of the store (--db)."""
    from monitor.bundlewiring import compare_bundles  # noqa: PLC0415

    if files and click.get_current_context().get_parameter_source("db") is click.core.ParameterSource.COMMANDLINE:
        raise UsageError("FILES and --db exclude each other; give one of them")
    with progress_bars(options) as show:
        result = compare_bundles(options.places, a, b, files=files, examples=examples, report_progress=show)
    if options.as_json:
        print_json(result)
    else:
        _print_comparison(result)
    if result["failed"]:
        log.error("%d texts broke a model and were left out; please report it", result["failed"])
    return EXIT_PARTIAL if result["failed"] else EXIT_DONE


def _print_comparison(result: dict[str, Any]) -> None:
    from monitor.train.report import tabulate_comparison  # noqa: PLC0415

    flagged = result["flagged"]
    print(f"A {result['a']}\nB {result['b']}")
    print(f"{result['texts']} texts: {flagged['a']} flagged by A, {flagged['b']} by B; ", end="")
    print(f"{flagged['newly']} newly flagged, {flagged['no_longer']} no longer\n")
    print_tables(tabulate_comparison(result))


@cli.group()
def archive() -> None:
    """Look at the documents as they were fetched."""


@archive.command("verify")
@common_options
def archive_verify(options: Options) -> int:
    """Check every stored byte against the hash chain. Anything changed, missing or inserted is named."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring import verify_evidence  # noqa: PLC0415

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
    from monitor.wiring import read_evidence  # noqa: PLC0415

    record = read_evidence(options.places, sequence, body_only=body)
    if options.as_json:
        print_json({"sequence": sequence, "bytes": len(record), "record": record.decode("latin-1")})
    else:
        sys.stdout.buffer.write(record)
    return EXIT_DONE


@cli.command()
@common_options
def doctor(options: Options) -> int:
    """One page: configuration, store, bundle, feeds' health, clock, disk; what to do about each finding."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring import examine  # noqa: PLC0415

    findings = examine(options.places, options.clock)
    if options.as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            remedy = f"\n         → {finding.remedy}" if finding.remedy else ""
            print(f"{finding.level:8} {finding.subject}: {finding.state}{remedy}")
    return EXIT_PARTIAL if any(finding.level == "error" for finding in findings) else EXIT_DONE


cli.add_command(feeds)
cli.add_command(backup)
cli.add_command(restore)
cli.add_command(drift)
cli.add_command(candidates)
cli.add_command(export)
cli.add_command(import_group)
cli.add_command(notify)
cli.add_command(search)
cli.add_command(review)
cli.add_command(users)


def main() -> NoReturn:
    """Run the command line; every foreseen error ends in one clear message and its exit code."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = 2
    except click.Abort:
        code = 130
    except MonitorError as error:
        for line in str(error).splitlines():
            click.echo(f"monitor: {line}", err=True)
        code = error.exit_code
    except BrokenPipeError:
        # The reader has gone (as with `| head`): nothing more can be said, and nothing is wrong.
        sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: PTH123, SIM115
        code = EXIT_DONE
    sys.exit(code if isinstance(code, int) else EXIT_DONE)
