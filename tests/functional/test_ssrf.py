"""The fetcher as it is, told to fetch from inside: nothing there may get as much as a request."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from monitor.errors import FetchError
from monitor.fetch.client import FetchLimits, HttpFetcher
from monitor.fetch.safety import BLOCKED_PORTS, PublicResolver
from monitor.records import (
    FeedState,
    FetchedFeed,
    NotModified,
)
from tests.factories import NOON, make_feed
from tests.functional.servers import FeedServer, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

# A public literal, which the proxy on loopback answers for: it is never contacted itself.
PUBLIC = "http://93.184.216.34/rss"

# {port} is the port of a server on loopback that must not be asked.
VECTORS = {
    # IPv4 as it should be written
    "loopback": "http://127.0.0.1:{port}/",
    "loopback https": "https://127.0.0.1:{port}/",
    "loopback end": "http://127.255.255.254:{port}/",
    "scheme in capitals": "HTTP://127.0.0.1:{port}/",
    "private 10": "http://10.0.0.1/",
    "private 172 start": "http://172.16.0.1/",
    "private 172 end": "http://172.31.255.255/",
    "private 192": "http://192.168.0.1/",
    "carrier NAT start": "http://100.64.0.1/",
    "carrier NAT end": "http://100.127.255.255/",
    "carrier NAT metadata": "http://100.100.100.200/latest/meta-data/",
    "link-local": "http://169.254.0.1/",
    "metadata": "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "metadata of tasks": "http://169.254.170.2/v2/credentials",
    "metadata in assignments": "http://192.0.0.192/latest/",
    "host of an Azure machine": "http://168.63.129.16/machine/?comp=goalstate",
    "assignments": "http://192.0.0.1/",
    "benchmarks start": "http://198.18.0.1/",
    "benchmarks end": "http://198.19.255.255/",
    "documentation 1": "http://192.0.2.1/",
    "documentation 2": "http://198.51.100.1/",
    "documentation 3": "http://203.0.113.1/",
    "6to4 relay": "http://192.88.99.1/",
    "multicast": "http://224.0.0.1/",
    "multicast local": "http://239.255.255.250/",
    "reserved": "http://240.0.0.1/",
    "broadcast": "http://255.255.255.255/",
    "this network": "http://0.0.0.0:{port}/",
    "this network, other": "http://0.1.2.3/",
    # IPv4 spelled otherwise
    "decimal": "http://2130706433:{port}/",
    "decimal metadata": "http://2852039166/",
    "hex": "http://0x7f000001:{port}/",
    "hex in capitals": "http://0X7F000001:{port}/",
    "hex dotted": "http://0x7f.0x0.0x0.0x1:{port}/",
    "hex and decimal": "http://0x7f.1:{port}/",
    "hex without digits": "http://127.0.0.0x:{port}/",
    "octal": "http://017700000001:{port}/",
    "octal dotted": "http://0177.0.0.01:{port}/",
    "octal and decimal": "http://0177.1:{port}/",
    "leading zeros": "http://127.000.000.001:{port}/",
    "short, two": "http://127.1:{port}/",
    "short, three": "http://127.0.1:{port}/",
    "zero": "http://0:{port}/",
    "zero, hex": "http://0x0:{port}/",
    "wrapped decimal": "http://4294967297:{port}/",
    "wrapped byte": "http://383.0.0.1:{port}/",
    "five parts": "http://127.0.0.1.1:{port}/",
    "trailing dot": "http://127.0.0.1.:{port}/",
    "trailing dot, short": "http://127.1.:{port}/",
    "two trailing dots": "http://127.0.0.1..:{port}/",
    "public, but octal": "http://0135.184.216.34/",
    "full-width digits": "http://１２７.0.0.1:{port}/",
    "circled digits": "http://①②⑦.⓪.⓪.①:{port}/",
    "ideographic full stops": "http://127。0。0。1:{port}/",
    "Arabic digits": "http://١٢٧.٠.٠.١:{port}/",
    "percent-encoded digits": "http://%31%32%37.0.0.1:{port}/",
    "percent-encoded dot": "http://127%2e0%2e0%2e1:{port}/",
    "zero byte behind": "http://127.0.0.1%00.outlet.example:{port}/",
    "space behind": "http://127.0.0.1%20:{port}/",
    # user info and other decoration
    "user": "http://outlet.example@127.0.0.1:{port}/",
    "user and word": "http://outlet.example:80@127.0.0.1:{port}/",
    "user, encoded": "http://outlet.example%2F@127.0.0.1:{port}/",
    "fragment with another host": "http://127.0.0.1:{port}#@outlet.example/",
    "query with another host": "http://127.0.0.1:{port}?@outlet.example/",
    # IPv6
    "v6 loopback": "http://[::1]:{port}/",
    "v6 loopback in full": "http://[0000:0000:0000:0000:0000:0000:0000:0001]:{port}/",
    "v6 unspecified": "http://[::]:{port}/",
    "v6 mapped": "http://[::ffff:127.0.0.1]:{port}/",
    "v6 mapped, hex": "http://[::ffff:7f00:1]:{port}/",
    "v6 mapped in full": "http://[0:0:0:0:0:ffff:7f00:1]:{port}/",
    "v6 mapped metadata": "http://[::ffff:169.254.169.254]/",
    "v6 mapped private": "http://[::ffff:10.0.0.1]/",
    "v6 mapped zero": "http://[::ffff:0.0.0.0]:{port}/",
    "v6 translated": "http://[::ffff:0:127.0.0.1]:{port}/",
    "v6 compatible": "http://[::127.0.0.1]:{port}/",
    "v6 compatible, public": "http://[::8.8.8.8]/",
    "v6 NAT64": "http://[64:ff9b::127.0.0.1]:{port}/",
    "v6 NAT64 metadata": "http://[64:ff9b::a9fe:a9fe]/",
    "v6 NAT64, local": "http://[64:ff9b:1::8.8.8.8]/",
    "v6 6to4": "http://[2002:7f00:1::]:{port}/",
    "v6 6to4 private": "http://[2002:c0a8:101::1]/",
    "v6 Teredo": "http://[2001:0:808:808:0:0:80ff:fffe]:{port}/",
    "v6 Teredo, public": "http://[2001:0:808:808::f7f7:f7f7]/",
    "v6 ISATAP": "http://[2606:4700::5efe:10.0.0.1]/",
    "v6 ISATAP, global bit": "http://[2606:4700::200:5efe:127.0.0.1]:{port}/",
    "v6 ISATAP link-local": "http://[fe80::5efe:192.168.0.1]/",
    "v6 unique local": "http://[fc00::1]/",
    "v6 metadata": "http://[fd00:ec2::254]/latest/meta-data/",
    "v6 metadata of another cloud": "http://[fd20:ce::254]/",
    "v6 link-local": "http://[fe80::1]/",
    "v6 zone": "http://[fe80::1%25eth0]/",
    "v6 zone on loopback": "http://[::1%25lo]:{port}/",
    "v6 zone on a public one": "http://[2606:4700:4700::1111%25eth0]/",
    "v6 site-local": "http://[fec0::1]/",
    "v6 documentation": "http://[2001:db8::1]/",
    "v6 new documentation": "http://[3fff::1]/",
    "v6 benchmarks": "http://[2001:2::1]/",
    "v6 ORCHID": "http://[2001:10::1]/",
    "v6 discard": "http://[100::1]/",
    "v6 segment routing": "http://[5f00::1]/",
    "v6 multicast": "http://[ff02::1]/",
    # names
    "localhost": "http://localhost:{port}/",
    "localhost in capitals": "http://LOCALHOST:{port}/",
    "localhost, complete": "http://localhost.:{port}/",
    "localhost, circled": "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/",
    "localhost, full-width": "http://ｌｏｃａｌｈｏｓｔ:{port}/",
    "below localhost": "http://feed.localhost:{port}/",
    "localdomain": "http://localhost.localdomain:{port}/",
    "localhost6": "http://localhost6.localdomain6:{port}/",
    "local": "http://printer.local/",
    "internal": "http://metadata.google.internal/computeMetadata/v1/",
    "internal, complete": "http://metadata.google.internal./computeMetadata/v1/",
    "internal, one-dot leader": "http://metadata.google\N{ONE DOT LEADER}internal/",
    "home": "http://router.home.arpa/",
    "lan": "http://nas.lan/",
    "one word": "http://kubernetes/",
    "one word with port": "http://redis:8080/",
    "zero byte in a name": "http://localhost%00.outlet.example:{port}/",
    "underscore is a name all the same": "http://my_router.lan/",
    "comma": "http://127.0.0.1,outlet.example:{port}/",
    # ports
    "port 22": "http://93.184.216.34:22/",
    "port 25": "http://93.184.216.34:25/",
    "port 6379": "http://outlet.example:6379/",
    "port 11211": "http://outlet.example:11211/",
    "port 2375": "http://outlet.example:2375/containers/json",
    "port 0": "http://93.184.216.34:0/",
}
# Another error than `blocked_address` is as good where the address is none that could be asked at all.
OTHERS = {
    "file": ("file:///etc/passwd", {"redirect", "blocked_address"}),
    "file with host": ("file://127.0.0.1:{port}/", {"redirect", "blocked_address"}),
    "gopher": ("gopher://127.0.0.1:{port}/_GET%20/", {"redirect", "blocked_address"}),
    "ftp": ("ftp://127.0.0.1:{port}/feed", {"redirect", "blocked_address"}),
    "data": ("data:text/xml,<rss/>", {"redirect", "blocked_address"}),
    "jar": ("jar:http://127.0.0.1:{port}/a!/b", {"redirect", "blocked_address"}),
    "dict": ("dict://127.0.0.1:{port}/d:feed", {"redirect", "blocked_address"}),
    "ldap": ("ldap://127.0.0.1:{port}/", {"redirect", "blocked_address"}),
    "ws": ("ws://127.0.0.1:{port}/", {"redirect", "blocked_address"}),
    "feed": ("feed://127.0.0.1:{port}/", {"redirect", "blocked_address"}),
    "soft hyphen within": ("http://127.0.0.\N{SOFT HYPHEN}1:{port}/", {"protocol", "bad_address", "blocked_address"}),
    "zero-width space within": ("http://local\N{ZERO WIDTH SPACE}host:{port}/", {"protocol", "bad_address", "blocked_address"}),
    "backslash": ("http://127.0.0.1:{port}\\@outlet.example/", {"protocol", "bad_address", "blocked_address"}),
    "port too high": ("http://127.0.0.1:65536/", {"protocol", "bad_address", "blocked_address"}),
    "zero byte behind a bracket": ("http://[::1]%00:{port}/", {"protocol", "bad_address", "blocked_address"}),
}
CASES = [pytest.param(url, {"blocked_address"}, id=name) for name, url in VECTORS.items()] + [
    pytest.param(url, kinds, id=name) for name, (url, kinds) in OTHERS.items()
]


@pytest.fixture(scope="module")
def canary() -> Iterator[FeedServer]:
    """A server on loopback; a request to it is a hole."""
    with serve() as server:
        yield server


@pytest.fixture(scope="module")
def proxy() -> Iterator[FeedServer]:
    """A proxy on loopback that answers itself, as far servers would."""
    with serve() as server:
        yield server


def fetch(url: str, *, proxy: str | None = None, allow_private_networks: bool = False) -> FetchedFeed | NotModified | FetchError:
    limits = FetchLimits(
        concurrency=1,
        per_host=1,
        min_delay_s=0.0,
        timeout_s=10.0,
        max_bytes=10_000,
        allow_private_networks=allow_private_networks,
    )

    async def run() -> FetchedFeed | NotModified | FetchError:
        fetcher = HttpFetcher(limits, user_agent="narrative-monitor/test", read_clock=lambda: NOON)
        feeds = [(make_feed("f", url=url, proxy=proxy), FeedState())]
        (outcome,) = [outcome async for _, outcome in fetcher.fetch_feeds(feeds)]
        return outcome

    return asyncio.run(run())


def port_of(server: FeedServer) -> int:
    return int(server.url.rpartition(":")[2])


def test_there_are_enough_vectors():
    assert len(CASES) >= 90


@pytest.mark.parametrize(("url", "kinds"), CASES)
def test_a_feed_inside_is_refused(canary, url, kinds):
    outcome = fetch(url.format(port=port_of(canary)))
    assert isinstance(outcome, FetchError), outcome
    assert outcome.kind in kinds
    assert canary.requests == []


@pytest.mark.parametrize(("url", "kinds"), CASES)
def test_a_feed_inside_is_not_asked_for_through_a_proxy_either(canary, proxy, url, kinds):
    proxy.requests.clear()
    outcome = fetch(url.format(port=port_of(canary)), proxy=proxy.url)
    assert isinstance(outcome, FetchError), outcome
    assert outcome.kind in kinds
    assert (canary.requests, proxy.requests) == ([], [])


@pytest.mark.parametrize("status", [302, 308])
@pytest.mark.parametrize(("url", "kinds"), CASES)
def test_a_redirect_inside_is_refused(canary, proxy, url, kinds, status):
    proxy.requests.clear()
    proxy.statuses[PUBLIC] = status
    # Header values go out as Latin-1; this sends the bytes of UTF-8.
    location = url.format(port=port_of(canary)).encode().decode("latin-1")
    proxy.headers[PUBLIC] = {"Location": location}
    outcome = fetch(PUBLIC, proxy=proxy.url)
    assert isinstance(outcome, FetchError), outcome
    assert outcome.kind in kinds
    assert canary.requests == []
    assert [path for path, _ in proxy.requests] == [PUBLIC]


@pytest.mark.parametrize(
    "target",
    ["//127.0.0.1:{port}/", "\\\\127.0.0.1:{port}\\", "//localhost:{port}", "http:\\\\127.0.0.1:{port}/"],
)
def test_a_relative_redirect_does_not_lead_inside(canary, proxy, target):
    proxy.statuses = {PUBLIC: 302}
    proxy.headers[PUBLIC] = {"Location": target.format(port=port_of(canary))}
    assert isinstance(fetch(PUBLIC, proxy=proxy.url), FetchError)
    assert canary.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_the_server_that_must_not_be_asked_can_be_reached_where_that_is_allowed(host):
    with serve() as server:
        server.documents["/rss"] = b"<rss/>"
        outcome = fetch(f"http://{host}:{port_of(server)}/rss", allow_private_networks=True)
        assert isinstance(outcome, FetchedFeed), outcome
        assert [path for path, _ in server.requests] == ["/rss"]


@pytest.mark.parametrize(
    "url", [PUBLIC, "http://outlet.example/rss", "http://user:word@outlet.example/rss", "http://новини.example:8080/rss"]
)
def test_what_is_public_goes_through(proxy, url):
    proxy.statuses, proxy.headers = {}, {}
    proxy.requests.clear()
    outcome = fetch(url, proxy=proxy.url)
    assert isinstance(outcome, FetchError)
    assert outcome.kind == "http_404"
    assert len(proxy.requests) == 1


class StagedResolver(AbstractResolver):
    """Gives one of several answers after the other, each with all its addresses; the last one for good."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST)
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


def get(url: str, resolver: PublicResolver, *, checks_before: int) -> BaseException | int:
    """The status that an address answers with, or what kept it from being asked."""

    async def run() -> BaseException | int:
        for _ in range(checks_before):
            await resolver.resolve("outlet.example", 80)
        connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False)
        async with aiohttp.ClientSession(connector=connector) as session:
            try:
                async with session.get(url) as response:
                    return response.status
            except (aiohttp.ClientError, FetchError) as error:
                return error

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("answers", "checks_before"),
    [
        pytest.param([["93.184.216.34"], ["127.0.0.1"]], 1, id="public first, loopback then"),
        pytest.param([["93.184.216.34", "127.0.0.1"]], 0, id="both, public first"),
        pytest.param([["127.0.0.1", "93.184.216.34"]], 0, id="both, loopback first"),
        pytest.param([["::ffff:127.0.0.1"]], 0, id="mapped"),
        pytest.param([["fe80::1%lo"]], 0, id="zone"),
        pytest.param([["2130706433"]], 0, id="no address at all"),
    ],
)
def test_a_name_that_changes_its_mind_does_not_lead_inside(canary, answers, checks_before):
    resolver = PublicResolver(resolver=StagedResolver(*answers))
    error = get(f"http://outlet.example:{port_of(canary)}/", resolver, checks_before=checks_before)
    while isinstance(error, BaseException) and not isinstance(error, FetchError):
        error = error.__cause__ or error.__context__
    assert isinstance(error, FetchError)
    assert error.kind == "blocked_address"
    assert canary.requests == []


def test_a_trusted_host_may_be_inside():
    with serve() as server:
        resolver = PublicResolver(trusted_hosts=frozenset({"outlet.example"}), resolver=StagedResolver(["127.0.0.1"]))
        assert get(f"http://outlet.example:{port_of(server)}/", resolver, checks_before=0) == 404
        assert len(server.requests) == 1


def test_no_port_of_the_web_is_blocked():
    assert not BLOCKED_PORTS & {80, 81, 443, 3000, 4000, 5000, 8000, 8008, 8080, 8081, 8088, 8443, 8888, 9000}
