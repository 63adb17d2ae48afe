"""The application: every route with who may use it. A route that is not in the table does not exist."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from monitor.errors import MonitorError
from monitor.review import accountpages, itempages, openpages, overviewpages, queuepages
from monitor.review.calls import PageRoute, make_endpoint
from monitor.review.guard import Guard
from monitor.review.parts import Parts, fill_queue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response


log = logging.getLogger("monitor")
FILL_EVERY_S = 30.0
# More threads would only fight for the interpreter. Hashing passwords is slow on purpose and must not hold up the others.
THREADS = 8
LOGIN_THREADS = 2


ROUTES = (
    PageRoute("/", "GET", openpages.show_start, "open"),
    PageRoute("/healthz", "GET", openpages.check_health, "open"),
    PageRoute("/csp-report", "POST", openpages.take_report, "open", takes_form=False),
    PageRoute("/static/{name}", "GET", openpages.send_static, "open"),
    PageRoute("/login", "GET", accountpages.show_login, "open"),
    PageRoute("/login", "POST", accountpages.log_in, "open", hashes=True),
    PageRoute("/logout", "POST", accountpages.log_out),
    PageRoute("/language", "POST", accountpages.choose_language),
    PageRoute("/account", "GET", accountpages.show_account),
    PageRoute("/account/password", "POST", accountpages.change_password, hashes=True),
    PageRoute("/queue", "GET", queuepages.show_queue),
    PageRoute("/next", "GET", itempages.next_item),
    PageRoute("/item/{item_id:int}", "GET", itempages.show_item),
    PageRoute("/item/{item_id:int}/decide", "POST", itempages.decide),
    PageRoute("/article/{article_id}", "GET", itempages.show_article),
    PageRoute("/decisions", "GET", queuepages.show_decisions),
    PageRoute("/decisions/{decision_id:int}/undo", "POST", itempages.undo),
    PageRoute("/search", "GET", queuepages.search),
    PageRoute("/trends", "GET", overviewpages.show_trends),
    PageRoute("/feeds", "GET", overviewpages.show_feeds),
    PageRoute("/bundle", "GET", overviewpages.show_bundle),
    PageRoute("/users", "GET", accountpages.show_users, "lead"),
    PageRoute("/users", "POST", accountpages.add_user, "lead", hashes=True),
    PageRoute("/users/switch", "POST", accountpages.switch_user, "lead"),
)


def make_app(parts: Parts, *, fills: bool = True) -> Guard:
    """The application over these parts. ``fills``: keep the queue up to date in the background."""
    limiter, hashing = CapacityLimiter(THREADS), CapacityLimiter(LOGIN_THREADS)
    parts.templates.globals["static"] = openpages.name_static
    routes = [
        Route(
            route.path,
            make_endpoint(parts, route, limiter=hashing if route.hashes else limiter),
            methods=[route.method],
        )
        for route in ROUTES
    ]

    @asynccontextmanager
    async def fill_meanwhile(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_keep_filled(parts)) if fills else None
        yield
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    app = Starlette(
        routes=routes,
        exception_handlers={404: _say_missing, 405: _say_missing, MonitorError: _say_failed, Exception: _say_failed},
        lifespan=fill_meanwhile,
    )
    # Outside of all, so that what is said when something breaks carries the headers too.
    return Guard(app, address=parts.address)


async def _keep_filled(parts: Parts) -> None:
    while True:
        try:
            await to_thread.run_sync(fill_queue, parts)
        except MonitorError as error:
            log.warning("the queue was not brought up to date: %s", error)
        await asyncio.sleep(FILL_EVERY_S)


async def _say_missing(_request: Request, error: Exception) -> Response:
    return PlainTextResponse("There is no such page.", status_code=getattr(error, "status_code", 404))


async def _say_failed(request: Request, error: Exception) -> Response:
    log.error("%s %s failed: %s", request.method, request.url.path, error)
    said = "Nothing was kept: the store or a part of the program failed. Try again; see the server's log.\n"
    return PlainTextResponse(said, status_code=503 if isinstance(error, MonitorError) else 500)
