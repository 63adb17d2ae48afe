"""Notification: a real SMTP server and a real webhook on loopback are told once; a channel that fails never stops a run."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.controller import Controller

from tests.functional.servers import make_rss

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.functional.conftest import Monitor
    from tests.functional.servers import FeedServer

NOW = "2026-11-20T12:00:00+00:00"
LATER = "2026-11-20T13:00:00+00:00"
FLAGGED = "Съезд крымских татар единогласно поддержал президента и специальную операцию"
SECRET = "s3cret-token"


class Hook(ThreadingHTTPServer):
    """Takes JSON, or answers with a status, or not at all."""

    daemon_threads = True

    def __init__(self, status: int = 200) -> None:
        self.status, self.taken, self.may_answer = status, [], threading.Event()
        self.may_answer.set()
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def address(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.server_address[1]}/hook"


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.may_answer.wait(30)
        self.server.taken.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def serve_hook(status: int = 200) -> Iterator[Hook]:
    with Hook(status) as hook:
        thread = threading.Thread(target=hook.serve_forever, daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            hook.may_answer.set()
            hook.shutdown()
            thread.join()


class Mailbox:
    """What came by mail."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def handle_DATA(self, _server: object, _session: object, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.taken.append(envelope.content.decode())
        return "250 taken"


def configure(tmp_path: Path, server: FeedServer, *channels: str, path: str = "/a.xml", more: str = "") -> None:
    server.documents = {
        "/a.xml": make_rss([{"title": FLAGGED, "link": "https://a.example/1", "pubDate": "Fri, 20 Nov 2026 10:00:00 GMT"}])
    }
    (tmp_path / "feeds.yaml").write_text(
        f"settings:\n  fetch: {{min_delay_s: 0, allow_private_networks: true, full_text: never}}\n"
        f"  notify: {{channels: [{', '.join(channels)}]{more}}}\n"
        f"feeds:\n  - {{id: agency, url: '{server.url}{path}', language: ru}}\n",
        encoding="utf-8",
    )


def read_errors(tmp_path: Path) -> list[dict[str, object]]:
    (path,) = tmp_path.glob("digests/*/run.json")
    return [error for error in json.loads(path.read_text(encoding="utf-8"))["errors"] if error["kind"] == "notify"]


def test_mail_and_webhook_are_told_once(tmp_path: Path, feed_server: FeedServer, monitor: Monitor) -> None:
    mailbox = Mailbox()
    mail = Controller(mailbox, hostname="127.0.0.1", port=_find_port())
    mail.start()
    try:
        with serve_hook() as hook:
            configure(tmp_path, feed_server, "mail", "hook", more=", digest_url: 'https://digests.example'")
            address = f"mailto://127.0.0.1:{mail.port}?from=monitor@a.example&to=desk@a.example&mode=insecure"
            environment = {"MONITOR_NOTIFY_MAIL": address, "MONITOR_NOTIFY_HOOK": hook.address}
            for now in (NOW, LATER):
                done = monitor("run", "--now", now, env=environment)
                assert done.returncode == 0, done.stderr.decode()
    finally:
        mail.stop()
    (message,) = hook.taken
    assert message["title"] == "Narrative digest 2026-11-20: 1 new article promotes a known narrative"
    assert FLAGGED in message["message"]
    assert message["message"].endswith("Digest: https://digests.example/2026-11-20/digest.html")
    assert len(mailbox.taken) == 1
    assert "desk@a.example" in mailbox.taken[0]
    assert read_errors(tmp_path) == []


def test_a_channel_that_fails_stops_nothing_shows_no_secret_and_is_told_later(
    tmp_path: Path, feed_server: FeedServer, monitor: Monitor
) -> None:
    dead = f"json://user:{SECRET}@127.0.0.1:{_find_port()}/hook"
    with serve_hook(500) as hook:
        configure(tmp_path, feed_server, "broken", "dead", "unset", "odd")
        environment = {
            "MONITOR_NOTIFY_BROKEN": hook.address,
            "MONITOR_NOTIFY_DEAD": dead,
            "MONITOR_NOTIFY_ODD": f"nosuch://{SECRET}",
        }
        done = monitor("run", "-v", "--now", NOW, env=environment)
        assert done.returncode == 0, done.stderr.decode()
        errors = read_errors(tmp_path)
        assert [str(error["message"]).split(";")[0] for error in errors] == [
            "channel broken: answered 500",
            "channel dead: could not be reached",
            "channel unset: MONITOR_NOTIFY_UNSET is not set",
            "channel odd: its address is none that Apprise understands",
        ]
        shown = done.stdout.decode() + done.stderr.decode() + json.dumps(errors)
        assert SECRET not in shown
        assert list(tmp_path.glob("digests/*/digest.html"))
        hook.status = 200
        monitor("run", "--now", LATER, env=environment)
        assert [message["title"][-40:] for message in hook.taken][-1].endswith("promotes a known narrative")
        assert len(hook.taken) == 2


def test_nothing_is_told_where_there_is_nothing(tmp_path: Path, feed_server: FeedServer, monitor: Monitor) -> None:
    with serve_hook() as hook:
        configure(tmp_path, feed_server, "hook", more=", min_flagged: 2")
        assert monitor("run", "--now", NOW, env={"MONITOR_NOTIFY_HOOK": hook.address}).returncode == 0
        assert hook.taken == []


def test_that_every_feed_failed_is_told_once_a_day(tmp_path: Path, feed_server: FeedServer, monitor: Monitor) -> None:
    with serve_hook() as hook:
        configure(tmp_path, feed_server, "hook", path="/missing.xml")
        environment = {"MONITOR_NOTIFY_HOOK": hook.address}
        assert monitor("run", "--now", NOW, env=environment).returncode == 3
        monitor("run", "--now", "2026-11-21T11:00:00+00:00", env=environment)
        assert [message["title"] for message in hook.taken] == ["Narrative digest 2026-11-20: every feed failed"]


def test_that_a_run_broke_is_told_once_a_day(tmp_path: Path, feed_server: FeedServer, monitor: Monitor) -> None:
    with serve_hook() as hook:
        configure(tmp_path, feed_server, "hook")
        (tmp_path / "monitor.db").write_text("no database at all, but long enough to be looked at", encoding="utf-8")
        for now in (NOW, LATER):
            assert monitor("run", "--now", now, env={"MONITOR_NOTIFY_HOOK": hook.address}).returncode == 4
        assert [message["title"] for message in hook.taken] == ["Narrative digest 2026-11-20: the run failed"]


def test_the_command_tries_channels_and_says_what_became_of_each(tmp_path: Path, feed_server: FeedServer, monitor: Monitor) -> None:
    with serve_hook() as hook:
        configure(tmp_path, feed_server, "hook", "unset")
        done = monitor("notify", env={"MONITOR_NOTIFY_HOOK": hook.address})
        assert done.returncode == 3
        assert done.stdout.decode().splitlines()[0] == "channel hook: took the message"
        assert "MONITOR_NOTIFY_UNSET is not set" in done.stdout.decode()
        assert monitor("notify", "hook", env={"MONITOR_NOTIFY_HOOK": hook.address}).returncode == 0
        assert monitor("notify", "nobody").returncode == 2
        assert len(hook.taken) == 2


@pytest.mark.parametrize(
    "written", [f"mailto://u:{SECRET}@a.example", f"[mailto://u:{SECRET}@a.example]"], ids=["alone", "in the list"]
)
def test_an_address_in_the_feeds_file_is_refused_and_not_shown(tmp_path: Path, monitor: Monitor, written: str) -> None:
    (tmp_path / "feeds.yaml").write_text(
        f"settings:\n  notify:\n    channels: {written}\nfeeds:\n  - {{id: a, url: 'https://a.example/'}}\n", encoding="utf-8"
    )
    done = monitor("run")
    assert done.returncode == 2
    assert "feeds.yaml:3" in done.stderr.decode()
    assert SECRET not in done.stderr.decode()


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
