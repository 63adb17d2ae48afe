"""``monitor search``: find stored articles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from monitor.console import Options, common_options, parse_day, print_json
from monitor.errors import EXIT_DONE
from monitor.text import show_controls

if TYPE_CHECKING:
    from monitor.reports import SearchHit
    from monitor.stages.searchquery import Snippet
    from monitor.wiring.search import Found

DECISIONS = ("confirmed", "rejected", "unsure", "none")


@click.command()
@click.argument("query", default="")
@click.option("--narrative", "narratives", multiple=True, metavar="ID", help="Carries it at its threshold; may be repeated.")
@click.option("--stance", type=click.Choice(("promotes", "reports", "refutes")), help="Towards a narrative that it carries.")
@click.option("--outlet", "outlets", multiple=True, metavar="NAME", help="Only of this outlet; may be repeated.")
@click.option("--feed", "feed_ids", multiple=True, metavar="ID", help="Only of this feed; may be repeated.")
@click.option("--language", "languages", multiple=True, metavar="CODE", help="Only in this language; may be repeated.")
@click.option("--since", callback=parse_day, metavar="YYYY-MM-DD", help="Fetched on this day or later.")
@click.option("--until", callback=parse_day, metavar="YYYY-MM-DD", help="Fetched on this day or earlier.")
@click.option("--flagged/--not-flagged", default=None, help="Only what is, or is not, flagged.")
@click.option("--decision", type=click.Choice(DECISIONS), help="What analysts decided.")
@click.option("--sort", type=click.Choice(("date", "rank")), default="date", show_default=True, help="Newest, or best, first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Articles on a page.")
@click.option("--after", metavar="CURSOR", help="The next page: what the page before ends with.")
@common_options
def search(options: Options, query: str, **chosen: Any) -> int:
    """Find stored articles: words that must occur, "a phrase", begin*, -without. Every text that an article had is searched."""
    from monitor.reports import SearchFilters  # noqa: PLC0415
    from monitor.wiring.search import search_store  # noqa: PLC0415

    names = ("narratives", "stance", "outlets", "languages", "flagged", "decision")
    filters = SearchFilters(feeds=chosen["feed_ids"], **{name: chosen[name] for name in names})
    found = search_store(
        options.places,
        query,
        filters,
        since=chosen["since"],
        until=chosen["until"],
        limit=chosen["limit"],
        after=chosen["after"],
        by_rank=chosen["sort"] == "rank",
    )
    if options.as_json:
        print_json(_make_answer(found))
    else:
        _print_hits(found)
    return EXIT_DONE


def _make_answer(found: Found) -> dict[str, Any]:
    page = found.page
    return {"total": page.total, "is_more": page.is_more, "next": page.next, "rows": [_make_row(hit, found) for hit in page.hits]}


def _make_row(hit: SearchHit, found: Found) -> dict[str, Any]:
    snippet = _snip(hit, found)
    return {
        "article_id": hit.article_id,
        "revision": hit.revision,
        "url": hit.url,
        "title": hit.title,
        "outlet": hit.outlet,
        "feed_id": hit.feed_id,
        "language": hit.language,
        "fetched_at": hit.fetched_at.isoformat(),
        "flagged": hit.flagged,
        "narratives": [{"id": score.id, "score": score.score, "stance": score.stance} for score in hit.narratives],
        "snippet": {"text": snippet.text, "marks": [list(mark) for mark in snippet.marks]},
    }


def _snip(hit: SearchHit, found: Found) -> Snippet:
    from monitor.stages.searchquery import make_snippet  # noqa: PLC0415

    return make_snippet((hit.text, hit.summary, hit.title), found.terms)


def _print_hits(found: Found) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    page, console = found.page, Console(highlight=False, soft_wrap=True)
    for hit in page.hits:
        console.print(Text(show_controls(hit.title) or "(no title)", style="bold"))
        carried = ", ".join(f"{score.id} {score.score:.2f} {score.stance}" for score in hit.narratives)
        facts = [f"{hit.fetched_at:%Y-%m-%d %H:%M}", hit.outlet, hit.language or "", "FLAGGED" if hit.flagged else "", carried]
        console.print(escape("  " + "  ".join(show_controls(fact) for fact in facts if fact)))
        snippet = _snip(hit, found)
        shown = Text("  " + show_controls(snippet.text))
        for start, end in snippet.marks:
            shown.stylize("bold reverse", start + 2, end + 2)
        console.print(shown)
        console.print(escape(f"  {show_controls(hit.url or 'no link')}  monitor explain {hit.article_id}"))
        console.print()
    count = f"more than {page.total}" if page.is_more else str(page.total)
    console.print(f"{count} {'article' if page.total == 1 and not page.is_more else 'articles'}; {len(page.hits)} shown")
    if page.next:
        console.print(f"more: the same with --after {page.next}")
