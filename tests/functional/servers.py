"""A real HTTP server on loopback whose documents a test can change while it runs."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class FeedServer:
    """Serves ``documents`` (path → bytes) with an ETag; ``requests`` records path and conditional header of each request."""

    url: str = ""
    documents: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    user_agents: set[str] = field(default_factory=set)

    def write_feeds(self, path: Path, *, extra: str = "") -> Path:
        """A feeds file that lists every document, in order."""
        feeds = "".join(
            f"  - id: {name.strip('/').removesuffix('.xml')}\n    url: {self.url}{name}\n    timezone: Europe/Moscow\n"
            for name in self.documents
        )
        path.write_text(
            "settings:\n  contact: mailto:tests@example.org\n  timezone: Europe/Kyiv\n"
            "  fetch: {min_delay_s: 0, per_host: 16, timeout_s: 10, allow_private_networks: true, full_text: never}\n"
            f"feeds:\n{feeds}{extra}",
            encoding="utf-8",
        )
        return path


@contextmanager
def serve() -> Iterator[FeedServer]:
    """Start a server; it ends with the context."""
    state = FeedServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append((self.path, self.headers.get("If-None-Match")))
            state.user_agents.add(self.headers.get("User-Agent", ""))
            body = state.documents.get(self.path, b"")
            etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            status = state.statuses.get(self.path, 200 if self.path in state.documents else 404)
            if status == 200 and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/rss+xml",
                "ETag": etag,
                **state.headers.get(self.path, {}),
            }.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that was killed hangs up in the middle of an answer; that is what the test wants."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_rss(items: list[dict[str, str]], *, encoding: str = "utf-8", extra_namespaces: str = "") -> bytes:
    """An RSS 2.0 document; the keys of an item are element names, values go in as CDATA."""
    body = "".join(
        "<item>" + "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in item.items()) + "</item>" for item in items
    )
    return (
        f'<?xml version="1.0" encoding="{encoding}"?><rss version="2.0" {extra_namespaces}>'
        f"<channel><title>Лента</title>{body}</channel></rss>"
    ).encode(encoding)
