"""URLs: which are safe to show or fetch, and which two mean the same page."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

# Parameters that say where a reader came from, and nothing of the page.
_TRACKERS = re.compile(r"^(utm_.*|fbclid|gclid|dclid|yclid|ysclid|_openstat|mc_[ce]id|igshid|cmpid|wt_.*|mkt_tok|twclid|msclkid)$")
# These do so too, unless their value is a number, which may well be an article's.
_REFERRERS = frozenset({"from", "ref", "source", "referrer", "rss", "feed"})
_HOST = re.compile(r"^(?!\.)(?!.*\.\.)[\w.:-]+$")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_KEPT_IN_PATH = "/%:@!$&'()*+,;=~-._"


def is_web_url(url: str) -> bool:
    """Whether ``url`` is absolute, http(s), and names a host (and a port, if any) that can be."""
    try:
        parts = urlsplit(url)
        # Reading the port raises ValueError where it is none.
        return parts.scheme in {"http", "https"} and bool(_HOST.match(parts.hostname or "")) and parts.port != 0
    except ValueError:
        return False


def resolve_link(link: str, base_url: str) -> str | None:
    """The absolute http(s) URL of a link found in the document at ``base_url``; None where it is none."""
    try:
        absolute = urljoin(base_url, "".join(link.split())).encode("utf-8", "replace").decode("utf-8")
    except ValueError:
        return None
    return absolute if is_web_url(absolute) else None


def canonicalize_url(url: str) -> str:
    """The form under which two addresses of one page are equal.

    Scheme https, host in lower case and IDNA, no default port, no fragment, no tracking or referrer parameters, the
    rest of the query sorted and otherwise as it is. ``url`` must satisfy `is_web_url`.
    """
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port not in {None, 80, 443} else ""
    # Escaped first: sorting what is not yet in its last form would sort again, and otherwise, the second time.
    kept = sorted(_escape(pair) for pair in parts.query.split("&") if pair and not _tells_referrer(pair))
    path = _escape(parts.path) or "/"
    return urlunsplit(("https", _encode_host(parts.hostname or "") + port, path, "&".join(kept), ""))


def _tells_referrer(pair: str) -> bool:
    key, _, value = pair.partition("=")
    low = key.lower()
    return bool(_TRACKERS.match(low)) or (low in _REFERRERS and not value.isdigit())


def _escape(part: str) -> str:
    quoted = quote(part, safe=_KEPT_IN_PATH + "?", errors="replace")
    return _ESCAPE.sub(lambda match: match.group().upper(), quoted)


def _encode_host(host: str) -> str:
    if ":" in host:
        return f"[{host}]"
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return quote(host.lower(), errors="replace")
