"""``monitor drift`` and ``monitor candidates``: what has changed in what comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.console import Options, common_options, parse_day, print_json, print_tables, progress_bars
from monitor.dayreports import SCORE_BOUNDS
from monitor.errors import EXIT_DONE
from monitor.text import clean_line

if TYPE_CHECKING:
    from datetime import date

    from monitor.dayreports import Drift, Period
    from monitor.train.report import Table


@click.command()
@click.option("--day", callback=parse_day, metavar="YYYY-MM-DD", help="The last day of the week looked at [default: today].")
@common_options
def drift(options: Options, day: date | None) -> int:
    """What changed in the last week against the four before: scores, new words, languages, narratives without flags."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring.drift import report_drift  # noqa: PLC0415

    with progress_bars(options) as show:
        found = report_drift(options.places, options.clock, day, report_progress=show)
    if options.as_json:
        print_json(asdict(found))
    else:
        _print_drift(found)
    return EXIT_DONE


@click.command()
@click.option("--day", callback=parse_day, metavar="YYYY-MM-DD", help="The last day of the week looked at [default: today].")
@common_options
def candidates(options: Options, day: date | None) -> int:
    """Stories of the last week that burst and fit no narrative, with words and examples: what a new narrative may be made of."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring.drift import find_new_stories  # noqa: PLC0415

    found = find_new_stories(options.places, options.clock, day)
    if options.as_json:
        print_json([asdict(one) for one in found])
    elif not found:
        print("no story burst that fits no narrative")
    else:
        for number, one in enumerate(found, 1):
            print(f"{number}. {', '.join(one.terms)}")
            print(f"   {one.stories} stories, {one.articles} articles, {one.outlets} outlets ({', '.join(one.languages)})")
            for example in one.examples:
                print(f"   - {clean_line(example.title)} ({clean_line(example.outlet)}; monitor explain {example.article_id})")
    return EXIT_DONE


def _print_drift(found: Drift) -> None:
    from monitor.stages.drift import MIN_ARTICLES  # noqa: PLC0415

    print(f"bundle {found.bundle}")
    for name, period in (("now", found.now), ("before", found.before)):
        print(f"{name:<7} {period.first} to {period.last}: {_describe(period)}")
    if found.is_comparable:
        print_tables(_tabulate(found))
    else:
        print(f"\nToo few articles to compare: each time needs {MIN_ARTICLES}.")
    silent = [f"{one.narrative} ({f'last {one.last}' if one.last else 'never seen'})" for one in found.silent]
    print(f"without a flag since {found.before.first}: {', '.join(silent) or 'none'}")


def _tabulate(found: Drift) -> list[Table]:
    from monitor.stages.drift import MIN_MOVED  # noqa: PLC0415
    from monitor.train.report import Table  # noqa: PLC0415

    scores = tuple(
        (one.narrative, "moved" if one.is_moved else "as before", f"{one.index:.2f}", _show_high(one.now), _show_high(one.before))
        for one in found.scores
    )
    terms = tuple(
        (one.term, "known" if one.is_known else "unknown", str(one.now), str(one.before), f"{one.z:.1f}") for one in found.terms
    )
    of_scores = ("narrative", f"verdict (moved from {MIN_MOVED} on)", "index", "≥ .5 now", "≥ .5 before")
    of_terms = ("word", "to the model", "articles now", "articles before", "z")
    return [
        Table("How scores are spread", of_scores, scores, names=2),
        Table("Words in more articles than before", of_terms, terms, names=2),
    ]


def _show_high(shares: tuple[float, ...]) -> str:
    """The share of articles with a score of at least a half."""
    return f"{sum(shares[1 + SCORE_BOUNDS.index(0.5) :]):.1%}"


def _describe(period: Period) -> str:
    languages = ", ".join(f"{name} {count}" for name, count in sorted(period.languages.items(), key=lambda one: -one[1]))
    unknown = "" if period.unknown_words is None else f"; {period.unknown_words:.1%} of words unknown to the model"
    return f"{period.assessed} articles{f' ({languages})' if languages else ''}{unknown}"
