"""Pings a health check (healthchecks.io and its like) when a run begins, succeeds or fails.

Where it is stands only in the environment. Nothing here ever stops a run, and no message or error shows the address.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import FetchError, PingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp
    from yarl import URL

TIMEOUT_S = 5.0
# What of a failure is told: the services keep about so much.
MAX_BODY_CHARS = 10_000


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """The check whose address stands in a ``variable`` of the environment."""

    variable: str
    user_agent: str
    allow_private_networks: bool = False
    timeout_s: float = TIMEOUT_S

    def ping_start(self, environment: Mapping[str, str]) -> None:
        """Say that a run begins: GET ``ADDRESS/start``. Raises `PingError`."""
        self._ping(environment, "start", None)

    def ping_success(self, environment: Mapping[str, str]) -> None:
        """Say that it succeeded: GET ``ADDRESS``. Raises `PingError`."""
        self._ping(environment, "", None)

    def ping_failure(self, environment: Mapping[str, str], message: str) -> None:
        """Say that it failed, and why: POST ``ADDRESS/fail``. Raises `PingError`."""
        self._ping(environment, "fail", message)

    def _ping(self, environment: Mapping[str, str], signal: str, message: str | None) -> None:
        url = _complete(self._read_address(environment), signal)
        failures: list[str] = []
        # Looking a name up cannot be given up from within: what hangs is left behind in a thread of its own.
        sender = threading.Thread(target=self._send, args=(url, message, failures), name="healthcheck", daemon=True)
        sender.start()
        sender.join(self.timeout_s + 1)
        if sender.is_alive():
            failures = [self._say_slow()]
        if failures:
            raise PingError(f"health check: {signal or 'success'} was not taken: {failures[0]}")

    def _read_address(self, environment: Mapping[str, str]) -> URL:
        from yarl import URL  # noqa: PLC0415 - most runs ping nothing

        raw = environment.get(self.variable, "").strip()
        if not raw:
            raise PingError(f"health check: {self.variable} is not set; put the address to ping there")
        try:
            url = URL(raw)
        except ValueError as error:
            raise PingError(f"health check: {self.variable} holds no web address; write it in full, with https://") from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise PingError(f"health check: {self.variable} holds no web address; write it in full, with https://")
        return url

    def _send(self, url: URL, message: str | None, failures: list[str]) -> None:
        """Appends what went wrong, without the address."""
        try:
            asyncio.run(self._request(url, message))
        except PingError as error:
            failures.append(str(error))
        except FetchError:
            failures.append("its address is not on the open internet; if that is meant, set allow_private_networks: true")
        except TimeoutError:
            failures.append(self._say_slow())
        except Exception as error:  # noqa: BLE001 - whatever the other side does, the run goes on
            failures.append(f"it could not be reached ({type(error).__name__}); look at {self.variable}, and at the network")

    async def _request(self, url: URL, message: str | None) -> None:
        import aiohttp  # noqa: PLC0415 - slow to import

        from monitor.fetch.safety import check_literal_host  # noqa: PLC0415

        if not self.allow_private_networks:
            check_literal_host(url)
        async with (
            asyncio.timeout(self.timeout_s),
            aiohttp.ClientSession(connector=self._connect(), headers={"User-Agent": self.user_agent}) as session,
            # Not followed: the address that was named is the one that is told.
            session.request(
                "GET" if message is None else "POST",
                url,
                data=None if message is None else message[:MAX_BODY_CHARS].encode(),
                allow_redirects=False,
            ) as response,
        ):
            if not 200 <= response.status < 300:
                raise PingError(f"it answered {response.status}; look at {self.variable}")

    def _connect(self) -> aiohttp.BaseConnector:
        import aiohttp  # noqa: PLC0415 - as above

        from monitor.fetch.safety import PublicResolver  # noqa: PLC0415

        return aiohttp.TCPConnector(resolver=None if self.allow_private_networks else PublicResolver())

    def _say_slow(self) -> str:
        return f"it did not answer within {self.timeout_s:g} s; the next run pings again"


def _complete(url: URL, signal: str) -> URL:
    """The address of a signal; a query stays behind it."""
    return url.with_path(f"{url.path.rstrip('/')}/{signal}", keep_query=True) if signal else url
