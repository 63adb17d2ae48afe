"""The sample feeds of `monitor demo`, served over real HTTP on loopback."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_AGO = re.compile(r"\{\{hours_ago(?P<iso>_iso)?:(?P<hours>[\d.]+)(?:\|(?P<offset>[+-]\d{4}))?\}\}")
# One of the samples is served as many feeds of this region are.
_ENCODINGS = {"sample-crimea-agency.xml": "windows-1251"}
_FEEDS = (
    ("sample-crimea-agency", "KrymTavr-Inform (sample)", "ru", "occupation", "Europe/Simferopol"),
    ("sample-state-headlines", "Vestnik-Registr (sample)", "ru", "state", "Europe/Moscow"),
    ("sample-full-text", "Yuzhny Obozrevatel (sample)", "ru", "occupation", "Europe/Moscow"),
    ("sample-pro-kremlin-uk", "Stepova Khvylia (sample)", "uk", "pro_kremlin", "Europe/Kyiv"),
    ("sample-world-en", "Meridian East (sample)", "en", "state", "UTC"),
    ("sample-factcheck", "Fact-checkers (sample)", "uk", "contrast", "Europe/Kyiv"),
    ("sample-weather-football", "Weather and football (sample)", "ru", None, "Europe/Kyiv"),
)


def write_demo_feeds(path: Path, base_url: str) -> None:
    """A feeds file for the samples at ``base_url``."""
    feeds = [
        {"id": name, "url": f"{base_url}/{name}.xml", "outlet": outlet, "language": lang, "timezone": zone}
        | ({"kind": kind} if kind else {})
        for name, outlet, lang, kind, zone in _FEEDS
    ]
    fetch = {"min_delay_s": 0.0, "per_host": 4, "allow_private_networks": True, "full_text": "never"}
    settings = {"contact": "mailto:demo@example.org", "timezone": "Europe/Kyiv", "fetch": fetch}
    path.write_text(yaml.safe_dump({"settings": settings, "feeds": feeds}, sort_keys=False), encoding="utf-8")


def fill_dates(document: str, now: datetime) -> str:
    """The document with ``{{hours_ago:N|+0300}}`` replaced by dates of RFC 822, ``{{hours_ago_iso:N}}`` by ISO 8601."""

    def fill(match: re.Match[str]) -> str:
        at = now - timedelta(hours=float(match["hours"]))
        if match["iso"]:
            return at.strftime("%Y-%m-%dT%H:%M:%SZ")
        offset = match["offset"] or "+0000"
        shift = timedelta(hours=int(offset[:3]), minutes=int(offset[0] + offset[3:]))
        return format_datetime(at.astimezone(timezone(shift)))

    return _AGO.sub(fill, document)


@contextmanager
def serve_samples(folder: Path, now: datetime) -> Iterator[str]:
    """Serve every XML file of a folder on a free port of loopback while the context lasts; gives the base URL."""
    documents = {
        f"/{path.name}": fill_dates(path.read_text(encoding="utf-8"), now).encode(_ENCODINGS.get(path.name, "utf-8"))
        for path in sorted(folder.glob("*.xml"))
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(documents))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _make_handler(documents: Mapping[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class SampleHandler(BaseHTTPRequestHandler):
        """Answers with a sample or 404, and keeps quiet."""

        def do_GET(self) -> None:
            body = documents.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing: the demo's own output is what counts."""

    return SampleHandler
