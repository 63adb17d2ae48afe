"""The queue, the search, and the trail of decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.decisions import ORDERS, Filters
from monitor.errors import UsageError
from monitor.review.links import read_after, read_number, read_view, write_after
from monitor.stages.searchquery import parse_query

if TYPE_CHECKING:
    from starlette.responses import Response

    from monitor.review.calls import Call

PAGE_ROWS = 25
SEARCH_ROWS = 50
MAX_QUERY_CHARS = 200
LANGUAGES_OF_TEXTS = ("uk", "ru", "en")


def show_queue(call: Call) -> Response:
    """A page of the queue, by order and filters."""
    view = read_view(call.query)
    account_id = call.user.account.id
    after = read_after(call.query.get("after", ""))
    rows = call.parts.store.load_page(view.order, view.filters, account_id=account_id, after=after, limit=PAGE_ROWS + 1)
    last = rows[PAGE_ROWS - 1] if len(rows) > PAGE_ROWS else None
    done = read_number(call.query.get("done", ""))
    decision = call.parts.store.load_decision(done) if done is not None else None
    return call.render(
        "queue.html.j2",
        place=view,
        no_filters=Filters(),
        rows=rows[:PAGE_ROWS],
        after=write_after(last.rank, last.id) if last else None,
        is_first=after is None,
        orders=ORDERS,
        counts=call.parts.count_open(),
        narratives=call.parts.codebook.narratives,
        languages=LANGUAGES_OF_TEXTS,
        is_empty="empty" in call.query,
        done=decision if decision and decision.account_id == account_id and decision.is_live else None,
    )


def search(call: Call) -> Response:
    """Articles of which some text fits what is asked for."""
    query = call.query.get("q", "").strip()[:MAX_QUERY_CHARS]
    try:
        terms = parse_query(query)
    except UsageError:  # half a quotation, or signs alone: nothing is found, as the page then says
        terms = ()
    rows = call.parts.store.search(terms, limit=SEARCH_ROWS) if terms else ()
    return call.render("search.html.j2", query=query, rows=rows, limit=SEARCH_ROWS)


def show_decisions(call: Call) -> Response:
    """The analyst's own decisions; to a lead everybody's."""
    account = call.user.account
    before = read_number(call.query.get("before", ""))
    shows_all = account.role == "lead"
    found = call.parts.store.load_decisions(account_id=None if shows_all else account.id, before=before, limit=PAGE_ROWS + 1)
    return call.render(
        "decisions.html.j2",
        decisions=found[:PAGE_ROWS],
        before=found[PAGE_ROWS - 1].id if len(found) > PAGE_ROWS else None,
        shows_all=shows_all,
        place=read_view(call.query),
    )
