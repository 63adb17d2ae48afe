"""HTML fragments of feeds to plain text. Nothing of the markup survives."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from monitor.text import clean_block

_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "td",
        "th",
        "tr",
        "ul",
    ]
)
_BREAK = "\N{PARAGRAPH SEPARATOR}"
# A line that does not end a sentence goes on in the next: it was wrapped for the width of an editor, not for sense.
_WRAPPED = re.compile(r"(?<![.!?…:;»”\")\s])[^\S\n]*\n(?![^\S\n]*\n)\s*(?=\S)")
_UNSEEN = frozenset(["script", "style", "iframe", "object", "noscript", "template", "svg", "math", "head", "title"])


class _TextCollector(HTMLParser):
    """Collects runs of text, each with the address of the link that it stands in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.runs: list[tuple[str, str | None]] = []
        self._href: str | None = None
        self._unseen: str | None = None

    def parse_marked_section(self, i: int, report: bool = True) -> int:  # noqa: FBT001, FBT002 - the base class's signature
        """Pass over ``<![…]…>``, which the base class refuses with an AssertionError where it does not know the word."""
        end = self.rawdata.find(">", i)
        return end + 1 if end >= 0 else -1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unseen:
            return
        if tag in _UNSEEN:
            self._unseen = tag
        elif tag == "a":
            self._href = dict(attrs).get("href")
        elif tag in _BLOCKS:
            self.runs.append((_BREAK, None))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS and not self._unseen:
            self.runs.append((_BREAK, None))

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            self._unseen = None if tag == self._unseen else self._unseen
        elif tag == "a":
            self._href = None
        elif tag in _BLOCKS:
            self.runs.append((_BREAK, None))

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.runs.append((data, self._href))


def strip_markup(fragment: str, *, own_url: str | None = None) -> str:
    """Plain text of an HTML fragment, one line per paragraph.

    A last link that leads to the item itself (``own_url``) is a "read more" and is left out.
    """
    if "<" not in fragment and "&" not in fragment:
        return clean_block(_WRAPPED.sub(" ", fragment))
    collector = _TextCollector()
    collector.feed(fragment)
    collector.close()
    runs = collector.runs
    kept = len(runs)
    while kept and (not runs[kept - 1][0].strip() or (own_url is not None and _leads_to(runs[kept - 1][1], own_url))):
        kept -= 1
    # A fragment that is nothing but such a link has its text there.
    text = "".join(text for text, _ in (runs[:kept] or runs))
    return clean_block("\n".join(_WRAPPED.sub(" ", block) for block in text.split(_BREAK)))


def _leads_to(href: str | None, own_url: str) -> bool:
    return href is not None and href.strip() == own_url.strip()
