"""A server that lies, stumbles and stalls, and then turns honest: nothing may be missing, and our manners show in its log."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from monitor.fetch.client import FetchLimits, HttpFetcher
from monitor.pipeline.parts import Parts
from monitor.pipeline.run import run_pipeline
from monitor.records import (
    Feed,
)
from monitor.stages.parse import parse_feed
from monitor.storage.store import SqlStore
from tests.functional.servers import make_rss
from tests.functional.test_pipeline import extract_nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

START = datetime(2026, 11, 20, 6, tzinfo=UTC)
FORMS = ("honest", "constant ETag", "false 304", "429 storm", "slow drip", "redirect loop", "reset", "half body")


class Liar:
    """One feed for each way to lie; each day has an item of its own, and the last ten are listed. ``log`` has every request."""

    def __init__(self) -> None:
        self.is_honest = False
        self.day = 0
        self.log: list[tuple[str, dict[str, str]]] = []

    def list_items(self, form: str) -> bytes:
        days = range(max(0, self.day - 9), self.day + 1)
        return make_rss(
            [{"title": f"{form}: новость {n}", "link": f"https://liar.example/{form.replace(' ', '-')}/{n}"} for n in days]
        )

    async def answer(self, request: web.Request) -> web.StreamResponse:
        form = FORMS[int(request.path.strip("/").split("-")[0])]
        self.log.append((form, dict(request.headers)))
        body = self.list_items(form)
        if self.is_honest or form == "honest":
            return web.Response(body=body, headers={"ETag": f'"{self.day}"'})
        simple = {
            "429 storm": web.Response(status=429, headers={"Retry-After": "7200"}),
            "redirect loop": web.Response(status=302, headers={"Location": "/5-b" if request.path == "/5" else "/5"}),
        }
        if form in simple:
            return simple[form]
        if form in {"constant ETag", "false 304"}:
            asked = "If-None-Match" in request.headers
            return web.Response(status=304) if asked else web.Response(body=body, headers={"ETag": '"always"'})
        return await (self.drip if form == "slow drip" else self.break_off)(request, body)

    async def drip(self, request: web.Request, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for byte in body:
            await response.write(bytes([byte]))
            await asyncio.sleep(0.2)
        return response

    async def break_off(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Cut the connection in the middle of the body, or before anything was said."""
        if request.path == "/6":
            request.transport.abort()
            return web.Response()
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        request.transport.abort()
        return response


@pytest.fixture
def liar() -> Iterator[tuple[Liar, int]]:
    """The server in a thread of its own, and its port."""
    state, loop, ready = Liar(), asyncio.new_event_loop(), threading.Event()
    ports: list[int] = []

    async def start() -> web.ServerRunner:
        runner = web.ServerRunner(web.Server(state.answer), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(runner.addresses[0][1])
        ready.set()
        return runner

    def serve() -> None:
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait(10)
    try:
        yield state, ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def run(store: SqlStore, port: int, now: datetime, forms: Sequence[str] = FORMS) -> None:
    """One run at a time of our choosing, over the feeds that lie in these ways."""
    limits = FetchLimits(8, 8, min_delay_s=0.0, timeout_s=1.0, max_bytes=1_000_000, allow_private_networks=True)
    parts = Parts(
        fetcher=HttpFetcher(limits, user_agent="narrative-monitor/test (+mailto:tests@example.org)", read_clock=lambda: now),
        parse=parse_feed,
        extract=extract_nothing,
        bundle_id="cb1-000000000000",
        classifier=None,
        store=store,
        archive=None,
        full_text="never",
        read_clock=lambda: now,
        read_timer=time.monotonic,
        report_progress=lambda _: None,
    )
    feeds = [
        Feed(f"f{n}", f"http://{'localhost' if form == '429 storm' else '127.0.0.1'}:{port}/{n}", form)
        for n, form in enumerate(FORMS)
    ]
    run_pipeline(parts, feeds, run_id=now.isoformat(), started_at=now, day=date(2026, 11, 20))


def test_after_it_turns_honest_nothing_is_missing_and_our_manners_were_good(tmp_path: Path, liar: tuple[Liar, int]) -> None:
    state, port = liar
    with SqlStore(f"sqlite:///{tmp_path / 'monitor.db'}") as store:
        for day in range(4):
            state.day = day
            for hour in (0, 1, 12):
                run(store, port, START + timedelta(days=day, hours=hour))
        lying = list(state.log)
        for hour in range(26):
            run(store, port, START + timedelta(days=3, hours=13, minutes=10 * hour), ["false 304"])
        state.is_honest = True
        for hour in (0, 13, 26):
            run(store, port, START + timedelta(days=4, hours=hour))
        for number, form in enumerate(FORMS):
            for day in range(4):
                assert store.load_history(f"https://liar.example/{form.replace(' ', '-')}/{day}"), (form, day)
            assert store.load_feed_states()[f"f{number}"].failures == 0
        assert store.load_feed_states()["f2"].lies >= 1
    asked = [form for form, _ in lying]
    assert {headers["User-Agent"] for _, headers in lying} == {"narrative-monitor/test (+mailto:tests@example.org)"}
    # Two hours were asked for: the visit an hour later was left out each time.
    assert asked.count("429 storm") == 8
    # A connection that was cut is tried again once by the client and once by us, for each of the twelve visits at most.
    assert asked.count("reset") <= 4 * 12
    assert sum(1 for form, headers in lying if form == "honest" and "If-None-Match" in headers) >= 3
