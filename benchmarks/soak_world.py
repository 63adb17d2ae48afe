"""The outside world of a soak: feeds that publish for years, on loopback, the same for the same seed.

    python -m benchmarks.soak_world --feeds 40 --seed 1

prints its address, and serves until its standard input is closed. What a feed lists depends only on seed, feed and time; the time
is what ``/control?now=ISO&mode=MODE&after=N`` said last. In mode ``up`` all is well, in mode ``down`` every connection
from the Nth request on is cut. ``/served`` gives every key that a whole document of a feed ever listed.

A quarter of the feeds has headlines only. Items come as copies in other feeds, are edited, change their guids; now and then a
document is cut short, a block page stands in its place, or the server fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from benchmarks.feed_farm import RUSSIAN, SMALL, UKRAINIAN

LISTED = 80
BORN = datetime(2026, 11, 1, tzinfo=UTC)
COPIED, EDITED, RENAMED = 0.05, 0.03, 0.01
BROKEN = {"cut": 0.01, "block page": 0.005, "error": 0.01}
BLOCK_PAGE = b"<html><title>Access denied</title><p>Checking your browser</p></html>"
CLAIMS = (
    "Съезд крымских татар единогласно поддержал президента и специальную операцию",
    "Специальная операция идёт по плану, все цели будут достигнуты, заявили в министерстве обороны",
    "Санкции ударили по Европе сильнее, чем по России, экономика Запада рушится",
    "Русофобия на Западе достигла предела: русским запрещают говорить на родном языке",
)


class Item(NamedTuple):
    """One item as it is listed at some time."""

    key: str
    link: str
    title: str
    text: str
    at: datetime


class Told(NamedTuple):
    """An item's whole life: what it says at first, and what changes when."""

    number: str
    first: Item
    edited_at: datetime | None
    renamed_at: datetime | None

    def at(self, now: datetime) -> Item:
        """The item as it is listed now."""
        item = self.first
        if self.edited_at is not None and now >= self.edited_at:
            item = item._replace(text=f"{item.text} Дополнено: подробности появятся позже.")
        if self.renamed_at is not None and now >= self.renamed_at:
            item = item._replace(key=f"{item.key}-renamed")
        return item


class World:
    """What all feeds list at any time."""

    def __init__(self, feeds: int, seed: int) -> None:
        self.feeds, self._seed = feeds, seed
        self._day = lru_cache(maxsize=feeds * 40)(self._make_day)

    def list_items(self, feed: int, now: datetime) -> list[Item]:
        """What a feed lists now, newest first."""
        day, found = (now - BORN).days, list[Told]()
        while len(found) < LISTED and day >= 0:
            found += [told for told in reversed(self._day(feed, day)) if told.first.at <= now]
            day -= 1
        return [told.at(now) for told in found[:LISTED]]

    def _dice(self, *what: object) -> random.Random:
        return random.Random(f"{self._seed} {what}")  # noqa: S311 - reproducible, not secret

    def _make_day(self, feed: int, day: int) -> list[Told]:
        own = self._make_own(feed, day)
        neighbour = (feed + 1) % self.feeds
        copied = [] if neighbour == feed else [one for one in self._make_own(neighbour, day) if self._is_copied(one)]
        for one in copied:
            # A partner carries it at its own address, or at the same one with a mark of where one comes from.
            is_same = one.number.endswith(("0", "2", "4", "6", "8"))
            link = f"{one.first.link}?utm_source=feed{feed}" if is_same else f"https://o{feed}.example/partner/{one.number}"
            item = one.first._replace(key=f"{feed}-of-{one.number}", link=link, at=one.first.at + timedelta(minutes=20))
            own.append(Told(one.number, item, None, None))
        return sorted(own, key=lambda told: told.first.at)

    def _is_copied(self, told: Told) -> bool:
        return self._dice("copied", told.number).random() < COPIED

    def _make_own(self, feed: int, day: int) -> list[Told]:
        dice = self._dice("day", feed, day)
        rate = self._dice("rate", feed).choice((3, 3, 3, 4, 4, 5, 6, 8, 12, 20))
        start = BORN + timedelta(days=day)
        amount = min(20, max(1, round(dice.gauss(rate, 1))))
        minutes = sorted(dice.sample(range(24 * 60 - 30), amount))
        return [self._make_item(dice, feed, f"{feed}-{day}-{n}", start + timedelta(minutes=at)) for n, at in enumerate(minutes)]

    def _make_item(self, dice: random.Random, feed: int, number: str, at: datetime) -> Told:
        words = f"{UKRAINIAN if feed % 3 == 1 else RUSSIAN} {SMALL}".split()
        title = " ".join(dice.choices(words, k=dice.randint(6, 11))).capitalize()
        if dice.random() < 0.02:
            title = f"{dice.choice(CLAIMS)}: {dice.choice(words)} {dice.choice(words)}"
        text = "" if feed % 4 == 0 else f"{' '.join(dice.choices(words, k=dice.randint(15, 45))).capitalize()}."
        edited_at = at + timedelta(hours=dice.randint(2, 40)) if dice.random() < EDITED else None
        renamed_at = at + timedelta(hours=dice.randint(2, 40)) if dice.random() < RENAMED else None
        return Told(number, Item(number, f"https://o{feed}.example/news/{number}", title, text, at), edited_at, renamed_at)


def render(items: list[Item]) -> bytes:
    """An RSS document of items."""
    listed = "".join(
        f'<item><title>{escape(one.title)}</title><link>{escape(one.link)}</link><guid isPermaLink="false">{one.key}</guid>'
        f"<pubDate>{format_datetime(one.at)}</pubDate><description>{escape(one.text)}</description></item>\n"
        for one in items
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel><title>Лента</title>{listed}</channel></rss>'.encode()
    )


class Served:
    """What was asked for and given; the control of it all."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self._seed = world, seed
        self.now, self.mode, self.left = BORN, "up", 0
        self._lock, self._visits = Lock(), 0
        self.keys: list[set[str]] = [set() for _ in range(world.feeds)]

    def control(self, query: str) -> bytes:
        """Set the time and the mode; how many requests there were since the last time."""
        given = {name: values[0] for name, values in parse_qs(query).items()}
        with self._lock:
            self.now = datetime.fromisoformat(given["now"])
            self.mode, self.left = given.get("mode", "up"), int(given.get("after", "0"))
            asked, self._visits = self._visits, 0
        return json.dumps({"requests": asked}).encode()

    def take_turn(self) -> bool:
        """Count a request; False where its connection is to be cut."""
        with self._lock:
            self._visits += 1
            self.left -= 1
            return self.mode == "up" or self.left >= 0

    def answer(self, feed: int) -> tuple[int, bytes]:
        """Status and document of a feed."""
        items = self.world.list_items(feed, self.now)
        body = render(items)
        dice = random.Random(f"{self._seed} broken {feed} {self.now.isoformat()}")  # noqa: S311
        chance = dice.random()
        for form, share in BROKEN.items():
            if chance < share:
                return self._break(form, body)
            chance -= share
        with self._lock:
            self.keys[feed].update(one.key for one in items)
        return 200, body

    def _break(self, form: str, body: bytes) -> tuple[int, bytes]:
        if form == "error":
            return 503, b""
        return 200, body[
            : len(body) // 2
        ] if form == "cut" else b"<html><title>Access denied</title><p>Checking your browser</p></html>"

    def tell(self) -> bytes:
        """Every key that was given in a whole document, by feed."""
        with self._lock:
            return json.dumps({str(feed): sorted(keys) for feed, keys in enumerate(self.keys)}).encode()


class _Handler(BaseHTTPRequestHandler):
    served: Served

    def do_GET(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        if parts.path == "/control":
            self._send(200, self.served.control(parts.query))
        elif parts.path == "/served":
            self._send(200, self.served.tell())
        elif self.served.take_turn():
            self._send_feed(int(parts.path.strip("/").removesuffix(".xml")))
        else:
            self.connection.close()

    def _send_feed(self, feed: int) -> None:
        status, body = self.served.answer(feed)
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if status == 200 and self.headers.get("If-None-Match") == etag:
            status, body = 304, b""
        self._send(status, body, etag)

    def _send(self, status: int, body: bytes, etag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/rss+xml")
        self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed, or a connection that was cut: that is meant."""


def make_server(served: Served) -> ThreadingHTTPServer:
    """The HTTP server over it."""
    return _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": served}))


def main() -> None:
    """Serve until standard input is closed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    server = make_server(Served(World(given.feeds, given.seed), given.seed))
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
