"""`monitor.ports.Fetcher` over aiohttp: conditional GET, limits, time-outs, redirects checked one by one."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from monitor.errors import FetchError
from monitor.fetch.decompress import ACCEPTED, BodyReader, too_large
from monitor.fetch.politeness import HostGate, read_retry_after
from monitor.fetch.robots import RobotsCache
from monitor.fetch.safety import PublicResolver, check_literal_host
from monitor.records import (
    Exchange,
    Feed,
    FeedState,
    FetchedFeed,
    FetchedPage,
    NotModified,
    PageRequest,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from datetime import datetime

A = TypeVar("A")
R = TypeVar("R")

MAX_REDIRECTS = 5
MAX_HEADER_BYTES = 32_768
MAX_VALIDATOR_CHARS = 1_000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What came broken is asked for once more, after so long.
RETRY_PAUSE_S = 0.5
MAX_HEADERS_BYTES = 65_536
_ACCEPT_PAGE = "text/html, application/xhtml+xml, text/plain;q=0.5"
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
    """Fetches feeds and pages. ``read_clock`` gives the time that fetches are stamped with.

    ``robots`` says whether a page may be fetched: it raises `FetchError` where the site's robots.txt forbids it.
    """

    def __init__(self, limits: FetchLimits, *, user_agent: str, read_clock: Callable[[], datetime]) -> None:
        self._limits = limits
        self._user_agent = user_agent
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": ACCEPTED}
        self._read_clock = read_clock
        self._robots = RobotsCache(user_agent, read_clock)

    async def fetch_feeds(
        self, feeds: Sequence[tuple[Feed, FeedState]], *, forced: frozenset[str] = frozenset()
    ) -> AsyncIterator[tuple[Feed, FetchedFeed | NotModified | FetchError]]:
        """One outcome for each feed, in order of completion. Failures are outcomes, not exceptions."""

        async def fetch_one(sessions: Sessions, asked: tuple[Feed, FeedState]) -> FetchedFeed | NotModified | FetchError:
            feed, state = asked
            return await self._fetch_feed(sessions, feed, state, is_forced=feed.id in forced)

        def url_of(asked: tuple[Feed, FeedState]) -> str:
            return asked[1].moved_to or asked[0].url

        proxies = frozenset(URL(feed.proxy).host or "" for feed, _ in feeds if feed.proxy)
        async for (feed, _), outcome in self._fetch_all(feeds, url_of, fetch_one, proxies):
            yield feed, outcome

    async def fetch_pages(self, requests: Sequence[PageRequest]) -> AsyncIterator[tuple[PageRequest, FetchedPage | FetchError]]:
        """One outcome for each page, in order of completion; a page that robots.txt forbids is a failure of that name."""
        proxies = frozenset(URL(request.proxy).host or "" for request in requests if request.proxy)
        async for request, outcome in self._fetch_all(requests, lambda asked: asked.url, self._fetch_page, proxies):
            yield request, outcome

    async def _fetch_all(
        self,
        asked: Sequence[A],
        url_of: Callable[[A], str],
        fetch_one: Callable[[Sessions, A], Awaitable[R]],
        proxies: frozenset[str],
    ) -> AsyncIterator[tuple[A, R | FetchError]]:
        """Outcomes as they come. A host's documents are fetched one after the other by one task, hosts side by side."""
        gate = HostGate(per_host=self._limits.per_host, min_delay_s=self._limits.min_delay_s)
        running = asyncio.Semaphore(self._limits.concurrency)
        done: asyncio.Queue[tuple[A, R | FetchError]] = asyncio.Queue(maxsize=self._limits.concurrency)

        async def visit_host(host: str, waiting: deque[A]) -> None:
            while waiting:  # shared with the host's other visitors
                one = waiting.popleft()
                sessions = kept if waiting else closing
                try:
                    async with gate.enter(host), running:
                        outcome: R | FetchError = await fetch_one(sessions, one)
                except FetchError as error:
                    outcome = error
                if isinstance(outcome, FetchError) and outcome.kind in {"http_429", "http_503"} and outcome.retry_after_s:
                    gate.pause(host, outcome.retry_after_s)
                await done.put((one, outcome))

        # An idle connection to each of thousands of hosts would be more than a process may hold: after the last visit it is closed.
        async with (
            Sessions(self._limits, self._headers, proxies) as kept,
            Sessions(self._limits, self._headers, proxies, force_close=True) as closing,
        ):
            tasks = [
                asyncio.create_task(visit_host(host, waiting))
                for host, waiting in _group_by_host(asked, url_of).items()
                for _ in range(min(self._limits.per_host, len(waiting)))
            ]
            try:
                for _ in asked:
                    yield await done.get()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch_feed(
        self, sessions: Sessions, feed: Feed, state: FeedState, *, is_forced: bool
    ) -> FetchedFeed | NotModified | FetchError:
        conditions = {} if is_forced else _conditions(state)
        ask = _Ask(state.moved_to or feed.url, {"Accept": _ACCEPT, **conditions, **dict(feed.headers)}, feed.proxy)
        try:
            answer = await self._exchange(sessions, ask)
        except FetchError as error:
            return error
        if answer.exchange.status == 304:
            return NotModified(feed.id, answer.at)
        return FetchedFeed(
            feed_id=feed.id,
            url=answer.url,
            status=answer.exchange.status,
            content_type=answer.header("Content-Type"),
            body=answer.body,
            sha256=hashlib.sha256(answer.body).hexdigest(),
            etag=_short(answer.header("ETag")),
            last_modified=_short(answer.header("Last-Modified")),
            fetched_at=answer.at,
            moved_to=answer.moved_to,
            was_forced=is_forced and bool(_conditions(state)),
            exchange=answer.exchange,
        )

    async def _fetch_page(self, sessions: Sessions, request: PageRequest) -> FetchedPage | FetchError:
        async def fetch_text(url: str) -> tuple[int, str]:
            ask = _Ask(url, {"Accept": "text/plain, */*;q=0.5"}, request.proxy, accepted=None)
            answer = await self._exchange(sessions, ask)
            return answer.exchange.status, answer.body.decode("utf-8", "replace")

        try:
            await self._robots.check(request.url, fetch_text)
            ask = _Ask(request.url, {"Accept": _ACCEPT_PAGE, **dict(request.headers)}, request.proxy)
            answer = await self._exchange(sessions, ask)
        except FetchError as error:
            return error
        content_type = answer.header("Content-Type")
        if content_type and not content_type.lower().startswith(("text/html", "application/xhtml", "text/plain")):
            return FetchError(
                "not_html", f"the link leads to {content_type.split(';')[0][:60]}, not to a page; there is no text to read"
            )
        return FetchedPage(
            article_id=request.article_id,
            url=answer.url,
            status=answer.exchange.status,
            content_type=content_type,
            body=answer.body,
            sha256=hashlib.sha256(answer.body).hexdigest(),
            fetched_at=answer.at,
            exchange=answer.exchange,
        )

    async def _exchange(self, sessions: Sessions, ask: _Ask) -> _Answer:
        """One document, within the deadline. A connection that broke is tried once more. Raises `FetchError`."""
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                try:
                    return await self._follow(sessions, ask)
                except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, ConnectionResetError):
                    await asyncio.sleep(max(self._limits.min_delay_s, RETRY_PAUSE_S))
                    return await self._follow(sessions, ask)
        except (FetchError, TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _convert(error, self._limits.timeout_s) from error

    async def _follow(self, sessions: Sessions, ask: _Ask) -> _Answer:
        first = url = URL(ask.url)
        is_lasting, passed = True, set[URL]()
        for _ in range(MAX_REDIRECTS + 1):
            self._check_address(url)
            passed.add(url)
            # What was set for one host is not told to another.
            headers = ask.headers if url.host == first.host else {"Accept": ask.headers["Accept"]}
            session = sessions.get(ask.proxy)
            async with session.get(url, headers=headers, allow_redirects=False, proxy=sessions.http_proxy(ask.proxy)) as response:
                _check_headers(response)
                if response.status not in _REDIRECTS or "Location" not in response.headers:
                    moved_to = str(url) if is_lasting and len(passed) > 1 else None
                    return await self._read(response, ask, moved_to)
                is_lasting = is_lasting and response.status in {301, 308}
                url = url.join(URL(response.headers["Location"]))
                if url in passed:
                    raise FetchError("redirect_loop", f"is sent round in a circle by way of {str(url)[:200]}; check the address")
        raise FetchError("redirect", f"was sent on more than {MAX_REDIRECTS} times, last to {str(url)[:200]}; check the address")

    def _check_address(self, url: URL) -> None:
        if url.scheme not in {"http", "https"}:
            raise FetchError("redirect", f"was sent on to {url.scheme}: address; only http and https are followed")
        if not self._limits.allow_private_networks:
            check_literal_host(url)

    async def _read(self, response: aiohttp.ClientResponse, ask: _Ask, moved_to: str | None) -> _Answer:
        now = self._read_clock()
        if ask.accepted is not None and response.status not in ask.accepted:
            raise _refused(response, now)
        wire, body = (b"", b"") if response.status == 304 else await self._read_body(response)
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)
        exchange = Exchange(response.status, response.reason or "", headers, wire)
        return _Answer(str(response.url), now, exchange, body, moved_to)

    async def _read_body(self, response: aiohttp.ClientResponse) -> tuple[bytes, bytes]:
        """The body as sent, and decompressed."""
        stated = response.headers.get("Content-Length", "")
        if stated.isdigit() and int(stated) > self._limits.max_bytes:
            raise too_large(self._limits.max_bytes)
        coding = response.headers.get("Content-Encoding", "")
        reader = BodyReader(coding, max_bytes=self._limits.max_bytes)
        wire: list[bytes] = []
        async for chunk in response.content.iter_any():
            wire.append(chunk)
            reader.feed(chunk)
        body = reader.finish()
        sent = b"".join(wire)
        return (body if sent == body else sent), body


@dataclass(frozen=True, slots=True)
class _Ask:
    """A document to ask for; ``accepted`` are the statuses that are an answer (None: any)."""

    url: str
    headers: dict[str, str]
    proxy: str | None
    accepted: frozenset[int] | None = frozenset({200, 304})


@dataclass(frozen=True, slots=True)
class _Answer:
    url: str
    at: datetime
    exchange: Exchange
    body: bytes
    moved_to: str | None

    def header(self, name: str) -> str | None:
        low = name.lower()
        return next((value for key, value in self.exchange.headers if key.lower() == low), None)


class Sessions:
    """One HTTP session for all that goes directly or through HTTP proxies, and one for each SOCKS proxy."""

    def __init__(self, limits: FetchLimits, headers: dict[str, str], proxies: frozenset[str], *, force_close: bool = False) -> None:
        self._limits = limits
        self._force_close = force_close
        self._headers = headers
        self._proxies = proxies
        self._open: dict[str, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._open.values():
            await session.close()

    def http_proxy(self, proxy: str | None) -> str | None:
        """The proxy to name with a request: a SOCKS proxy is its session's own."""
        return None if proxy is None or proxy.startswith("socks") else proxy

    def get(self, proxy: str | None) -> aiohttp.ClientSession:
        """The session for a proxy, opened when it is first needed."""
        name = proxy if proxy is not None and proxy.startswith("socks") else ""
        if name not in self._open:
            self._open[name] = aiohttp.ClientSession(
                connector=self._connect(name),
                headers=self._headers,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=MAX_HEADER_BYTES,
                max_field_size=MAX_HEADER_BYTES,
            )
        return self._open[name]

    def _connect(self, socks: str) -> aiohttp.BaseConnector:
        if socks:
            from aiohttp_socks import ProxyConnector  # noqa: PLC0415 - few feeds need it

            # "socks5h" says that the proxy resolves names, which it does in any case here.
            address = socks.replace("socks5h://", "socks5://", 1)
            connector: aiohttp.BaseConnector = ProxyConnector.from_url(
                address, rdns=True, limit=self._limits.concurrency, force_close=self._force_close
            )
            return connector
        resolver = None if self._limits.allow_private_networks else PublicResolver(trusted_hosts=self._proxies)
        return aiohttp.TCPConnector(
            resolver=resolver, limit=self._limits.concurrency, use_dns_cache=False, force_close=self._force_close
        )


def _group_by_host(asked: Sequence[A], url_of: Callable[[A], str]) -> dict[str, deque[A]]:
    by_host: defaultdict[str, deque[A]] = defaultdict(deque)
    for one in asked:
        by_host[_host_of(url_of(one))].append(one)
    return by_host


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""  # the fetch itself says what is wrong with the address


def _check_headers(response: aiohttp.ClientResponse) -> None:
    # How many there are, and how long each is, aiohttp limits itself.
    size = sum(len(name) + len(value) for name, value in response.raw_headers)
    if size > MAX_HEADERS_BYTES:
        raise FetchError("header_flood", f"the answer begins with {size} bytes of headers; that is no honest server")


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
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError | ConnectionResetError):
        return "incomplete", f"the answer broke off ({type(error).__name__}); it may work later"
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
