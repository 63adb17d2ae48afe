"""Article pages to plain text: trafilatura finds the article, this module feeds it and judges what it gives.

Title, date and canonical address are read from the page's own declarations. Nothing is rendered, loaded or executed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from monitor.errors import PageError
from monitor.records import (
    ExtractedPage,
)
from monitor.stages.encoding import decode_document
from monitor.stages.markup import strip_markup
from monitor.text import clean_block, clean_line, count_words
from monitor.urls import resolve_link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trafilatura.settings import Extractor

MAX_BODY_BYTES = 5_000_000
MAX_TEXT_CHARS = 200_000
MAX_TITLE_CHARS = 1_000
MAX_DATE_CHARS = 100
MIN_WORDS = 20
# A challenge or log-in page says little else; an article may well mention a captcha or carry a log-in form.
MAX_NOTICE_WORDS = 120
# Shorter than this, and less than an eighth of what the page seems to say, an extraction is looked at a second time. Where the
# share is larger, the thorough way mostly adds what does not belong to the article, and takes ten times as long.
_THIN_CHARS = 1_000
_THIN_SHARE = 1 / 8
_MUCH_LONGER = 1.5
_MAX_JSON_CHARS = 1_000_000
_MAX_JSON_NODES = 5_000

_LABEL = re.compile(rb"""<meta\b[^>]{0,200}?\bcharset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_HEADER_LABEL = re.compile(r"""\bcharset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_HIGH = re.compile(rb"[\x80-\xff]+")
_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_WESTERN = re.compile(r"^(iso-?8859-?1|latin-?1|windows-?1252|cp-?1252|us-ascii|ascii|utf-?8)$")
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body|article|main|div|p|h1)\b", re.IGNORECASE)
_OTHER_XML = re.compile(r"\s*(?:<\?[^>]*>\s*|<!--.*?-->\s*)*<(?:rss|feed|rdf:RDF|urlset|sitemapindex|svg)\b", re.DOTALL)
_CHALLENGE_TITLE = re.compile(
    r"just a moment|attention required|checking your browser|ddos-?guard|access denied|are you (?:a )?(?:human|robot)"
    r"|security check|проверка (?:браузера|безопасности)|вы не робот|доступ (?:ограничен|запрещ)|перевірка браузера",
    re.IGNORECASE,
)
_CHALLENGE_SIGN = re.compile(
    r"_cf_chl_|cf-(?:browser-verification|challenge|turnstile)|challenges\.cloudflare\.com|ddos-guard|g-recaptcha|h-captcha"
    r"|smart-?captcha|showcaptcha|qrator|incapsula|__js_p_|document\.cookie\s*=[^;]{0,200};?[^<]{0,300}location\.reload",
    re.IGNORECASE,
)
_TITLE_NAMES = ("og:title", "twitter:title", "headline")
_DATE_NAMES = (
    "article:published_time",
    "og:article:published_time",
    "datepublished",
    "article:published",
    "pubdate",
    "publishdate",
    "publish-date",
    "mediator_published_time",
    "dc.date.issued",
    "dc.date",
    "dcterms.created",
    "date",
)
# What no reader sees, or what can be no part of an article.
_MACHINERY = ("script", "style", "svg", "template", "noscript", "link", "meta", "iframe", "object", "embed", "canvas")
_CONTROLS = ("button", "select", "textarea", "datalist", "video", "audio", "source", "picture", "footer")
# Parts of an article only where they were not closed in time, and then they hold paragraphs.
_FRAMES = ("nav", "aside", "menu")
_LOCKED = frozenset({"locked", "false"})


@dataclass(frozen=True, slots=True)
class _Declared:
    """What a page says about itself: its meta elements by lower-case name, and its JSON-LD objects."""

    metas: Mapping[str, str]
    nodes: tuple[Mapping[str, Any], ...]

    def find_meta(self, names: tuple[str, ...]) -> str:
        return next((value for name in names if (value := self.metas.get(name))), "")

    def find_text(self, key: str) -> str:
        return next((value for node in self.nodes if isinstance(value := node.get(key), str) and value.strip()), "")


def extract_page(body: bytes, content_type: str | None, url: str) -> ExtractedPage:
    """The article on the page that came from ``url``. Only the first ``MAX_BODY_BYTES`` of it are read.

    Raises `PageError`; its kind is ``empty_body``, ``not_html``, ``unreadable``, ``challenge``, ``login_page`` or ``thin_page``.
    """
    source = _decode_page(body[:MAX_BODY_BYTES], content_type)
    _require_html(source)
    try:
        tree = _parse_html(source)
        declared = _read_declared(tree)
        canonical_url = _read_canonical(tree, declared, url)
        _drop_machinery(tree)
        title = _read_title(tree, declared)
        text = clean_block(_find_article(tree, declared))[:MAX_TEXT_CHARS]
    except MemoryError:
        raise
    except Exception as error:
        message = f"the page cannot be read ({type(error).__name__}: {clean_line(str(error))[:200]}); open it in a browser"
        raise PageError("unreadable", message) from error
    _require_article(source, tree, title, text)
    return ExtractedPage(
        title=title,
        text=text,
        published_raw=_read_date(tree, declared),
        is_paywalled=_is_paywalled(declared),
        canonical_url=canonical_url,
    )


# --- bytes to text ---


def _decode_page(body: bytes, content_type: str | None) -> str:
    """The page's text. Servers, pages and bytes disagree: mostly valid UTF-8 is that, runs of high bytes are Cyrillic."""
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) or _is_utf8(body):
        return decode_document(body, None)
    label = _find_label(body, content_type)
    high = _HIGH.findall(body)
    high_bytes = sum(map(len, high))
    if sum(map(len, _UTF8.findall(body))) > 0.7 * high_bytes:
        # Torn or mixed; a page of many parts often has one in another encoding.
        return decode_document(body.decode("utf-8", "replace").encode(), None)
    if label is None or _WESTERN.match(label.lower()):
        # The label of a server that was never set up. Western letters stand alone between others, Cyrillic ones in rows.
        is_cyrillic = sum(len(run) for run in high if len(run) > 3) > 0.5 * high_bytes
        label = None if is_cyrillic else "windows-1252"
    return decode_document(body, f"text/html; charset={label}" if label else None)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _find_label(body: bytes, content_type: str | None) -> str | None:
    if match := _HEADER_LABEL.search(content_type or ""):
        return match.group(1)
    in_page = _LABEL.search(body[:4096])
    return in_page.group(1).decode("ascii") if in_page else None


def _require_html(source: str) -> None:
    if not source.strip():
        raise PageError("empty_body", "the answer was empty; if this lasts, open the page in a browser")
    if _OTHER_XML.match(source[:4096]) or not _HTML.search(source[:65_536]):
        raise PageError("not_html", "the document is no HTML page; nothing is read from it")


# --- text to tree ---


@cache
def _make_parser() -> Any:
    from lxml import etree  # noqa: PLC0415 - who only refers to a function of this module need not load it
    from lxml.html import HtmlElement, HTMLParser  # noqa: PLC0415

    parser = HTMLParser(encoding="utf-8", collect_ids=False, default_doctype=False, remove_comments=True, remove_pis=True)
    # lxml.html chooses a class for each element in Python, a tenth of the whole time; nobody asks for the special ones.
    parser.set_element_class_lookup(etree.ElementDefaultClassLookup(element=HtmlElement))
    return parser


def _parse_html(source: str) -> Any:
    from lxml.html import document_fromstring  # noqa: PLC0415

    return document_fromstring(source.encode("utf-8", "replace"), parser=_make_parser())


def _drop_machinery(tree: Any) -> None:
    """Take out what would be copied and searched again and again, and never be given."""
    for element in list(tree.iter(*_MACHINERY, *_CONTROLS, *_FRAMES)):
        is_inside_dropped = element.getparent() is None
        if not is_inside_dropped and (element.tag not in _FRAMES or element.find(".//p") is None):
            element.drop_tree()


# --- what the page says about itself ---


def _read_declared(tree: Any) -> _Declared:
    metas: dict[str, str] = {}
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop")
        content = (meta.get("content") or "").strip()
        if name and content:
            metas.setdefault(name.strip().lower(), content)
    nodes: list[Mapping[str, Any]] = []
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            nodes += _read_json_ld(script.text or "")
    return _Declared(metas, tuple(nodes))


def _read_json_ld(raw: str) -> list[Mapping[str, Any]]:
    if len(raw) > _MAX_JSON_CHARS:
        return []
    try:
        # Line breaks within strings are wrong and frequent.
        return list(_walk_json(json.loads(raw, strict=False)))
    except (ValueError, RecursionError):
        # A page whose declarations are broken is read without them.
        return []


def _walk_json(document: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of a JSON document, outer ones first."""
    waiting = [document]
    for _ in range(_MAX_JSON_NODES):
        if not waiting:
            return
        node = waiting.pop(0)
        if isinstance(node, dict):
            yield node
            waiting += [value for value in node.values() if isinstance(value, dict | list)]
        elif isinstance(node, list):
            waiting += node


def _read_title(tree: Any, declared: _Declared) -> str:
    found = declared.find_meta(_TITLE_NAMES) or declared.find_text("headline")
    if not found:
        found = next(
            (text for tag in ("h1", "title") for element in tree.iter(tag) if (text := element.text_content().strip())), ""
        )
    return clean_line(strip_markup(found))[:MAX_TITLE_CHARS]


def _read_date(tree: Any, declared: _Declared) -> str | None:
    found = declared.find_meta(_DATE_NAMES) or declared.find_text("datePublished")
    if not found:
        found = next((value for element in tree.iter("time") if (value := element.get("datetime"))), "")
    return clean_line(found)[:MAX_DATE_CHARS] or None


def _read_canonical(tree: Any, declared: _Declared, url: str) -> str | None:
    links = (link.get("href") for link in tree.iter("link") if "canonical" in (link.get("rel") or "").lower().split())
    claimed = next((href for href in links if href and href.strip()), None) or declared.metas.get("og:url")
    return resolve_link(claimed, url) if claimed else None


def _is_paywalled(declared: _Declared) -> bool:
    said = (declared.metas.get("article:content_tier"), declared.metas.get("isaccessibleforfree"))
    in_nodes = (node.get("isAccessibleForFree") for node in declared.nodes)
    return any(str(value).strip().lower() in _LOCKED for value in (*said, *in_nodes) if value is not None)


# --- the article ---


@cache
def _make_options(*, is_fast: bool) -> Extractor:
    from trafilatura.settings import Extractor  # noqa: PLC0415

    return Extractor(output_format="python", fast=is_fast, comments=False, tables=True, formatting=False)


def _find_article(tree: Any, declared: _Declared) -> str:
    """The article's text: the quick way; where that gives little of a page that says more, the thorough one as well."""
    text = _run_trafilatura(tree, is_fast=True)
    if len(text) >= _THIN_CHARS:
        return text
    in_json = strip_markup(declared.find_text("articleBody"))
    if len(in_json) > _MUCH_LONGER * len(text):
        return in_json
    if len(text) >= _THIN_SHARE * _measure_prose(tree):
        return text
    thorough = _run_trafilatura(tree, is_fast=False)
    return thorough if len(thorough) > _MUCH_LONGER * len(text) else text


def _run_trafilatura(tree: Any, *, is_fast: bool) -> str:
    from trafilatura import bare_extraction  # noqa: PLC0415

    # It works on a copy of the tree; without metadata, which would take as long again as half of the rest.
    document = bare_extraction(tree, options=_make_options(is_fast=is_fast))
    return (getattr(document, "text", None) or "") if document is not None else ""


def _measure_prose(tree: Any) -> int:
    """About how many characters the page's body says outside links and frames."""
    body = tree.find("body")
    if body is None:
        return 0
    aside = sum(len(element.text_content()) for element in body.iter("a", "button", "select", "label", "nav", "footer", "header"))
    return len(" ".join(body.text_content().split())) - aside


def _require_article(source: str, tree: Any, title: str, text: str) -> None:
    words = count_words(text) if len(text) < 20 * MAX_NOTICE_WORDS else MAX_NOTICE_WORDS
    if words >= MAX_NOTICE_WORDS:
        return
    page_title = " ".join(element.text_content() for element in tree.iter("title"))
    if _CHALLENGE_TITLE.search(f"{page_title} {title}") or (words < MIN_WORDS and _CHALLENGE_SIGN.search(source)):
        raise PageError("challenge", "the site asks for a proof of being human; open the page in a browser")
    if words >= MIN_WORDS:
        return
    if any((field.get("type") or "").lower() == "password" for field in tree.iter("input")):
        raise PageError("login_page", "the page asks to log in and shows no article; nothing is read from it")
    raise PageError("thin_page", f"the page shows {words} words of text, fewer than {MIN_WORDS}; open it in a browser")
