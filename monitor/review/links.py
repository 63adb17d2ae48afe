"""Which part of the queue is meant: read from a link or form, and written into one that can be shared. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from monitor.decisions import ORDERS, Filters, Order

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_VALUE_CHARS = 100


@dataclass(frozen=True, slots=True)
class View:
    """An order of the queue and its filters."""

    order: Order = "certain"
    filters: Filters = field(default_factory=Filters)

    def query(self, **more: object) -> str:
        """As the query of a link: what is set, and ``more``."""
        filters = self.filters
        values: dict[str, object] = {
            "order": self.order if self.order != "certain" else None,
            "narrative": filters.narrative,
            "language": filters.language,
            "feed": filters.feed_id,
            "day": filters.day.isoformat() if filters.day else None,
            "flagged": "1" if filters.flagged else None,
            **more,
        }
        written = urlencode({name: value for name, value in values.items() if value is not None})
        return f"?{written}" if written else ""

    def sorted_by(self, order: Order) -> View:
        """The same filters in another order."""
        return replace(self, order=order)

    def only(self, **changes: Any) -> View:
        """The same order with other filters."""
        return replace(self, filters=replace(self.filters, **changes))


def read_view(query: Mapping[str, str]) -> View:
    """The view that a link or form names. What makes no sense is left out."""
    order: Order = next((one for one in ORDERS if one == query.get("order")), "certain")
    return View(
        order,
        Filters(
            narrative=_read(query, "narrative"),
            language=_read(query, "language"),
            feed_id=_read(query, "feed"),
            day=_read_day(query.get("day", "")),
            flagged=query.get("flagged") == "1",
        ),
    )


def read_form_view(form: Mapping[str, str]) -> View:
    """The view that a form carries along; there the field ``narrative`` is part of the answer."""
    return read_view({**form, "narrative": form.get("filter_narrative", "")})


def _read(query: Mapping[str, str], name: str) -> str | None:
    return query.get(name, "").replace("\0", "")[:MAX_VALUE_CHARS] or None


def _read_day(raw: str) -> date | None:
    try:
        return date.fromisoformat(raw)
    except ValueError:
        return None


def read_after(raw: str) -> tuple[float, int] | None:
    """Where a page of the queue begins, as `write_after` wrote it; None where it says nothing."""
    rank, _, number = raw.partition("~")
    try:
        found = float(rank), int(number)
    except ValueError:
        return None
    return found if abs(found[0]) < 1e12 and 0 <= found[1] < 2**31 else None


def write_after(rank: float, number: int) -> str:
    """Where the page behind an item begins."""
    return f"{rank!r}~{number}"


def read_number(raw: str) -> int | None:
    """A positive whole number; None where it is none that an id could be."""
    return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 10 else None
