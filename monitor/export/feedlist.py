"""New feeds written into an existing ``feeds.yaml``, of which every other character stays as it was."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import yaml

from monitor.errors import UsageError
from monitor.text import clean_line
from monitor.urls import canonicalize_url, is_web_url

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from monitor.records import (
        Feed,
    )

MAX_ID_CHARS: Final = 64
_ID = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")
_BETWEEN = re.compile(r"[^a-z0-9]+")
_LATIN: Final = {
    **dict(zip("абвгґдезиіїйклмнопрстуфыэўё", "abvggdeziiiiklmnoprstufyeue", strict=True)),
    "ж": "zh",
    "х": "kh",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "shch",
    "ю": "yu",
    "я": "ya",
    "є": "ye",
    "ъ": "",
    "ь": "",
}
# Their last one before the list's end is where its last item ends; what follows are comments.
_CONTENT = (
    yaml.ScalarToken,
    yaml.AliasToken,
    yaml.AnchorToken,
    yaml.TagToken,
    yaml.ValueToken,
    yaml.BlockEntryToken,
    yaml.FlowMappingEndToken,
    yaml.FlowSequenceEndToken,
)


def is_feed_id(text: str) -> bool:
    """Whether ``text`` can be the id of a feed."""
    return bool(_ID.match(text))


def make_feed_id(title: str, url: str, taken: Collection[str]) -> str:
    """An id in Latin letters after a feed's title (else its host) that is not in ``taken``."""
    slug = (
        _make_slug(title) or _make_slug(re.sub(r"^\w+://(?:[^/]*@)?(?:www\.)?([^/:?#]*).*$", r"\1", url, flags=re.DOTALL)) or "feed"
    )
    number, found = 1, slug
    while found in taken:
        number += 1
        found = f"{slug[: MAX_ID_CHARS - len(str(number)) - 1]}-{number}"
    return found


def _make_slug(text: str) -> str:
    latin = "".join(_LATIN.get(char, char) for char in unicodedata.normalize("NFC", text.lower()))
    plain = unicodedata.normalize("NFKD", latin)
    joined = "".join(char for char in plain.lower() if not unicodedata.combining(char))
    return _BETWEEN.sub("-", joined.replace("'", "").replace("’", "")).strip("-")[:MAX_ID_CHARS].strip("-")


def add_feeds(feeds_yaml_text: str, new: Sequence[Feed]) -> str:
    """The text with ``new`` at the end of its list ``feeds``; comments and layout stay.

    Addresses that it has already are passed over; ids that it has are made anew. Raises `UsageError` where the text is no
    list of feeds, its list stands in brackets, or an address is none.
    """
    try:
        document = yaml.compose(feeds_yaml_text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(feeds_yaml_text)
    except yaml.YAMLError as error:
        raise UsageError(f"the feeds file is not YAML ({str(error).splitlines()[0]}); mend it first") from error
    if not isinstance(document, yaml.MappingNode) or not isinstance(values.get("feeds") or [], list):
        raise UsageError("the feeds file holds no list `feeds`; start from the default feeds.yaml")
    entries = _make_entries(values.get("feeds") or [], new)
    return _insert(feeds_yaml_text, document, entries) if entries else feeds_yaml_text


def _make_entries(existing: list[Any], new: Sequence[Feed]) -> list[dict[str, Any]]:
    known = [feed for feed in existing if isinstance(feed, dict)]
    ids = {str(feed.get("id")) for feed in known}
    addresses = {canonicalize_url(url) for feed in known if is_web_url(url := str(feed.get("url")))}
    entries = []
    for feed in new:
        if not is_web_url(feed.url):
            raise UsageError(f"{feed.url!r} is no web address; write it in full, with http:// or https://")
        address = canonicalize_url(feed.url)
        if address in addresses:
            continue
        feed_id = feed.id if is_feed_id(feed.id) and feed.id not in ids else make_feed_id(feed.outlet or feed.id, feed.url, ids)
        ids.add(feed_id)
        addresses.add(address)
        entries.append(_describe(feed, feed_id))
    return entries


def _describe(feed: Feed, feed_id: str) -> dict[str, Any]:
    """What stands in the file for a feed: only what differs from the defaults."""
    stated = {
        "id": feed_id,
        "url": feed.url,
        "outlet": clean_line(feed.outlet),
        "language": feed.language,
        "kind": feed.kind,
        "timezone": feed.timezone,
        "proxy": feed.proxy,
        "headers": dict(feed.headers),
        "full_text": feed.full_text,
    }
    return {name: value for name, value in stated.items() if value} | ({} if feed.enabled else {"enabled": False})


def _insert(text: str, document: yaml.MappingNode, entries: list[dict[str, Any]]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    found = [pair for pair in document.value if pair[0].value == "feeds"]
    if not found:
        return _insert_after_line(text, len(text), f"feeds:{newline}{_write(entries, '  ', newline)}", newline)
    key, node = found[0]
    start, end = node.start_mark.index, node.end_mark.index
    if start < key.end_mark.index or (isinstance(node, yaml.CollectionNode) and node.flow_style and node.value):
        raise UsageError("the list `feeds` stands in brackets or refers elsewhere; write it as lines that begin with `-`")
    if not node.value:  # nothing, or an empty pair of brackets
        return _insert_after_line(text[:start] + text[end:], start, _write(entries, "  ", newline), newline)
    ends = [
        token.end_mark.index for token in yaml.scan(text) if isinstance(token, _CONTENT) and start <= token.start_mark.index < end
    ]
    return _insert_after_line(text, ends[-1], _write(entries, " " * node.start_mark.column, newline), newline)


def _insert_after_line(text: str, at: int, lines: str, newline: str) -> str:
    """Put whole lines behind the line in which position ``at`` lies; a position right after a line's end is that line's."""
    if at == 0 or text[at - 1] != "\n":
        line_end = text.find("\n", at)
        at = len(text) if line_end < 0 else line_end + 1
    head = text[:at] if text[:at].endswith("\n") or not text[:at] else text[:at] + newline
    return head + lines + text[at:]


def _write(entries: list[dict[str, Any]], indent: str, newline: str) -> str:
    lines: list[str] = []
    for entry in entries:
        dumped = yaml.safe_dump(entry, allow_unicode=True, sort_keys=False, width=1_000_000).splitlines()
        lines += [f"{indent}{'  ' if number else '- '}{line}{newline}" for number, line in enumerate(dumped)]
    return "".join(lines)
