"""Which addresses may be contacted. The check is made on the addresses that the connection then uses."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from monitor.errors import FetchError

if TYPE_CHECKING:
    from yarl import URL


_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_LAST_32_BITS_COUNT = ipaddress.ip_network("::/96")


def is_public_address(address: str) -> bool:
    """Whether an IP address is one of the open internet, also when an IPv4 address hides in an IPv6 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _find_ipv4(ip)
        if inner is not None:
            return is_public_address(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast


def _find_ipv4(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, in any of the usual wrappings."""
    if ip in _LAST_32_BITS_COUNT and int(ip) > 1:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if any(ip in network for network in _NAT64):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def check_literal_host(url: URL) -> None:
    """Refuse an IP literal that is not public; names are checked when they are resolved. Raises `FetchError`."""
    host = url.host or ""
    try:
        allowed = is_public_address(host)
    except ValueError:
        return
    if not allowed:
        raise blocked(host, host)


def blocked(host: str, address: str) -> FetchError:
    """The error for an address that may not be contacted."""
    return FetchError(
        "blocked_address",
        f"{host} is at {address}, which is not on the open internet; if that is meant, set allow_private_networks: true",
    )


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses one of which any address is not public.

    ``trusted_hosts`` are exempt: proxies that the user named.
    The connection uses what this returns, so a name cannot change its mind between check and use.
    """

    def __init__(self, *, trusted_hosts: frozenset[str] = frozenset()) -> None:
        self._resolver = ThreadedResolver()
        self._trusted_hosts = trusted_hosts

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        """Addresses of a host. Raises `FetchError` for a forbidden one, OSError where there is none."""
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            if host not in self._trusted_hosts and not is_public_address(result["host"]):
                raise blocked(host, result["host"])
        return found

    async def close(self) -> None:
        """Nothing to give back."""
        await self._resolver.close()
