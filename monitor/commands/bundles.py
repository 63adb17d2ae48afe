"""``monitor train``, ``evaluate`` and ``bundle …``: models made, measured and switched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.commands.backfill import engine_options
from monitor.console import Options, common_options, log, print_json, print_tables, progress_bars
from monitor.errors import EXIT_DONE, EXIT_PARTIAL, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.engines import EngineName


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--picture", type=click.Path(path_type=Path), help="Draw precision and calibration into this .svg or .png file.")
@click.option(
    "--boot", type=click.IntRange(0, 10_000), default=200, show_default=True, help="Resamples for 95 % intervals; 0 gives none."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of the resamples.")
@common_options
def evaluate(options: Options, files: tuple[Path, ...], picture: Path | None, boot: int, seed: int | None) -> int:
    """Score the bundle on labelled JSON Lines."""
    from monitor.wiring.bundles import evaluate_files  # noqa: PLC0415

    with progress_bars(options) as show:
        metrics = evaluate_files(options.places, files, resamples=boot, seed=seed, picture=picture, report_progress=show)
    if options.as_json:
        print_json(metrics)
    else:
        _print_metrics(metrics)
    return EXIT_DONE


@click.command()
@click.option(
    "--corpus",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Labelled JSON Lines, or folders of them [default: models/corpus].",
)
@click.option("--out", type=click.Path(path_type=Path), help="Where the bundle's folder is made [default: models].")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of everything random in training.")
@engine_options
@click.option(
    "--decisions/--no-decisions", default=None, show_default="if there is a store", help="Learn from analysts' decisions too."
)
@click.option("--without", multiple=True, metavar="NAME", help="Leave out the decisions of this account; may be repeated.")
@common_options
def train(  # noqa: PLR0913, PLR0917 - its options
    options: Options,
    corpus: tuple[Path, ...],
    out: Path | None,
    seed: int | None,
    jobs: int,
    engine: EngineName,
    scheduler: str | None,
    *,
    decisions: bool | None,
    without: tuple[str, ...],
) -> int:
    """Corpus and decisions in, a new bundle out: a folder with card, metrics and hashes. Same input and seed, same bytes."""
    from monitor.engines import open_engine  # noqa: PLC0415
    from monitor.wiring.bundles import train_new_bundle  # noqa: PLC0415

    say: Callable[[str], None] = (lambda what: click.echo(what, err=True)) if options.shows_progress else log.info
    with open_engine(engine, scheduler=scheduler, jobs=jobs) as chosen:
        folder, metrics = train_new_bundle(
            options.places,
            corpus,
            out,
            seed=seed,
            jobs=jobs if engine == "local" else chosen.jobs,
            takes_decisions=decisions,
            without=without,
            report_progress=say,
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


@click.group()
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

    from monitor.train.report import tabulate_adoption  # noqa: PLC0415
    from monitor.wiring.bundles import use_bundle  # noqa: PLC0415

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
    from monitor.wiring.bundles import compare_bundles  # noqa: PLC0415

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
