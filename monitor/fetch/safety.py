"""Which addresses may be contacted. The check is made on the addresses that the connection then uses.

Two guards stand behind each other. `check_literal_host` reads an address as it is written, before anything is sent: it
knows the spellings of an IP address that some library on the way would understand, the names that only mean something
inside a network, and the ports on which no web server listens. `PublicResolver` looks at what a name leads to. Where a
proxy resolves the names, only the first guard can be had: what a name leads to is the proxy's to refuse.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from typing import TYPE_CHECKING, Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from monitor.errors import FetchError

if TYPE_CHECKING:
    from yarl import URL

SCHEMES: Final = frozenset({"http", "https"})

# Written out instead of `is_global`, of which the answer differs from one Python to the next.
_CLOSED_IPV4: Final = tuple(
    map(
        ipaddress.IPv4Network,
        [
            "0.0.0.0/8",  # this network; Linux takes 0.0.0.0 for loopback
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' NAT
            "127.0.0.0/8",
            "168.63.129.16/32",  # looks public, but is the host of a machine in Azure
            "169.254.0.0/16",  # link-local, with most clouds' metadata
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments, with one cloud's metadata
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays that are no more
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ],
    )
)
_UNICAST_IPV6: Final = ipaddress.IPv6Network("2000::/3")
_CLOSED_IPV6: Final = tuple(
    map(
        ipaddress.IPv6Network,
        [
            "2001::/23",  # protocol assignments: Teredo, which hides an IPv4 address, and ORCHID
            "2001:db8::/32",  # documentation
            "3fff::/20",  # documentation
        ],
    )
)
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})

# Names that nobody on the open internet can have: RFC 6761, 6762, 8375, and what routers and companies make up.
_INNER_DOMAINS: Final = frozenset(
    ["localhost", "local", "internal", "localdomain", "home.arpa", "lan", "intranet", "corp", "home", "private", "localdomain6"]
)
_NAME: Final = re.compile(r"^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$")
_NUMBER: Final = re.compile(r"^([0-9]+|0x[0-9a-f]*)$")
_DOTTED: Final = re.compile(r"^(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}$")

# The ports that browsers refuse (the Fetch standard's "bad ports"), at which something else than a web server listens.
_BAD_PORTS: Final = """
    0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 135 137
    139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 995 1719 1720 1723
    2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080
"""
# Databases, queues, remote desktops and the control of clusters, of which some speak HTTP or put up with it.
_SERVICE_PORTS: Final = """
    445 873 1099 1433 1521 2181 2375 2376 2379 2380 3306 3389 4369 5432 5672 5900 5984 6379 6443 8500 9042 9092 9200 9300 10250
    10255 11211 27017
"""
BLOCKED_PORTS: Final = frozenset(map(int, f"{_BAD_PORTS} {_SERVICE_PORTS}".split()))


def is_public_address(address: str) -> bool:
    """Whether an IP address is one of the open internet, also when an IPv4 address hides in an IPv6 one.

    Raises ValueError where ``address`` is no IP address. One with a zone (``%eth0``) is of this machine's network.
    """
    plain, zone, _ = address.partition("%")
    ip = ipaddress.ip_address(plain)
    if zone:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _CLOSED_IPV4)
    inner = _find_ipv4(ip)
    if inner is not None and not is_public_address(str(inner)):
        return False
    if ip in _MAPPED or ip in _NAT64:
        return True
    return ip in _UNICAST_IPV6 and not any(ip in network for network in _CLOSED_IPV6)


def _find_ipv4(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, in the wrappings that may lead to the open internet."""
    number = int(ip)
    if ip in _SIX_TO_FOUR:
        return ipaddress.IPv4Address((number >> 80) & 0xFFFFFFFF)
    if ip in _MAPPED or ip in _NAT64 or ((number >> 32) & 0xFFFFFFFF) in _ISATAP:
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    return None


def check_literal_host(url: URL) -> None:
    """Refuse an address that leads off the open internet by how it is written. Raises `FetchError`.

    Refused are: other schemes than http and https; ports of other services; IP addresses that are not public, or are not
    spelled in the usual way; names of one word, of inner domains, or with characters that no name has. What any other
    name leads to is looked at when it is resolved.
    """
    if url.scheme not in SCHEMES:
        raise blocked(f"the address begins with {url.scheme or 'nothing'}:, and only http and https are fetched")
    # yarl has decoded and folded the host as the connection will see it; `raw_host` is its ASCII form.
    host = (url.raw_host or "").lower()
    if url.port in BLOCKED_PORTS:
        raise blocked(f"{host} is asked for at port {url.port}, where other services than web servers listen")
    if ":" in host:
        _check_ip(host)
        return
    # One dot at the end only says that the name is complete.
    name = host.removesuffix(".")
    if not _NAME.match(name):
        raise blocked(f"{host!r} is no name of a host")
    _check_name(name)
    _check_digits(url.host or "")


def _check_name(name: str) -> None:
    labels = name.split(".")
    if _NUMBER.match(labels[-1]):
        if not _DOTTED.match(name):
            # 127.1, 2130706433, 0x7f.1, 0177.0.0.1: read as IP addresses by some, and by nobody honest.
            raise blocked(f"{name} is a number and no IP address in the usual spelling")
        _check_ip(name)
    elif len(labels) == 1:
        raise blocked(f"{name} is a name without a domain, which is not on the open internet")
    elif any(".".join(labels[start:]) in _INNER_DOMAINS for start in range(len(labels))):
        raise blocked(f"{name} is a name inside a network, which is not on the open internet")


def _check_digits(host: str) -> None:
    # Digits of other scripts are letters to DNS, and a number to whoever reads them with `int`.
    folded = "".join(str(unicodedata.decimal(char, char)) for char in host.removesuffix("."))
    if not host.isascii() and _NUMBER.match(folded.rpartition(".")[2]):
        raise blocked(f"{host} is the number {folded} in digits of another script")


def _check_ip(address: str) -> None:
    try:
        is_public = is_public_address(address)
    except ValueError as error:
        raise blocked(f"{address!r} is no IP address") from error
    if not is_public:
        raise _closed(address, address)


def blocked(reason: str) -> FetchError:
    """The error for an address that may not be contacted."""
    return FetchError("blocked_address", f"{reason}; if that is meant, set allow_private_networks: true")


def _closed(host: str, address: str) -> FetchError:
    return blocked(f"{host} is at {address}, which is not on the open internet")


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses one of which any address is not public.

    ``trusted_hosts`` are exempt: proxies that the user named. A session whose resolver trusts a proxy should fetch
    through that proxy only, or a page could send the program to the proxy's own machine.
    ``resolver`` is asked for the addresses; left out, it is the system's.
    The connection uses what this returns, so a name cannot change its mind between check and use.
    """

    def __init__(self, *, trusted_hosts: frozenset[str] = frozenset(), resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver or ThreadedResolver()
        self._trusted_hosts = trusted_hosts

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        """Addresses of a host. Raises `FetchError` for a forbidden one, OSError where there is none."""
        found = await self._resolver.resolve(host, port, family)
        if host not in self._trusted_hosts:
            for result in found:
                if not _is_public(result["host"]):
                    raise _closed(host, result["host"])
        return found

    async def close(self) -> None:
        """Give back what the inner resolver holds."""
        await self._resolver.close()


def _is_public(address: str) -> bool:
    try:
        return is_public_address(address)
    except ValueError:
        return False  # what is no address at all is not left to the connection to make something of
