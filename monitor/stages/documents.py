"""What a document is that was fetched from a feed's address and is no feed."""

from __future__ import annotations

import re
from html import unescape

from monitor.errors import FeedDocumentError
from monitor.stages.markup import strip_markup

MAX_CHARS = 64 * 1024
# A page with more text than this is an article or a front page, whatever words stand in it.
_MAX_NOTICE_CHARS = 3_000
_FEED_ROOT = re.compile(r"<(?:rss|feed|rdf:RDF|channel)[\s>]", re.IGNORECASE)
_HTML_PAGE = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,500})", re.IGNORECASE)
_FEED_LINK = re.compile(r"<link\b[^>]{0,500}application/(?:rss|atom)\+xml[^>]{0,500}>", re.IGNORECASE)
_HREF = re.compile(r"""href\s*=\s*["']([^"']{1,500})""", re.IGNORECASE)
_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]\d])")
_PASSWORD = re.compile(r"""type\s*=\s*["']?password""", re.IGNORECASE)
# Marks in the source that only such pages have.
_CHALLENGE_MARKS = re.compile(
    r"cf-chl|challenge-platform|cf_chl_opt|__ddg|ddos-guard|qrator|__qrator|servicepipe|variti|js-challenge|checkjs", re.IGNORECASE
)
_CHALLENGE = re.compile(
    r"just a moment|checking your browser|verify(?:ing)? (?:that )?you are (?:a )?human|enable javascript and cookies"
    r"|are you a robot|captcha|капч[аиу]|ddos[- ]?guard|проверка (?:вашего )?браузера|провер(?:ка|яем), что вы не робот|я не робот"
    r"|вы не робот"
    r"|подтвердите, что (?:вы|запросы)|перевірка (?:вашого )?браузера|ви не робот|я не робот",
    re.IGNORECASE,
)
_BLOCK = re.compile(
    r"роскомнадзор|149-фз|eais\.rkn\.gov\.ru|единый реестр|доступ (?:к [\w\s-]{1,60})?(?:ограничен|запрещ[её]н|заблокирован)"
    r"|(?:сайт|ресурс|страница) (?:за)?блокирован|(?:недоступ\w+|не доступ\w+) (?:в|для) (?:ваш\w+|данн\w+) (?:стран|регион)"
    r"|доступ (?:до [\w\s-]{1,60})?(?:обмежено|заборонено|заблоковано)|(?:сайт|ресурс|сторінку) (?:за)?блоковано|рішення рнбо"
    r"|access (?:is |has been )?(?:denied|restricted|blocked)|\bforbidden\b|unavailable for legal reasons"
    r"|not available in your (?:country|region|location)"
    r"|(?:request|you|site|page|website|ip)(?: address)? (?:has been|have been|was|is) blocked",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"вход|войти|авторизац|увійти|вхід|log ?in|sign ?in|password|пароль", re.IGNORECASE)
_PARKING = re.compile(
    r"domain (?:name )?(?:is |may be )?(?:for sale|parked|has expired)|buy this domain|parked free"
    r"|домен\w* (?:\S+ )?(?:прода[её]тся|припаркован|свободен|не оплачен|истек|истёк)|домен (?:\S+ )?(?:продається|припарковано)",
    re.IGNORECASE,
)
_REMEDIES = {
    "empty_body": "the answer was empty; if this lasts, check the address in a browser",
    "challenge": "the address gave a browser check or captcha, not a feed; ask the site for access, or give the feed a proxy",
    "login_page": "the address gave a log-in page, not a feed; give the feed the headers it needs, or find an open address",
    "block_page": "the address gave a page that refuses access (law, region or rule), not a feed; give the feed a proxy elsewhere",
    "json": "the address gave JSON, not RSS or Atom; look for the site's RSS or Atom address",
    "html_page": "the address gave an HTML page (a moved feed or the site itself), not a feed; open it in a browser",
    "not_a_feed": "the document is neither RSS nor Atom; check the address",
    "truncated": "the feed breaks off before its first item; if this lasts, check the address or raise the limit on size",
}


def name_document(text: str) -> FeedDocumentError:
    """The error for a document that holds no feed; ``kind`` is a key of the table of remedies. Looks at the first 64 kB."""
    head = text[:MAX_CHARS]
    kind = _find_kind(head)
    if kind != "html_page":
        return FeedDocumentError(kind, _REMEDIES[kind])
    return FeedDocumentError(kind, _advise_on_page(head))


def name_truncated() -> FeedDocumentError:
    """The error for a feed that was cut before it gave anything."""
    return FeedDocumentError("truncated", _REMEDIES["truncated"])


def _find_kind(head: str) -> str:
    if not head.strip("\0 \t\r\n\f\v\ufeff"):
        return "empty_body"
    if _JSON.match(head):
        return "json"
    if _FEED_ROOT.search(head[:2_000]) and not _HTML_PAGE.search(head[:2_000]):
        return "truncated"
    is_page = bool(_HTML_PAGE.search(head[:8_192]))
    if is_page or not head.lstrip().startswith("<"):
        return _find_notice(head, is_page=is_page) or ("html_page" if is_page else "not_a_feed")
    return "not_a_feed"


def _find_notice(head: str, *, is_page: bool) -> str | None:
    """The kind of a page, or a plain text, that says why there is no feed."""
    title = _read_title(head)
    visible = strip_markup(head) if is_page else head
    told = f"{title}\n{visible}" if len(visible) <= _MAX_NOTICE_CHARS else title
    if is_page and (_CHALLENGE_MARKS.search(head) or "captcha" in head.lower()) and len(visible) <= _MAX_NOTICE_CHARS:
        return "challenge"
    if _CHALLENGE.search(told):
        return "challenge"
    if _PASSWORD.search(head) and _LOGIN.search(told):
        return "login_page"
    return "block_page" if _BLOCK.search(told) else None


def _advise_on_page(head: str) -> str:
    if _PARKING.search(f"{_read_title(head)} {strip_markup(head)[:_MAX_NOTICE_CHARS]}"):
        return "the address gave the page of a parked domain, not a feed; the site has moved or closed: look for its new address"
    link = _FEED_LINK.search(head)
    href = _HREF.search(link.group()) if link else None
    if href:
        return f"the address gave an HTML page, not a feed; the page names {unescape(href.group(1))} as its feed: use that address"
    return _REMEDIES["html_page"]


def _read_title(head: str) -> str:
    match = _TITLE.search(head)
    return unescape(match.group(1)) if match else ""
