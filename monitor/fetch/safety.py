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


def is_public_address(address: str) -> bool:
    """Whether an IP address is one of the open internet, also when an IPv4 address hides in an IPv6 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return is_public_address(str(inner))
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            return is_public_address(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast


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

    The connection uses what this returns, so a name cannot change its mind between check and use.
    """

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        """Addresses of a host. Raises `FetchError` for a forbidden one, OSError where there is none."""
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            if not is_public_address(result["host"]):
                raise blocked(host, result["host"])
        return found

    async def close(self) -> None:
        """Nothing to give back."""
        await self._resolver.close()
