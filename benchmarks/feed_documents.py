"""What becomes of a folder of feed documents: fetched over loopback, read, and held against feedparser alone on the same bytes.

    python benchmarks/feed_documents.py FOLDER [--json FILE] [--limit 5]

Every file is served as it is, with the content type that its leading comment names (``Header: Content-type: …``) or else
``application/xml``. Items that hold neither title nor text are no entries. A difference is *lost* where feedparser alone finds
an entry, or a title, text, link or date of one, that is not kept; it *differs* where both found something, and is *fast* where
the quick reader gives something else than feedparser. Ends with 1 where anything was lost, broke, was fast but different, or
took longer than the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import calendar
import io
import json
import re
import signal
import sys
import time
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import feedparser

from monitor.errors import FeedDocumentError, FetchError
from monitor.fetch.client import FetchLimits, HttpFetcher
from monitor.records import (
    Feed,
    FeedState,
    FetchedFeed,
    NotModified,
    ParsedFeed,
)
from monitor.stages.encoding import decode_document
from monitor.stages.fastfeed import read_fast
from monitor.stages.markup import strip_markup
from monitor.stages.parse import parse_feed
from monitor.text import clean_line
from monitor.urls import is_web_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.records import (
        Entry,
    )

SUFFIXES = {".xml", ".rss", ".atom", ".rdf"}
LIMITS = FetchLimits(concurrency=16, per_host=16, min_delay_s=0, timeout_s=20, max_bytes=10_000_000, allow_private_networks=True)
_HEADER = re.compile(rb"Content-type:\s*([^\r\n]{1,120})", re.IGNORECASE)
# Plain text is made the same way on both sides: from what the document holds, not from what feedparser leaves of it.
_AS_WRITTEN = {"sanitize_html": False, "resolve_relative_uris": False}
_FALLBACK = "time of fetching"


class TooSlowError(BaseException):
    """A document took longer than the limit. No `Exception`, so that nothing on the way takes it for a broken document."""


@dataclass(frozen=True)
class Difference:
    """``kind`` is lost, differs, broke, slow or fast; ``part`` is what of the document it is about."""

    document: str
    kind: str
    part: str
    here: str
    feedparser: str


@contextmanager
def limit_cpu(seconds: float) -> Iterator[None]:
    """Raise `TooSlowError` after so much CPU time."""

    def stop(*_: object) -> None:
        raise TooSlowError

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def read_folder(folder: Path) -> dict[str, bytes]:
    """All feed documents below a folder by their relative paths."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def serve(documents: list[bytes]) -> ThreadingHTTPServer:
    """A server on loopback; the address of a document is its number."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = documents[int(self.path.strip("/"))]
            hint = _HEADER.search(body[:1_000])
            self.send_response(200)
            content_type = hint.group(1).decode("ascii", "ignore").strip() if hint else "application/xml"
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the output for the figures."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return server


def fetch_all(documents: dict[str, bytes]) -> dict[str, FetchedFeed | NotModified | FetchError]:
    """Every document over HTTP, as the project fetches feeds."""
    server = serve(list(documents.values()))
    base = f"http://127.0.0.1:{server.server_port}"
    feeds = [Feed(name, f"{base}/{number}", outlet=name) for number, name in enumerate(documents)]
    fetcher = HttpFetcher(LIMITS, user_agent="narrative-monitor/benchmark", read_clock=lambda: datetime.now(UTC))

    async def visit() -> dict[str, FetchedFeed | NotModified | FetchError]:
        return {feed.id: outcome async for feed, outcome in fetcher.fetch_feeds([(feed, FeedState()) for feed in feeds])}

    try:
        return asyncio.run(visit())
    finally:
        server.shutdown()
        server.server_close()


def read_alone(body: bytes, content_type: str | None, **options: bool) -> Any:
    """The document as feedparser reads it; None where it breaks."""
    try:
        return feedparser.parse(io.BytesIO(body), response_headers={"content-type": content_type or ""}, **options)
    except Exception as error:  # noqa: BLE001 - what it raises is one of the figures
        print(f"feedparser alone broke: {type(error).__name__}: {error}", file=sys.stderr)
        return None


def compare(name: str, fetched: FetchedFeed, limit_s: float) -> tuple[list[Difference], float]:
    """The differences of one document, and the CPU seconds that reading it took."""
    began = time.process_time()
    failure = parsed = None
    try:
        with limit_cpu(limit_s):
            parsed = parse_feed(Feed(name, fetched.url, outlet=name), fetched)
    except FeedDocumentError as error:
        parsed, failure = ParsedFeed(()), error.kind
    except TooSlowError:
        return [Difference(name, "slow", "document", f"over {limit_s:g} s", "")], limit_s
    except Exception as error:  # noqa: BLE001 - that nothing is raised is what is checked
        return [Difference(name, "broke", "document", f"{type(error).__name__}: {error}", "")], 0.0
    spent = time.process_time() - began
    alone = read_alone(fetched.body, fetched.content_type, **_AS_WRITTEN)
    expected = [found for item in (alone.entries if alone else ()) if (found := _describe(item))["words"]]
    entries = parsed.entries
    if len(entries) < len(expected):
        return [Difference(name, "lost", "entries", f"{len(entries)} {failure or ''}".strip(), str(len(expected)))], spent
    return [one for entry, found in zip(entries, expected, strict=False) for one in _compare_entry(name, entry, found)], spent


def _describe(item: Any) -> dict[str, str]:
    """What feedparser alone gives of an item, as plain text."""
    title = clean_line(strip_markup(str(item.get("title") or "")))
    texts = [item.get("summary") or "", item.get("yandex_full-text") or ""]
    texts += [content.get("value") or "" for content in item.get("content") or ()]
    text = max((clean_line(strip_markup(raw)) for raw in texts if isinstance(raw, str)), key=len, default="")
    link = str(item.get("link") or "").strip()
    dates = [dict.get(item, f"{kind}_parsed") for kind in ("published", "created", "updated")]
    date = next((_write_minute(found) for found in dates if found and found[0] > 1990), "")
    key = clean_line(str(item.get("id") or ""))
    return {"title": title, "text": text, "link": link if is_web_url(link) else "", "id": key, "date": date, "words": title + text}


def _write_minute(found: Any) -> str:
    return datetime.fromtimestamp(calendar.timegm((*found[:5], 0)), UTC).isoformat()


def _compare_entry(name: str, entry: Entry, found: dict[str, str]) -> Iterator[Difference]:
    is_dated = not entry.published_how.startswith(_FALLBACK)
    here = {
        "title": entry.title,
        "text": clean_line(max(entry.summary, entry.text, key=len)),
        "link": entry.url or "",
        "id": entry.key,
        "date": entry.published_at.replace(second=0, microsecond=0).isoformat() if is_dated else "",
    }
    for part, value in here.items():
        if found[part] and value != found[part]:
            yield Difference(name, "differs" if value else "lost", part, value[:80], found[part][:80])


def compare_fast(name: str, fetched: FetchedFeed) -> tuple[bool, list[Difference]]:
    """Whether the quick reader takes the document, and where it then gives something else than feedparser on the same text."""
    text = decode_document(fetched.body, fetched.content_type)
    quick = read_fast(text)
    if quick is None:
        return False, []
    alone = read_alone(text.encode(), "application/xml; charset=utf-8", **_AS_WRITTEN)
    if alone is None:
        return True, []
    expected = [[item.get(part) or "" for part in ("title", "link", "id", "summary")] for item in alone.entries]
    here = [[item.title, item.link, item.guid, item.summary] for item in quick.items]
    return True, [] if here == expected else [Difference(name, "fast", "items", str(here)[:80], str(expected)[:80])]


def run(documents: dict[str, bytes], limit_s: float) -> tuple[dict[str, object], list[Difference]]:
    """Figures and differences of all documents."""
    differences: list[Difference] = []
    slowest, quick = (0.0, ""), 0
    for name, outcome in fetch_all(documents).items():
        if not isinstance(outcome, FetchedFeed):
            differences.append(Difference(name, "lost", "document", str(outcome), ""))
            continue
        found, spent = compare(name, outcome, limit_s)
        is_quick, more = compare_fast(name, outcome)
        differences += found + more
        slowest, quick = max(slowest, (spent, name)), quick + is_quick
    kinds = Counter(f"{one.kind} {one.part}" for one in differences)
    figures: dict[str, object] = {
        "documents": len(documents),
        "read_fast": quick,
        "slowest_s": round(slowest[0], 3),
        "slowest": slowest[1],
        "differences": dict(sorted(kinds.items())),
    }
    return figures, sorted(differences, key=lambda one: (one.kind, one.part, one.document))


def main() -> int:
    """Compare, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, dest="out")
    parser.add_argument("--limit", type=float, default=5.0, help="CPU seconds that a document may take")
    given = parser.parse_args()
    documents = read_folder(given.folder)
    if not documents:
        parser.error(f"{given.folder} holds no feed documents ({', '.join(sorted(SUFFIXES))})")
    warnings.simplefilter("ignore", DeprecationWarning)
    figures, differences = run(documents, given.limit)
    for one in differences:
        print(f"{one.kind:8} {one.part:9} {one.document}\n{'':18} here: {one.here!r}\n{'':12} feedparser: {one.feedparser!r}")
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    if given.out:
        rows = [asdict(one) for one in differences]
        given.out.write_text(json.dumps({**figures, "rows": rows}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if any(one.kind != "differs" for one in differences) else 0


if __name__ == "__main__":
    raise SystemExit(main())
