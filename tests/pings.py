"""A real server on loopback that is pinged."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class PingServer(ThreadingHTTPServer):
    """Takes pings (method, path, body), answers each with a status, or not until it ends."""

    daemon_threads = True

    def __init__(self, status: int, *, is_slow: bool) -> None:
        self.status, self.is_slow = status, is_slow
        self.taken: list[tuple[str, str, bytes]] = []
        self.has_ended = threading.Event()
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up has hung up; that is what the test wants."""


class _Answer(BaseHTTPRequestHandler):
    server: PingServer

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.taken.append((self.command, self.path, body))
        if self.server.is_slow:
            self.server.has_ended.wait(30)
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def serve_pings(status: int = 200, *, is_slow: bool = False) -> Iterator[PingServer]:
    """Start a server; it ends with the context."""
    with PingServer(status, is_slow=is_slow) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.has_ended.set()
            server.shutdown()
            thread.join()
