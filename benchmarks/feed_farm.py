"""Many feeds on loopback, for benchmarks: the same documents for the same seed, with validators, 304 answers and gzip.

    python benchmarks/feed_farm.py --feeds 500

prints one line of JSON with every feed's address, and serves until its standard input is closed. The feeds are spread over many
loopback addresses, so that they count as different hosts. A tenth of them is windows-1251, a third holds HTML, a
quarter carries whole articles.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

ITEMS = 20
NAMESPACES = 'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:yandex="http://news.yandex.ru"'
# Only Linux answers on all of 127.0.0.0/8 without being told to.
HOSTS = 250 if sys.platform == "linux" else 1
RUSSIAN = """утром вечером вчера сегодня завтра город область район посёлок улица мост дорога вокзал порт завод школа больница
театр музей рынок стадион министр губернатор депутат мэр врач учитель инженер водитель рабочий студент пенсионер открыл закрыл
построил обещал заявил сообщил отметил потребовал проверил отложил перенёс увидел купил продал выиграл проиграл новый старый
большой малый дорогой дешёвый тёплый холодный важный редкий рубль бюджет налог цена зарплата пенсия урожай зерно нефть газ
электричество вода погода дождь снег ветер мороз матч турнир концерт выставка фильм книга суд закон указ совет комиссия"""
UKRAINIAN = """вранці ввечері вчора сьогодні завтра місто область громада селище вулиця міст дорога вокзал порт завод школа лікарня
театр музей ринок стадіон міністр голова депутатка лікарка вчитель інженерка водій робітник студентка відкрив закрив збудував
обіцяв заявив повідомив зазначив вимагав перевірив відклав переніс побачив купив продав виграв програв новий старий великий
малий дорогий дешевий теплий холодний важливий рідкісний гривня бюджет податок ціна зарплата пенсія врожай зерно нафта газ
електрика вода погода дощ сніг вітер мороз матч турнір концерт виставка фільм книжка суд закон указ рада комісія її є ґанок"""
SMALL = "и в на с по из для что как не это а но за от до"
VALIDATED = "Thu, 14 May 2026 06:00:00 GMT"


def make_feed(number: int, *, seed: int, newest_at: datetime) -> bytes:
    """An RSS document of word salad: `ITEMS` items, half an hour apart."""
    source = random.Random(seed * 1_000_003 + number)  # noqa: S311 - reproducible, not secret
    words = f"{UKRAINIAN if number % 3 == 1 else RUSSIAN} {SMALL}".split()
    items = "".join(
        _make_item(source, words, number, f"{seed}-{item}", newest_at - timedelta(minutes=30 * item)) for item in range(ITEMS)
    )
    charset = "windows-1251" if number % 10 == 3 else "utf-8"
    head = f"<title>Газета {number}</title><link>https://o{number}.example/</link><description>Новости</description>"
    document = f'<?xml version="1.0" encoding="{charset}"?>\n<rss version="2.0" {NAMESPACES}><channel>{head}{items}</channel></rss>'
    return document.encode(charset)


def _make_item(source: random.Random, words: list[str], number: int, item: str, at: datetime) -> str:
    title = " ".join(source.choices(words, k=source.randint(6, 12))).capitalize()
    sentences = " ".join(source.choices(words, k=source.randint(30, 60))).split(" с ")
    text = ". ".join(sentence.capitalize() for sentence in sentences) + "."
    if number % 3 == 0:
        first, _, rest = text.partition(". ")
        text = f'<p><b>{first}.</b> <a href="/n/{item}?a=1&amp;b=2">Фото</a></p><p>{rest}&nbsp;&laquo;Итог&raquo;</p>'
    link = f"https://o{number}.example/news/{number}-{item}.html"
    return (
        f'<item><title>{title}</title><link>{link}</link><guid isPermaLink="true">{link}</guid>'
        f"<pubDate>{format_datetime(at)}</pubDate><description>{escape(text)}</description>"
        f"{_make_full_text(source, words, number)}</item>"
    )


def _make_full_text(source: random.Random, words: list[str], number: int) -> str:
    """Every fourth feed carries its articles whole, in one of the two ways that feeds of this region do it."""
    if number % 4 != 2:
        return ""
    paragraphs = [" ".join(source.choices(words, k=source.randint(40, 70))).capitalize() + "." for _ in range(6)]
    if number % 8 == 2:
        return f"<yandex:full-text>{escape(chr(10).join(paragraphs))}</yandex:full-text>"
    return f"<content:encoded>{escape(''.join(f'<p>{one}</p>' for one in paragraphs))}</content:encoded>"


class Farm:
    """Answers by path; documents are made when first asked for and kept compressed."""

    def __init__(self, *, seed: int, newest_at: datetime) -> None:
        @cache
        def compress(number: int) -> bytes:
            return gzip.compress(make_feed(number, seed=seed, newest_at=newest_at), 6, mtime=0)

        self._compress = compress

    def answer(self, request: bytes) -> bytes:
        """The whole answer to one request's head."""
        line, *fields = request.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        number = int(line.split(" ")[1].removeprefix("/").removesuffix(".xml"))
        etag = f'"feed-{number}"'
        common = f"ETag: {etag}\r\nLast-Modified: {VALIDATED}\r\nConnection: {headers.get('connection', 'keep-alive')}\r\n"
        if headers.get("if-none-match") == etag:
            return f"HTTP/1.1 304 Not Modified\r\n{common}\r\n".encode()
        body, coding = self._compress(number), "Content-Encoding: gzip\r\n"
        if "gzip" not in headers.get("accept-encoding", ""):
            body, coding = gzip.decompress(body), ""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nContent-Length: {len(body)}\r\n{coding}{common}\r\n"
        return head.encode() + body


class _Conversation(asyncio.Protocol):
    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what TCP servers are given
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        assert self._transport is not None  # noqa: S101 - data comes over a connection
        self._received += data
        while b"\r\n\r\n" in self._received:
            request, _, self._received = self._received.partition(b"\r\n\r\n")
            self._transport.write(self._farm.answer(request))
            if b"\r\nconnection: close" in request.lower():
                self._transport.close()


async def _serve(feeds: int, farm: Farm) -> None:
    loop = asyncio.get_running_loop()
    first = await loop.create_server(lambda: _Conversation(farm), "127.0.0.1", 0)
    port = first.sockets[0].getsockname()[1]
    hosts = [f"127.0.0.{number + 1}" for number in range(min(HOSTS, feeds))]
    if hosts[1:]:
        await loop.create_server(lambda: _Conversation(farm), hosts[1:], port)
    print(json.dumps([f"http://{hosts[n % len(hosts)]}:{port}/{n}.xml" for n in range(feeds)]), flush=True)
    await asyncio.to_thread(sys.stdin.read)


@contextmanager
def run_farm(feeds: int, *, seed: int = 7) -> Iterator[list[str]]:
    """A farm in a process of its own; gives the feeds' addresses."""
    command = [sys.executable, str(Path(__file__).resolve()), "--feeds", str(feeds), "--seed", str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(timeout=10)


def main() -> None:
    """Serve until standard input is closed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    newest_at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    asyncio.run(_serve(given.feeds, Farm(seed=given.seed, newest_at=newest_at)))


if __name__ == "__main__":
    main()
