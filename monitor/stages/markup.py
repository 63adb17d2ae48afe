"""HTML fragments of feeds to plain text. Nothing of the markup survives."""

from __future__ import annotations

import re
import unicodedata
from html import unescape
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
_NEXT_LINE = re.compile(r"\n(?![^\S\n]*\n)\s*(?=\S)")
_ENDS_LINE = frozenset('.!?…:;»”")\n')
# The parser reads to the end for each tag that is never closed: many of them would take it hours.
MAX_UNCLOSED = 50
_UNCLOSED = re.compile(r"<(?=[^<>]*(?:<|\Z))")
_UNSEEN = frozenset(["script", "style", "iframe", "object", "noscript", "template", "svg", "math", "head", "title"])
# Elements whose content the parser does not look for tags in, in one version of Python or another.
_RAW = frozenset(["textarea", "xmp", "plaintext", "noembed", "noframes", "listing"])
_WHITE = r"[ \t\n\r\f]"
_PLAIN_TAG = re.compile(
    rf"""<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:{_WHITE}+[a-zA-Z][a-zA-Z0-9-]*(?:="[^"<>]*"|='[^'<>]*')?)*){_WHITE}*(/?)>"""
)
_ATTRIBUTE = re.compile(r"""([a-zA-Z][a-zA-Z0-9-]*)(?:="([^"]*)"|='([^']*)')""")
# White space to `str.split`, and nothing at all, or a line break, to `clean_block`.
_ODD_SPACE = re.compile("[\r\x0b\x0c\x1c\x1d\x1e\x1f\x85]")
# A text and the address of the link that it stands in.
_Run = tuple[str, str | None]


class _TextCollector(HTMLParser):
    """Collects runs of text, each with the address of the link that it stands in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.runs: list[_Run] = []
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
        return _clean(fragment)
    runs = _read_simple(fragment)
    return _write_runs(_read_any(fragment) if runs is None else runs, own_url)


def _read_any(fragment: str) -> list[_Run]:
    """The runs of any fragment, by the parser of the standard library."""
    if fragment.count("<") > fragment.count(">") + MAX_UNCLOSED:
        fragment = _UNCLOSED.sub("&lt;", fragment)
    collector = _TextCollector()
    collector.feed(fragment)
    collector.close()
    return collector.runs


def _read_simple(fragment: str) -> list[_Run] | None:
    """The same runs where each ``<`` begins a plainly written tag that a reader sees the text of; None elsewhere."""
    pieces = _PLAIN_TAG.split(fragment)
    if any("<" in text for text in pieces[::5]):
        return None
    runs: list[_Run] = []
    href: str | None = None
    for at in range(0, len(pieces), 5):
        if text := pieces[at]:
            runs.append((unescape(text) if "&" in text else text, href))
        if at + 1 == len(pieces):
            break
        closing, name, attributes, alone = pieces[at + 1 : at + 5]
        tag = name.lower()
        if tag in _UNSEEN or tag in _RAW or (closing and (attributes or alone)):
            return None
        if tag in _BLOCKS:
            runs.append((_BREAK, None))
        elif tag == "a" and not alone:
            href = None if closing else _find_href(attributes)
    return runs


def _find_href(attributes: str) -> str | None:
    found = None
    for name, double, single in _ATTRIBUTE.findall(attributes):
        if name.lower() == "href":
            found = unescape(double or single)
    return found


def _write_runs(runs: list[_Run], own_url: str | None) -> str:
    kept = len(runs)
    while kept and (not runs[kept - 1][0].strip() or (own_url is not None and _leads_to(runs[kept - 1][1], own_url))):
        kept -= 1
    # A fragment that is nothing but such a link has its text there.
    text = "".join([text for text, _ in (runs[:kept] or runs)])
    if "\n" not in text and "\r" not in text:
        return _clean(text.replace(_BREAK, "\n"), is_unwrapped=True)
    return _clean("\n".join([_NEXT_LINE.sub(_join_line, block) for block in text.split(_BREAK)]), is_unwrapped=True)


def _join_line(match: re.Match[str]) -> str:
    text, at = match.string, match.start()
    while at and text[at - 1].isspace() and text[at - 1] != "\n":
        at -= 1
    return match.group() if at and text[at - 1] in _ENDS_LINE else " "


def _clean(raw: str, *, is_unwrapped: bool = False) -> str:
    """`clean_block` of text whose wrapped lines are joined; the same in a fifth of the time where all characters can be seen."""
    if raw.isprintable():  # one line, and nothing hidden in it
        return unicodedata.normalize("NFC", " ".join(raw.split()))
    text = _NEXT_LINE.sub(_join_line, raw) if "\n" in raw and not is_unwrapped else raw
    if all(map(str.isprintable, lines := text.split("\n"))):
        return unicodedata.normalize("NFC", "\n".join(joined for line in lines if (joined := " ".join(line.split()))))
    if _ODD_SPACE.search(text):
        return clean_block(text)
    lines = [joined for line in lines if (joined := " ".join(line.split()))]
    if all(map(str.isprintable, lines)):
        return unicodedata.normalize("NFC", "\n".join(lines))
    return clean_block(text)


def _leads_to(href: str | None, own_url: str) -> bool:
    return href is not None and href.strip() == own_url.strip()
