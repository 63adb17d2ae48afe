"""`monitor.ports.Fetcher` over aiohttp: conditional GET, limits, time-outs, redirects checked one by one."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from monitor.errors import FetchError
from monitor.fetch.decompress import ACCEPTED, BodyReader, too_large
from monitor.fetch.politeness import HostGate, read_retry_after
from monitor.fetch.safety import PublicResolver, check_literal_host
from monitor.records import Feed, FeedState, FetchedFeed, NotModified

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

MAX_REDIRECTS = 5
MAX_HEADER_BYTES = 32_768
MAX_VALIDATOR_CHARS = 1_000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much may be asked of hosts and of this machine. See the reference of ``settings.fetch`` for each."""

    concurrency: int
    per_host: int
    min_delay_s: float
    timeout_s: float
    max_bytes: int
    allow_private_networks: bool


class HttpFetcher:
    """Fetches feeds. ``read_clock`` gives the time that fetches are stamped with."""

    def __init__(self, limits: FetchLimits, *, user_agent: str, read_clock: Callable[[], datetime]) -> None:
        self._limits = limits
        self._headers = {"User-Agent": user_agent, "Accept": _ACCEPT, "Accept-Encoding": ACCEPTED}
        self._read_clock = read_clock

    async def fetch_feeds(
        self, feeds: Sequence[tuple[Feed, FeedState]]
    ) -> AsyncIterator[tuple[Feed, FetchedFeed | NotModified | FetchError]]:
        """One outcome for each feed, in order of completion. Failures are outcomes, not exceptions."""
        gate = HostGate(per_host=self._limits.per_host, min_delay_s=self._limits.min_delay_s)
        running = asyncio.Semaphore(self._limits.concurrency)
        proxies = frozenset(_host_of(feed.proxy) for feed, _ in feeds if feed.proxy)
        async with self._open_session(proxies) as session:

            async def fetch_one(feed: Feed, state: FeedState) -> tuple[Feed, FetchedFeed | NotModified | FetchError]:
                # The host's turn is waited for first, so that a slow host does not hold places of the others.
                async with gate.enter(_host_of(feed.url)), running:
                    return feed, await self._fetch(session, feed, state)

            tasks = [asyncio.create_task(fetch_one(feed, state)) for feed, state in feeds]
            try:
                for finished in asyncio.as_completed(tasks):
                    yield await finished
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _open_session(self, proxies: frozenset[str]) -> aiohttp.ClientSession:
        resolver = None if self._limits.allow_private_networks else PublicResolver(trusted_hosts=proxies)
        connector = aiohttp.TCPConnector(resolver=resolver, limit=self._limits.concurrency, use_dns_cache=False)
        return aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )

    async def _fetch(self, session: aiohttp.ClientSession, feed: Feed, state: FeedState) -> FetchedFeed | NotModified | FetchError:
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                return await self._follow(session, feed, state)
        except (FetchError, TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            return _convert(error, self._limits.timeout_s)

    async def _follow(self, session: aiohttp.ClientSession, feed: Feed, state: FeedState) -> FetchedFeed | NotModified:
        url = URL(feed.url)
        for _ in range(MAX_REDIRECTS + 1):
            if url.scheme not in {"http", "https"}:
                raise FetchError("redirect", f"was sent on to {url.scheme}: address; only http and https are followed")
            if not self._limits.allow_private_networks:
                check_literal_host(url)
            async with session.get(url, headers=_conditions(state), allow_redirects=False, proxy=feed.proxy) as response:
                if response.status not in _REDIRECTS or "Location" not in response.headers:
                    return await self._read(response, feed)
                url = url.join(URL(response.headers["Location"]))
        raise FetchError("redirect", f"was sent on more than {MAX_REDIRECTS} times, last to {str(url)[:200]}; check the address")

    async def _read(self, response: aiohttp.ClientResponse, feed: Feed) -> FetchedFeed | NotModified:
        now = self._read_clock()
        if response.status == 304:
            return NotModified(feed.id, now)
        if response.status != 200:
            raise _refused(response, now)
        body = await self._read_body(response)
        return FetchedFeed(
            feed_id=feed.id,
            url=str(response.url),
            status=response.status,
            content_type=response.headers.get("Content-Type"),
            body=body,
            sha256=hashlib.sha256(body).hexdigest(),
            etag=_short(response.headers.get("ETag")),
            last_modified=_short(response.headers.get("Last-Modified")),
            fetched_at=now,
        )

    async def _read_body(self, response: aiohttp.ClientResponse) -> bytes:
        stated = response.headers.get("Content-Length", "")
        if stated.isdigit() and int(stated) > self._limits.max_bytes:
            raise too_large(self._limits.max_bytes)
        reader = BodyReader(response.headers.get("Content-Encoding", ""), max_bytes=self._limits.max_bytes)
        async for chunk in response.content.iter_chunked(65_536):
            reader.feed(chunk)
        return reader.finish()


def _host_of(url: str) -> str:
    try:
        return URL(url).host or ""
    except ValueError:
        return ""  # the fetch itself says what is wrong with the address


def _conditions(state: FeedState) -> dict[str, str]:
    headers = {}
    if state.etag:
        headers["If-None-Match"] = state.etag
    if state.last_modified:
        headers["If-Modified-Since"] = state.last_modified
    return headers


def _short(value: str | None) -> str | None:
    return value if value and len(value) <= MAX_VALIDATOR_CHARS else None


def _refused(response: aiohttp.ClientResponse, now: datetime) -> FetchError:
    advice = {
        401: "it wants a log-in; check the address",
        403: "it refuses this program or this network; ask the outlet, or set a proxy for this feed",
        404: "the feed is not there (it may come back); check the address",
        410: "the feed is gone for good; remove it",
        429: "it is asked too often; it is left alone for as long as it says",
        503: "it is overloaded; it is left alone for as long as it says",
    }.get(response.status, "it may work later")
    retry_after = read_retry_after(response.headers.get("Retry-After"), now) if response.status in {429, 503} else None
    return FetchError(f"http_{response.status}", f"the server answered {response.status}: {advice}", retry_after_s=retry_after)


def _convert(error: Exception, timeout_s: float) -> FetchError:
    """Any failure of an exchange as a `FetchError` with its cause."""
    # A refused address comes wrapped in aiohttp's own errors; what it says is what matters.
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, FetchError):
            return cause
        cause = cause.__cause__ or cause.__context__
    converted = FetchError(*_describe(error, timeout_s))
    converted.__cause__ = error
    return converted


def _describe(error: Exception, timeout_s: float) -> tuple[str, str]:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "dns", f"the name cannot be resolved ({error.os_error}); check the address"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "tls", f"no trusted encrypted connection ({error}); check the address in a browser"
        case aiohttp.ClientConnectorError():
            return "connect", f"no connection ({error.os_error}); the server may be down or block this network"
        case TimeoutError():
            return "timeout", f"no complete answer within {timeout_s:g} s; it may work later"
        case _:
            return "protocol", f"the exchange broke ({type(error).__name__}: {error}); it may work later"


def make_user_agent(version: str, contact: str | None) -> str:
    """The User-Agent: what this is, and where its user can be reached."""
    return f"narrative-monitor/{version} ({f'+{contact}' if contact else 'no contact given'})"
