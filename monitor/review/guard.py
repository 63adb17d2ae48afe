"""What stands before every route: allowed hosts, a cap on what is sent, and headers that bind the browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 * 1024
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'; report-uri /csp-report"
)


@dataclass(frozen=True, slots=True)
class Address:
    """How the page is reached. ``hosts`` are the Host headers that are answered; ``is_secure``: over TLS, behind a proxy."""

    hosts: frozenset[str]
    is_secure: bool

    @property
    def origins(self) -> frozenset[str]:
        """The origins that forms may come from."""
        return frozenset(f"{'https' if self.is_secure else 'http'}://{host}" for host in self.hosts)


def make_address(host: str, port: int, public_url: str | None) -> Address:
    """The address of a server bound to ``host`` and ``port``, or of the proxy before it."""
    if public_url is not None:
        return Address(frozenset({urlsplit(public_url).netloc.lower()}), is_secure=True)
    names = {"localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host}
    return Address(frozenset(f"{name.lower()}:{port}" for name in names), is_secure=False)


class Guard:
    """Refuses other hosts and large bodies, and sets the headers of every answer."""

    def __init__(self, app: ASGIApp, *, address: Address) -> None:
        self._app = app
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._set_headers(MutableHeaders(scope=message))
            await send(message)

        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self._address.hosts:
            refusal = PlainTextResponse("This server does not answer for that host.", status_code=421)
            await refusal(scope, receive, send_guarded)
        elif not _is_small(headers.get("content-length")):
            await PlainTextResponse("Too much was sent.", status_code=413)(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _set_headers(self, headers: MutableHeaders) -> None:
        policy = _POLICY
        if self._address.is_secure:
            # Browsers deliver these to servers with TLS only, and then ignore report-uri.
            policy += "; report-to csp; upgrade-insecure-requests"
            headers["Reporting-Endpoints"] = 'csp="/csp-report"'
            headers["Strict-Transport-Security"] = "max-age=31536000"
        headers["Content-Security-Policy"] = policy
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        headers.setdefault("Cache-Control", "no-store")


def _is_small(content_length: str | None) -> bool:
    # Without a length the body is measured while it is read.
    return content_length is None or (content_length.isdecimal() and int(content_length) <= MAX_BODY_BYTES)
