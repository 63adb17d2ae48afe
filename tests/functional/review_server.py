"""The analysts' page on loopback over a real store, with a clock that tests move, and a plain HTTP client with cookies."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from monitor.codebook import load_codebook
from monitor.records import Assessment, Evidence, NarrativeScore
from monitor.review.app import make_app
from monitor.review.gate import Gate
from monitor.review.guard import make_address
from monitor.review.parts import BundleFacts, Parts, fill_queue, make_environment
from monitor.review.passwords import hash_password
from monitor.review.server import make_server
from monitor.stages.articles import decide_entries
from monitor.storage.reviewstore import ReviewStore
from monitor.storage.store import SqlStore
from tests.factories import BUNDLE, NOON, make_entry, make_feed, make_score
from tests.unit.storage.stores import keep

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
CODEBOOK = load_codebook(REPOSITORY / "models/codebook.yaml")
PASSWORD = "a long enough phrase"
NAMES = {"anna": "analyst", "bohdan": "analyst", "lesia": "lead"}
_HASH = hash_password(PASSWORD)
FEED = "agency"


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = NOON

    def read(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def location(self) -> str:
        return self.headers["location"] or ""


@dataclass
class Client:
    """A browser without a screen: keeps cookies, follows nothing, takes form tokens from the pages that it saw."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def ask(
        self, method: str, path: str, *, form: dict[str, object] | None = None, body: bytes | None = None, **headers: str
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Accept-Language", "en")
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if form is not None:
            body = urlencode(form).encode()
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()
        self._learn(reply)
        return reply

    def _learn(self, reply: Reply) -> None:
        for cookie in reply.headers.get_all("set-cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
            if "Max-Age=0" in cookie:
                del self.cookies[name]
        if found := re.search(r'name="csrf" value="(\w+)"', reply.body):
            self.csrf = found.group(1)

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def post(self, path: str, **fields: object) -> Reply:
        return self.ask("POST", path, form={"csrf": self.csrf, **fields})

    def log_in(self, name: str = "anna", password: str = PASSWORD) -> Reply:
        self.get("/login")
        reply = self.post("/login", name=name, password=password)
        if reply.status == 303:
            self.get("/account")
        return reply


@dataclass
class ReviewServer:
    """The page over a store."""

    parts: Parts
    clock: Clock
    port: int
    articles: list[str]
    pipeline: SqlStore

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, name: str | None = None) -> Client:
        client = Client(self.port)
        if name is not None:
            assert client.log_in(name).status == 303
        return client

    def put(self, key: str, *scores: NarrativeScore, title: str = "", text: str = "", at: datetime | None = None) -> str:
        """Store an article, or its next revision, and ask about it; gives its id."""
        article_id = put_article(self.pipeline, key, *scores, title=title, text=text, at=at or self.clock.now)
        fill_queue(self.parts)
        return article_id


def put_article(store: SqlStore, key: str, *scores: NarrativeScore, title: str = "", text: str = "", at: datetime = NOON) -> str:
    entry = make_entry(key, feed_id=FEED, title=title or f"Заголовок {key}", text=text)
    decided = decide_entries([entry], store.load_known([entry], fetched_at=at))
    keep(store, decided, feed_id=FEED, at=at)
    store.cluster_pending()
    waiting = store.load_pending(BUNDLE, limit=100)
    store.save_assessments(BUNDLE, [(one.revision_id, Assessment("ru", scores)) for one in waiting], made_at=at)
    return decided[0].article_id


TEXT = "Жители посёлка {n} единогласно поддержали решение. Утром {n} был дождь. Автобус номер {n} опоздал на час."


def make_flag(number: int = 0, *, narrative: str = "fake_loyalty", score: float | None = None) -> NarrativeScore:
    """A flag whose evidence is the first sentence of `TEXT`."""
    end = TEXT.format(n=number).index(".") + 1
    evidence = (Evidence("text", 0, end, TEXT.format(n=number)[:end]),)
    return make_score(narrative, score or 0.99 - number / 1000, evidence=evidence, terms=("единогласно",))


def fill_store(store: SqlStore, count: int) -> list[str]:
    """So many flagged articles, the first one the most certain."""
    store.sync_feeds([make_feed(FEED)])
    return [
        put_article(store, f"e{n}", make_flag(n), title=f"Собрание номер {n} приняло обращение", text=TEXT.format(n=n))
        for n in range(count)
    ]


def make_parts(store: ReviewStore, clock: Clock, port: int, *, public_url: str | None = None, seed: str = "plain") -> Parts:
    facts = BundleFacts(BUNDLE, {one.id: 0.5 for one in CODEBOOK.narratives}, "# Card\n\n<script>alert(1)</script>")
    return Parts(
        store=store,
        gate=Gate(store),
        codebook=CODEBOOK,
        templates=make_environment(),
        address=make_address("127.0.0.1", port, public_url),
        seed=seed,
        timezone="Europe/Kyiv",
        read_clock=clock.read,
        read_bundle=lambda: facts,
    )


@contextmanager
def serve_review(folder: Path, *, articles: int = 3, public_url: str | None = None) -> Iterator[ReviewServer]:
    """A store with articles and three accounts, served on a free port."""
    url = f"sqlite:///{folder / 'monitor.db'}"
    clock = Clock()
    with SqlStore(url) as pipeline, ReviewStore(url) as store, socket.socket() as listener:
        ids = fill_store(pipeline, articles)
        for name, role in NAMES.items():
            store.add_account(name, role=role, password_hash=_HASH, created_at=NOON)
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        parts = make_parts(store, clock, port, public_url=public_url)
        fill_queue(parts)
        server = make_server(make_app(parts, fills=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield ReviewServer(parts, clock, port, ids, pipeline)
        finally:
            server.should_exit = True
            thread.join()
