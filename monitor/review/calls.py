"""From a request to a `Call` that a page can answer, and back: sessions, forms and refusals, the same for every route."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from monitor.review.gate import is_form_token, make_form_token, make_token
from monitor.review.guard import MAX_BODY_BYTES
from monitor.review.messages import LANGUAGES, make_translator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from anyio import CapacityLimiter

    from monitor.decisions import Session
    from monitor.review.parts import Parts

Access = Literal["open", "analyst", "lead"]
MAX_FIELDS = 40
MAX_ID = 2**31 - 1
VISIT_COOKIE = "monitor_visit"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read and checked. ``token`` is the cookie that forms are bound to."""

    parts: Parts
    now: datetime
    method: str
    path: str
    params: Mapping[str, Any]
    query: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes
    token: str
    address: str
    language: str
    session: Session | None = None
    fresh_cookies: tuple[tuple[str, str], ...] = field(default=())

    @property
    def user(self) -> Session:
        """The session of a route that needs one."""
        if self.session is None:
            raise PermissionError("this page needs a log-in")
        return self.session

    def render(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page. Every template knows the call, the translator and the form token."""
        translate = make_translator(self.language)
        page = self.parts.templates.get_template(template)
        content = page.render(
            call=self, t=translate, csrf=make_form_token(self.token), names=self.parts.name_of, parts=self.parts, **values
        )
        response = HTMLResponse(content, status_code=status)
        for name, value in self.fresh_cookies:
            set_cookie(self.parts, response, name, value)
        return response

    def refuse(self, status: int, reason: str) -> Response:
        """A page that says in one sentence why there is nothing to see."""
        return self.render("message.html.j2", status=status, reason=reason)


@dataclass(frozen=True, slots=True)
class PageRoute:
    """One way in. ``takes_form``: what is sent must carry the form token of its session (GET sends nothing).

    ``hashes``: answering takes a hash of a password, which is slow on purpose.
    """

    path: str
    method: str
    page: Callable[[Call], Response]
    access: Access = "analyst"
    takes_form: bool = True
    hashes: bool = False


def session_cookie(parts: Parts) -> str:
    """The name of the session's cookie; with TLS browsers bind this one to the host and to TLS."""
    return "__Host-monitor_session" if parts.address.is_secure else "monitor_session"


def set_cookie(parts: Parts, response: Response, name: str, value: str) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send."""
    response.set_cookie(name, value, httponly=True, samesite="strict", secure=parts.address.is_secure, path="/")


def drop_cookie(parts: Parts, response: Response, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(name, path="/", httponly=True, samesite="strict", secure=parts.address.is_secure)


def redirect(path: str) -> Response:
    """On to another page of ours, which is fetched with GET."""
    return RedirectResponse(path, status_code=303)


def make_endpoint(parts: Parts, route: PageRoute, *, limiter: CapacityLimiter) -> Callable[[Request], Awaitable[Response]]:
    """The page as an endpoint that lets nobody in who may not, and takes no form that is not its own."""

    async def answer(request: Request) -> Response:
        try:
            body = await _read_body(request) if request.method == "POST" else b""
        except ClientDisconnect:
            return PlainTextResponse("", status_code=400)
        if body is None:
            return PlainTextResponse("Too much was sent.", status_code=413)
        return await to_thread.run_sync(_answer, parts, route, request, body, limiter=limiter)

    return answer


async def _read_body(request: Request) -> bytes | None:
    """What was sent; None where that is too much."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


def _answer(parts: Parts, route: PageRoute, request: Request, body: bytes) -> Response:
    call = _read_call(parts, request, body, takes_form=route.takes_form)
    if any(isinstance(value, int) and value > MAX_ID for value in call.params.values()):
        return PlainTextResponse("There is no such page.", status_code=404)
    if route.access != "open" and call.session is None:
        response = redirect("/login") if request.method in {"GET", "HEAD"} else call.refuse(401, "refused_session")
        if request.cookies.get(session_cookie(parts)):
            drop_cookie(parts, response, session_cookie(parts))
        return response
    if route.access == "lead" and call.user.account.role != "lead":
        return call.refuse(403, "refused_role")
    if route.takes_form and request.method == "POST" and not _is_own_form(parts, request, call):
        return call.refuse(403, "refused_form")
    return route.page(call)


def _is_own_form(parts: Parts, request: Request, call: Call) -> bool:
    """Whether a form comes from a page of ours that was made for this very session."""
    # Without a referrer, as our policy has it, browsers send the origin `null` with our own forms too.
    origin = request.headers.get("origin", "null").lower()
    if origin != "null" and origin not in parts.address.origins:
        return False
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    return is_form_token(call.form.get("csrf", ""), call.token)


def _read_call(parts: Parts, request: Request, body: bytes, *, takes_form: bool) -> Call:
    now = parts.read_clock()
    token = request.cookies.get(session_cookie(parts), "")
    session = parts.gate.find_session(token, now) if token else None
    fresh: tuple[tuple[str, str], ...] = ()
    if session is None:
        token = request.cookies.get(VISIT_COOKIE, "")
        if len(token) != len(make_token()):
            token = make_token()
            fresh = ((VISIT_COOKIE, token),)
    return Call(
        parts=parts,
        now=now,
        method=request.method,
        path=request.url.path,
        params=request.path_params,
        query=dict(request.query_params),
        form=_read_form(request, body) if takes_form and body else {},
        body=body,
        token=token,
        address=_find_address(parts, request),
        language=session.language if session else _choose_language(request),
        session=session,
        fresh_cookies=fresh,
    )


def _read_form(request: Request, body: bytes) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return {}
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except (UnicodeDecodeError, ValueError):
        return {}
    return {name: value.replace("\0", "") for name, value in pairs}


def _find_address(parts: Parts, request: Request) -> str:
    """The address of who asks. A proxy's word is taken only where we were told that there is one; its own entry is the last."""
    told = request.headers.get("x-forwarded-for", "") if parts.address.is_secure else ""
    return told.rpartition(",")[2].strip() or (request.client.host if request.client else "unknown")


def _choose_language(request: Request) -> str:
    """Before log-in: the one asked for in the address, else the browser's, else Ukrainian."""
    wished = [request.query_params.get("lang", ""), *request.headers.get("accept-language", "").split(",")]
    codes = [one.strip()[:2].lower() for one in wished]
    return next((code for code in codes if code in LANGUAGES), LANGUAGES[0])
