"""``monitor review`` and ``monitor users`` as they are called."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from monitor.storage.store import SqlStore
from tests.functional.conftest import REPOSITORY
from tests.functional.review_server import PASSWORD, Client, fill_store


@pytest.fixture
def store(tmp_path):
    with SqlStore(f"sqlite:///{tmp_path / 'monitor.db'}") as opened:
        fill_store(opened, 1)


def test_accounts_from_the_command_line(monitor, store):
    added = monitor("users", "add", "anna", "--role", "lead", "--password-stdin", stdin=f"{PASSWORD}\n".encode())
    assert (added.returncode, added.stdout, added.stderr) == (0, b"anna may log in as lead\n", b"")
    assert monitor("users", "disable", "anna").stdout == b"anna may no longer log in\n"
    [listed] = json.loads(monitor("users", "list", "--json").stdout)
    assert (listed["name"], listed["role"], bool(listed["disabled_at"])) == ("anna", "lead", True)
    assert b"disabled" in monitor("users", "list").stdout
    assert monitor("users", "enable", "anna", "--json").returncode == 0
    changed = monitor("users", "password", "anna", "--password-stdin", stdin=b"another good phrase\n")
    assert changed.stdout == b"anna has a new password; its sessions have ended\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        pytest.param(("add", "x", "--password-stdin"), PASSWORD, "2 to 40 letters", id="name"),
        pytest.param(("add", "anna", "--password-stdin"), "short", "12 characters at least", id="password"),
        pytest.param(("add", "anna"), PASSWORD, "--password-stdin", id="no-terminal"),
        pytest.param(("disable", "nobody"), "", "no such account", id="disable-unknown"),
        pytest.param(("password", "nobody", "--password-stdin"), PASSWORD, "no such account", id="password-unknown"),
    ],
)
def test_what_users_refuses(monitor, store, arguments, stdin, says):
    done = monitor("users", *arguments, stdin=stdin.encode())
    assert done.returncode == 2
    assert says in done.stderr.decode()
    assert PASSWORD not in done.stderr.decode()


def test_a_name_is_given_once(monitor, store):
    for code in (0, 2):
        assert monitor("users", "add", "anna", "--password-stdin", stdin=f"{PASSWORD}\n".encode()).returncode == code


def test_without_a_store_there_is_nothing_to_review(monitor):
    done = monitor("review", "--port", "0")
    assert done.returncode == 4
    assert b"`monitor run` makes it" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("--host", "0.0.0.0"), "unencrypted", id="all-addresses"),  # noqa: S104
        pytest.param(("--host", "192.0.2.7"), "unencrypted", id="other-address"),
        pytest.param(("--public-url", "http://review.example.org"), "https://HOST", id="proxy-without-tls"),
        pytest.param(("--public-url", "https://review.example.org/path"), "https://HOST", id="path"),
        pytest.param(("--port", "1"), "", id="port"),
    ],
)
def test_where_the_page_refuses_to_listen(monitor, store, arguments, says):
    if arguments[0] == "--port":
        done = monitor("review", "--host", "127.0.0.1", "--port", "70000")
    else:
        done = monitor("review", *arguments)
    assert done.returncode == 2
    assert says in done.stderr.decode()


def test_the_page_is_served_and_says_where(tmp_path, store):
    process = subprocess.Popen(
        [sys.executable, "-m", "monitor", "review", "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"},
    )
    try:
        assert "monitor users add" in process.stdout.readline()
        port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\n", process.stdout.readline()).group(1))
        assert Client(port).get("/healthz").body == "ok\n"
        assert Client(port).get("/").location == "/login"
    finally:
        process.terminate()
        out, err = process.communicate(timeout=30)
    assert (out, err) == ("", "")
