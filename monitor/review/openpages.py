"""What is answered without a session: the way in, the health check, reports of browsers, and static files."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, Response

from monitor.errors import StoreError
from monitor.review.calls import redirect
from monitor.text import truncate

if TYPE_CHECKING:
    from monitor.review.calls import Call

MAX_REPORT_BYTES = 16 * 1024
_TYPES = {"review.css": "text/css; charset=utf-8", "review.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"}
_REPORTED = ("effective-directive", "effectiveDirective", "violated-directive", "blocked-uri", "blockedURL")


def show_start(call: Call) -> Response:
    """On to the queue."""
    return redirect("/queue" if call.session else "/login")


def check_health(call: Call) -> Response:
    """Whether server and store answer; nothing else is said here."""
    try:
        call.parts.store.check()
    except StoreError:
        return PlainTextResponse("the store does not answer\n", status_code=503)
    return PlainTextResponse("ok\n")


def take_report(call: Call) -> Response:
    """Count what a browser refused, and log what it was. Anybody may send this, so little is believed and little is kept."""
    if len(call.body) <= MAX_REPORT_BYTES:
        call.parts.tally.add_report(describe_report(call.body))
    return Response(status_code=204)


def describe_report(body: bytes) -> str:
    """One line on a report in either of the two forms that browsers send."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return "a report that cannot be read"
    first: Any = found[0] if isinstance(found, list) and found else found
    inner = first.get("csp-report", first.get("body", {})) if isinstance(first, dict) else {}
    told = [inner[name] for name in _REPORTED if isinstance(inner, dict) and isinstance(inner.get(name), str)]
    return truncate(" ".join(dict.fromkeys(ascii(one) for one in told)), 200) or "a report that says nothing"


def send_static(call: Call) -> Response:
    """One of our own files."""
    name = call.params["name"]
    if name not in _TYPES:
        return PlainTextResponse("There is no such file.", status_code=404)
    return Response(read_static(name), media_type=_TYPES[name], headers={"Cache-Control": "public, max-age=86400, immutable"})


@cache
def read_static(name: str) -> bytes:
    """The bytes of one of our own files."""
    return files("monitor.review").joinpath("static", name).read_bytes()


@cache
def name_static(name: str) -> str:
    """The address of a file, another one whenever its bytes change."""
    return f"/static/{name}?v={hashlib.sha256(read_static(name)).hexdigest()[:12]}"
