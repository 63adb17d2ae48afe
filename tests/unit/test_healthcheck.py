"""Pings to a real server on loopback."""

from __future__ import annotations

import time

import pytest

from monitor.errors import PingError
from monitor.healthcheck import Healthcheck
from tests.pings import serve_pings

SECRET = "5ecret-uuid"


def make_check(**changes):
    return Healthcheck("CHECK", "narrative-monitor/test", **{"allow_private_networks": True, "timeout_s": 2.0} | changes)


def test_begin_success_and_failure_have_their_addresses():
    with serve_pings() as server:
        environment = {"CHECK": f" {server.url}/{SECRET}/?create=1 "}
        make_check().ping_start(environment)
        make_check().ping_success(environment)
        make_check().ping_failure(environment, "сховище: " + "x" * 20_000)
    assert [(method, path) for method, path, _ in server.taken] == [
        ("GET", f"/{SECRET}/start?create=1"),
        ("GET", f"/{SECRET}/?create=1"),
        ("POST", f"/{SECRET}/fail?create=1"),
    ]
    body = server.taken[-1][2].decode()
    assert (body[:10], len(body)) == ("сховище: x", 10_000)


@pytest.mark.parametrize(
    ("address", "changes", "said"),
    [
        pytest.param("", {}, "CHECK is not set", id="unset"),
        pytest.param(f"just {SECRET}", {}, "CHECK holds no web address", id="no-address"),
        pytest.param(f"ftp://{SECRET}.example/", {}, "CHECK holds no web address", id="other-scheme"),
        pytest.param(f"http://127.0.0.1:9/{SECRET}", {}, "it could not be reached", id="unreachable"),
        pytest.param(
            f"http://127.0.0.1:8000/{SECRET}", {"allow_private_networks": False}, "not on the open internet", id="private-address"
        ),
        pytest.param(
            f"http://localhost:8000/{SECRET}", {"allow_private_networks": False}, "not on the open internet", id="private-name"
        ),
    ],
)
def test_what_cannot_be_pinged_is_said_without_the_address(address, changes, said):
    with pytest.raises(PingError, match=said) as raised:
        make_check(**changes).ping_start({"CHECK": address})
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_refusal_is_said_and_no_redirect_followed(status):
    with serve_pings(status) as server, pytest.raises(PingError, match=f"it answered {status}") as raised:
        make_check().ping_success({"CHECK": f"{server.url}/{SECRET}"})
    assert SECRET not in str(raised.value)
    assert len(server.taken) == 1


def test_a_slow_server_is_given_up():
    with serve_pings(is_slow=True) as server:
        begun = time.monotonic()
        with pytest.raises(PingError, match=r"it did not answer within 0\.3 s"):
            make_check(timeout_s=0.3).ping_success({"CHECK": server.url})
        assert time.monotonic() - begun < 2
