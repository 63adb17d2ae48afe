"""What a reader of feed documents hands on, before anything is mended: the same values whichever reader it was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawItem:
    """One item as its document gives it: character references resolved once, markup still in it, nothing trimmed.

    ``contents`` are all places where feeds put the whole article (``content:encoded``, Atom's ``content``,
    ``yandex:full-text``), in order. ``date`` is the first of published, created and updated that is there.
    """

    title: str = ""
    link: str = ""
    guid: str = ""
    date: str = ""
    summary: str = ""
    contents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RawFeed:
    """The items of one document in its order.

    ``version`` names the format (``rss20``, ``atom10``, ``rss10`` …) and is empty where the document is no feed.
    ``problem`` says what is wrong with a document that was read all the same. ``ttl_minutes``, ``update_period`` and
    ``update_frequency`` are the document's own hints on when to come again, as written.
    """

    items: tuple[RawItem, ...]
    version: str
    problem: str | None = None
    rejected: tuple[str, ...] = ()
    clipped: int = 0
    ttl_minutes: str | None = None
    update_period: str | None = None
    update_frequency: str | None = None
