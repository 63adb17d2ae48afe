"""One row of a file, or one web page, as an entry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.records import Entry
from monitor.stages.dates import resolve_date
from monitor.stages.parse import MAX_SUMMARY_CHARS, MAX_TEXT_CHARS, MAX_TITLE_CHARS
from monitor.text import clean_block, clean_line, hash_texts
from monitor.urls import canonicalize_url, is_web_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_FEED_ID = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")
# The names under which a field may come, the first one that has a value counts.
_NAMES = {
    "key": ("guid", "article_id", "id"),
    "url": ("url", "link"),
    "title": ("title",),
    "summary": ("summary", "description"),
    "text": ("text", "content", "body"),
    "published": ("published_at", "published", "date"),
    "fetched": ("fetched_at",),
    "feed_id": ("feed_id",),
    "outlet": ("outlet", "source"),
    "language": ("language", "lang"),
}


@dataclass(frozen=True, slots=True)
class Filed:
    """An entry with what is known of where it came from. ``fetched_at`` is when it counts as seen."""

    entry: Entry
    fetched_at: datetime
    document_sha256: str | None = None
    outlet: str | None = None
    language: str | None = None


def read_row(row: Mapping[str, Any], *, feed_id: str, zone: str, now: datetime) -> Filed:
    """A row of JSON Lines or CSV. Without a time at which it was fetched it counts as seen when it was published.

    Raises ValueError saying what is wrong.
    """
    fields = {name: _choose(row, names) for name, names in _NAMES.items()}
    if not (fields["title"] or fields["summary"] or fields["text"]):
        raise ValueError("has neither `title` nor `summary` nor `text`")
    if fields["url"] and not is_web_url(fields["url"]):
        raise ValueError(f"`url` {fields['url'][:80]!r} is no web address")
    chosen = fields["feed_id"] or feed_id
    if not _FEED_ID.match(chosen):
        raise ValueError(f"`feed_id` {chosen[:80]!r} is no feed's name; use small letters, digits, dots and dashes")
    published = resolve_date(fields["published"] or None, default_zone=zone, fetched_at=now)
    if fields["published"] and published.repair == "date_unreadable":
        raise ValueError(f"`published_at` {fields['published'][:80]!r} cannot be read; write it as ISO 8601")
    fetched_at = published.at
    if fields["fetched"]:
        fetched = resolve_date(fields["fetched"], default_zone="UTC", fetched_at=now)
        fetched_at = fetched.at
    entry = make_entry(
        feed_id=chosen,
        key=fields["key"],
        url=fields["url"] or None,
        texts=(fields["title"], fields["summary"], fields["text"]),
        published=(published.at, published.how),
    )
    return Filed(entry, min(fetched_at, now), None, fields["outlet"] or None, fields["language"] or None)


def make_entry(*, feed_id: str, key: str, url: str | None, texts: tuple[str, str, str], published: tuple[datetime, str]) -> Entry:
    """An entry with cleaned and capped texts; its identity is its address, or feed and key, or feed and text."""
    title = clean_line(texts[0])[:MAX_TITLE_CHARS]
    summary, text = clean_block(texts[1])[:MAX_SUMMARY_CHARS], clean_block(texts[2])[:MAX_TEXT_CHARS]
    content_sha256 = hash_texts(title, summary, text)
    canonical = canonicalize_url(url) if url else ""
    named = (clean_line(key) or canonical or content_sha256)[:500]
    at, how = published
    return Entry(
        feed_id=feed_id,
        key=named,
        identity=canonical or f"{feed_id} {named}",
        url=url,
        title=title,
        summary=summary,
        text=text,
        published_at=at,
        published_how=how,
        content_sha256=content_sha256,
    )


def _choose(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = row.get(name)
        if value is None or value == "":
            continue
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise ValueError(f"`{name}` is {type(value).__name__}; it must be a string")
        return str(value)
    return ""
