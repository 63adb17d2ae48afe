"""URLs: which are safe to show or fetch, and which two mean the same page."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from courlan import normalize_url

# Parameters that say where a reader came from, beyond those that courlan already drops.
_REFERRER_PARAMETERS = frozenset({"from", "ref", "source", "referrer", "rss", "ysclid", "feed"})


def is_web_url(url: str) -> bool:
    """Whether ``url`` is absolute, http(s), and names a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def resolve_link(link: str, base_url: str) -> str | None:
    """The absolute http(s) URL of a link found in the document at ``base_url``; None where it is none."""
    try:
        absolute = urljoin(base_url, "".join(link.split()))
    except ValueError:
        return None
    return absolute if is_web_url(absolute) else None


def canonicalize_url(url: str) -> str:
    """The form under which two addresses of one page are equal.

    Scheme https, host in lower case and IDNA, no default port, no fragment, no tracking or referrer parameters, the
    rest of the query sorted. ``url`` must satisfy `is_web_url`.
    """
    parts = urlsplit(normalize_url(url, trailing_slash=True))
    port = f":{parts.port}" if parts.port not in {None, 80, 443} else ""
    query = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if not _is_referrer(key, value)]
    return urlunsplit(("https", _encode_host(parts.hostname or "") + port, parts.path or "/", urlencode(sorted(query)), ""))


def _is_referrer(key: str, value: str) -> bool:
    return key.lower().startswith("utm_") or (key.lower() in _REFERRER_PARAMETERS and not value.isdigit())


def _encode_host(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host.lower()
