"""What `monitor search` is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.errors import UsageError
from monitor.stages.searchquery import parse_query
from monitor.storage.days import day_bounds
from monitor.wiring.parts import Places, open_codebook, open_config, open_store, read_answers

if TYPE_CHECKING:
    from datetime import date

    from monitor.reports import SearchFilters, SearchPage
    from monitor.stages.searchquery import Term


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search, with what was searched for."""

    terms: tuple[Term, ...]
    page: SearchPage


def search_store(  # noqa: PLR0913 - what the command takes
    places: Places,
    query: str,
    filters: SearchFilters,
    *,
    since: date | None,
    until: date | None,
    limit: int,
    after: str | None,
    by_rank: bool,
) -> Found:
    """Search the store's texts. ``since`` and ``until`` are days, both included, in the digest's time zone.

    Raises `UsageError` for a query that cannot be read, and where there is neither a query nor a filter.
    """
    config, codebook = open_config(places), open_codebook(places)
    zone = config.settings.timezone
    chosen = replace(
        filters,
        since=day_bounds(since, zone)[0] if since else None,
        until=day_bounds(until, zone)[1] if until else None,
    )
    terms = parse_query(query)
    if not terms and chosen == type(chosen)():
        raise UsageError("nothing to search for; give words, or a filter such as --narrative or --since")
    if unknown := [name for name in chosen.narratives if name not in codebook.ids]:
        raise UsageError(f"--narrative {', '.join(unknown)}: not in {places.models / 'codebook.yaml'}; its ids stand there")
    if since and until and since > until:
        raise UsageError(f"--since {since}: lies after --until {until}; give an earlier day")
    with open_store(places, must_exist=True) as store:
        store.index_text()  # what runs that only collect left for later
        page = store.search(terms, chosen, bundle=read_answers(places)[0], limit=limit, after=after, by_rank=by_rank)
    return Found(terms, page)
