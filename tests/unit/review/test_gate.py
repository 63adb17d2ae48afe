from datetime import timedelta

import pytest

from monitor.review.gate import FAILURE_WINDOW, is_form_token, judge_failures, make_form_token, make_token
from monitor.review.guard import make_address
from monitor.review.passwords import find_weakness, hash_password, verify_password
from tests.factories import NOON

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("ages_min", "wait"),
    [
        pytest.param([], None, id="none"),
        pytest.param([1, 2], None, id="below-the-limit"),
        pytest.param([3, 2, 1], 12 * MINUTE, id="at-the-limit"),
        pytest.param([9, 3, 2, 1], 12 * MINUTE, id="beyond"),
        pytest.param([16, 15, 15], None, id="old"),
    ],
)
def test_how_long_to_wait(ages_min, wait):
    failures = [NOON - age * MINUTE for age in ages_min]
    assert judge_failures(failures, limit=3, now=NOON) == wait
    assert timedelta(minutes=15) == FAILURE_WINDOW


def test_form_tokens_follow_from_the_cookie():
    token = make_token()
    assert is_form_token(make_form_token(token), token)
    assert not is_form_token(make_form_token(token), make_token())
    assert not is_form_token("", token)
    assert not is_form_token(make_form_token(""), "")
    assert len({make_token() for _ in range(50)}) == 50


def test_passwords_are_hashed_with_argon2id_and_salted():
    first, second = hash_password("a long enough phrase"), hash_password("a long enough phrase")
    assert first.startswith("$argon2id$")
    assert first != second
    assert verify_password("a long enough phrase", first)
    assert not verify_password("a long enough phrasE", first)
    assert not verify_password("no account has this password", None), "not even that of the dummy"
    assert not verify_password("x", "not a hash")


@pytest.mark.parametrize(
    ("password", "weakness"),
    [
        ("a long enough phrase", None),
        ("довга українська фраза", None),
        ("eleven char", "password_short"),
        ("x" * 257, "password_long"),
        ("abcabcabcabcabc", "password_weak"),
        ("I am ANNA and that is it", "password_weak"),
    ],
)
def test_weak_passwords(password, weakness):
    assert find_weakness(password, "anna") == weakness


def test_addresses():
    local = make_address("127.0.0.1", 8080, None)
    assert "127.0.0.1:8080" in local.hosts
    assert "http://localhost:8080" in local.origins
    assert not local.is_secure
    assert "[::1]:8080" in make_address("::1", 8080, None).hosts
    public = make_address("127.0.0.1", 8080, "https://Review.example.org/")
    assert (public.hosts, public.origins, public.is_secure) == (
        {"review.example.org"},
        {"https://review.example.org"},
        True,
    )
