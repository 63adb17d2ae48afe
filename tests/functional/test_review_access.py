"""Who gets in: every route, by every wrong way."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from monitor.review.app import ROUTES
from monitor.review.gate import MAX_FAILURES_OF_ADDRESS, MAX_FAILURES_OF_NAME, make_form_token, make_token
from tests.functional.review_server import PASSWORD, ReviewServer, serve_review


@dataclass(frozen=True)
class Expected:
    """What a route must do. ``path`` is one that exists, ``answers`` its status for somebody who may; ``fields`` make its form."""

    path: str
    answers: int
    access: str = "analyst"
    needs_token: bool = True
    fields: tuple[tuple[str, object], ...] = ()


SKIP = (("verdict", "skip"), ("revision", 1), ("version", 0))
EXPECTED = {
    ("GET", "/"): Expected("/", 303, "open"),
    ("GET", "/healthz"): Expected("/healthz", 200, "open"),
    ("POST", "/csp-report"): Expected("/csp-report", 204, "open", needs_token=False),
    ("GET", "/static/{name}"): Expected("/static/review.css", 200, "open"),
    ("GET", "/login"): Expected("/login", 303, "open"),
    ("POST", "/login"): Expected("/login", 303, "open", fields=(("name", "anna"), ("password", PASSWORD))),
    ("POST", "/logout"): Expected("/logout", 303),
    ("POST", "/language"): Expected("/language", 303, fields=(("language", "en"),)),
    ("GET", "/account"): Expected("/account", 200),
    ("POST", "/account/password"): Expected("/account/password", 403, fields=(("password", "wrong"),)),
    ("GET", "/queue"): Expected("/queue", 200),
    ("GET", "/next"): Expected("/next", 303),
    ("GET", "/item/{item_id:int}"): Expected("/item/1", 200),
    ("POST", "/item/{item_id:int}/decide"): Expected("/item/1/decide", 303, fields=SKIP),
    ("GET", "/article/{article_id}"): Expected("/article/{article}", 303),
    ("GET", "/decisions"): Expected("/decisions", 200),
    ("POST", "/decisions/{decision_id:int}/undo"): Expected("/decisions/1/undo", 409),
    ("GET", "/search"): Expected("/search?q=Собрание", 200),
    ("GET", "/trends"): Expected("/trends", 200),
    ("GET", "/feeds"): Expected("/feeds", 200),
    ("GET", "/bundle"): Expected("/bundle", 200),
    ("GET", "/users"): Expected("/users", 200, "lead"),
    ("POST", "/users"): Expected("/users", 303, "lead", fields=(("name", "new"), ("role", "analyst"), ("password", PASSWORD))),
    ("POST", "/users/switch"): Expected("/users/switch", 303, "lead", fields=(("name", "bohdan"), ("action", "disable"))),
}  # fmt: skip
KEYS = [(route.method, route.path) for route in ROUTES]
ALL = [pytest.param(key, id=" ".join(key)) for key in KEYS]
CLOSED = [pytest.param(key, id=" ".join(key)) for key in KEYS if key not in EXPECTED or EXPECTED[key].access != "open"]
LEADS_ONLY = [pytest.param(key, id=" ".join(key)) for key in KEYS if key in EXPECTED and EXPECTED[key].access == "lead"]
FORMS = [
    pytest.param(key, id=" ".join(key)) for key in KEYS if key[0] == "POST" and (key not in EXPECTED or EXPECTED[key].needs_token)
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serve_review(tmp_path_factory.mktemp("access")) as running:
        yield running


@pytest.fixture(scope="module")
def real_cookie(server):
    return server.client("lesia").cookies["monitor_session"]


@pytest.fixture
def fresh(tmp_path):
    """A server of its own, for tests that change accounts."""
    with serve_review(tmp_path) as running:
        yield running


def path_of(server: ReviewServer, key: tuple[str, str]) -> str:
    return EXPECTED[key].path.replace("{article}", server.articles[0]).replace("Собрание", "%D0%A1%D0%BE")


def send(server, client, key, **changes):
    expected = EXPECTED[key]
    form = {"csrf": client.csrf, **dict(expected.fields), **changes} if key[0] == "POST" else None
    return client.ask(key[0], path_of(server, key), form=form)


def count_everything(server):
    store = server.parts.store
    return len(store.load_decisions(limit=100)), len(store.load_accounts()), [a.disabled_at for a in store.load_accounts()]


def test_every_route_is_listed_here():
    assert set(KEYS) == set(EXPECTED), "a new route needs a line above that says who may use it"
    assert {key: route.access for key, route in zip(KEYS, ROUTES, strict=True)} == {k: e.access for k, e in EXPECTED.items()}


@pytest.mark.parametrize("key", ALL)
def test_who_may_gets_an_answer(fresh, key):
    client = fresh.client("lesia" if EXPECTED[key].access == "lead" else "anna")
    assert send(fresh, client, key).status == EXPECTED[key].answers


@pytest.mark.parametrize("key", CLOSED)
def test_without_a_session_nothing_can_be_read_or_done(server, key):
    before = count_everything(server)
    client = server.client()
    client.get("/login")
    reply = send(server, client, key)
    assert (reply.status, reply.location) == (303, "/login") if key[0] == "GET" else reply.status == 401
    assert "Собрание" not in reply.body
    assert count_everything(server) == before


@pytest.mark.parametrize("key", CLOSED)
@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda _: make_token(), id="guessed"),
        pytest.param(lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"), id="one-letter-off"),
        pytest.param(lambda _: "x" * 5000, id="long"),
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda _: "' OR 1=1 --", id="sql"),
    ],
)
def test_a_forged_cookie_opens_nothing(server, real_cookie, key, forge):
    before = count_everything(server)
    client = server.client()
    forged = forge(real_cookie)
    client.cookies["monitor_session"] = forged
    client.csrf = make_form_token(forged)
    reply = send(server, client, key)
    assert (reply.status, reply.location) == (303, "/login") if key[0] == "GET" else reply.status == 401
    assert count_everything(server) == before


@pytest.mark.parametrize("key", LEADS_ONLY)
def test_analysts_are_kept_from_what_is_for_leads(server, key):
    before = count_everything(server)
    reply = send(server, server.client("anna"), key)
    assert reply.status == 403
    assert "bohdan" not in reply.body
    assert count_everything(server) == before


@pytest.mark.parametrize("key", FORMS)
@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda _: "", id="none"),
        pytest.param(lambda _: make_form_token("another session"), id="of-another-session"),
        pytest.param(lambda client: client.csrf[:-1], id="cut"),
        pytest.param(lambda _: "ї" * 64, id="no-ascii"),
    ],
)
def test_a_form_without_the_token_of_its_session_is_refused(server, key, token):
    before = count_everything(server)
    client = server.client("lesia")
    if EXPECTED[key].access == "open":
        client = server.client()
        client.get("/login")
    assert send(server, client, key, csrf=token(client)).status == 403
    assert count_everything(server) == before


@pytest.mark.parametrize("key", FORMS)
def test_a_form_of_the_session_before_is_stale(server, key):
    client = server.client("lesia")
    old = client.csrf
    client.post("/logout")
    client.log_in("lesia")
    if EXPECTED[key].access == "open":
        client.post("/logout")
        client.get("/login")
    assert send(server, client, key, csrf=old).status == 403


@pytest.mark.parametrize("key", FORMS)
@pytest.mark.parametrize(
    "sign",
    [
        pytest.param({"Origin": "https://evil.example"}, id="origin"),
        pytest.param({"Origin": "null", "Sec_Fetch_Site": "cross-site"}, id="fetch-metadata"),
    ],
)
def test_a_form_sent_by_another_site_is_refused(server, key, sign):
    client = server.client("lesia")
    form = {"csrf": client.csrf, **dict(EXPECTED[key].fields)}
    if EXPECTED[key].access == "open":
        client = server.client()
        client.get("/login")
        form["csrf"] = client.csrf
    assert client.ask("POST", path_of(server, key), form=form, **sign).status == 403


@pytest.mark.parametrize("key", FORMS)
def test_only_forms_are_read_as_forms(server, key):
    client = server.client("lesia")
    if EXPECTED[key].access == "open":
        client = server.client()
        client.get("/login")
    form = {"csrf": client.csrf, **dict(EXPECTED[key].fields)}
    assert client.ask("POST", path_of(server, key), form=form, Content_Type="text/plain").status == 403


def test_after_log_out_the_cookie_is_worth_nothing(server):
    client = server.client("anna")
    cookies = dict(client.cookies)
    reply = client.post("/logout")
    assert reply.headers["clear-site-data"] == '"cache", "storage"'
    assert "monitor_session" not in client.cookies
    client.cookies = cookies
    assert client.get("/queue").location == "/login"


def test_a_disabled_account_is_out_at_once(fresh):
    client, lead = fresh.client("anna"), fresh.client("lesia")
    assert lead.post("/users/switch", name="anna", action="disable").status == 303
    assert client.get("/queue").location == "/login"
    assert fresh.client().log_in("anna").status == 401
    assert lead.post("/users/switch", name="anna", action="enable").status == 303
    assert fresh.client().log_in("anna").status == 303


def test_nobody_locks_themselves_out(fresh):
    lead = fresh.client("lesia")
    assert lead.post("/users/switch", name="lesia", action="disable").status == 422
    assert lead.get("/users").status == 200


def test_sessions_end_when_idle_and_in_any_case_after_a_day_of_work(fresh):
    client = fresh.client("anna")
    for _ in range(12):
        fresh.clock.advance(minutes=55)
        assert client.get("/queue").status == 200
    fresh.clock.advance(minutes=61)
    assert client.get("/queue").location == "/login"
    idle = fresh.client("bohdan")
    fresh.clock.advance(minutes=61)
    assert idle.get("/queue").location == "/login"


# Brute force


@pytest.mark.parametrize("name", [pytest.param("anna", id="known"), pytest.param("nobody", id="unknown")])
def test_a_name_is_locked_after_a_few_failures_even_for_the_right_password(fresh, name):
    client = fresh.client()
    replies = [client.log_in(name, "wrong password") for _ in range(MAX_FAILURES_OF_NAME)]
    assert {reply.status for reply in replies} == {401}
    assert len({re.sub(r'value="\w*"', "", reply.body) for reply in replies}) == 1
    locked = client.log_in(name)
    assert (locked.status, locked.headers["retry-after"]) == (429, "900")
    assert "Too many failed attempts. Try again in 15 min." in locked.body
    fresh.clock.advance(minutes=15, seconds=1)
    assert client.log_in(name).status == (303 if name == "anna" else 401)


def test_an_address_is_locked_whatever_names_it_tries(fresh):
    client = fresh.client()
    for number in range(MAX_FAILURES_OF_ADDRESS):
        assert client.log_in(f"name{number}", "wrong").status == 401
    assert client.log_in("anna").status == 429


def test_one_who_knows_the_password_is_not_counted(fresh):
    client = fresh.client()
    for _ in range(MAX_FAILURES_OF_NAME - 1):
        client.log_in("anna", "wrong")
    assert client.log_in("anna").status == 303
    for _ in range(MAX_FAILURES_OF_NAME - 1):
        assert fresh.client().log_in("anna", "wrong").status == 401


def test_guessing_the_present_password_of_an_open_session_is_locked_too(fresh):
    client = fresh.client("anna")
    for _ in range(MAX_FAILURES_OF_NAME):
        assert client.post("/account/password", password="wrong", new="x", again="x").status == 403
    assert "Too many failed attempts" in client.post("/account/password", password=PASSWORD, new="x", again="x").body


def test_an_unknown_name_is_told_from_a_known_one_by_nothing(server):
    def ask(name):
        client = server.client()
        client.get("/login")
        reply = client.post("/login", name=name, password="wrong password")
        return reply.status, re.sub(r'value="\w*"', "", reply.body), sorted(name for name in reply.headers if name != "date")

    assert ask("bohdan") == ask("stranger")


def test_a_new_password_ends_all_other_sessions(fresh):
    here, there = fresh.client("anna"), fresh.client("anna")
    assert here.post("/account/password", password=PASSWORD, new="short", again="short").status == 422
    assert here.post("/account/password", password=PASSWORD, new="another phrase 7", again="another phrase 8").status == 422
    assert here.post("/account/password", password=PASSWORD, new="another phrase 7", again="another phrase 7").status == 303
    assert here.get("/queue").status == 200
    assert there.get("/queue").location == "/login"
    assert fresh.client().log_in("anna", "another phrase 7").status == 303


# What every answer says to the browser


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/static/review.css", "/static/no", "/nothing", "/queue", "/item/1"])
def test_every_answer_binds_the_browser(server, path):
    headers = server.client("anna").get(path).headers
    policy = headers["content-security-policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store" or path.startswith("/static/review")
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/login", "/queue", "/users"])
def test_pages_hold_nothing_that_the_policy_would_refuse(server, path):
    page = server.client("lesia").get(path).body
    assert not re.search(r"<script(?! src=\"/static/)|\son\w+=|\sstyle=|<style|javascript:", page)


def test_cookies_are_out_of_reach(server):
    client = server.client()
    first = client.get("/login").headers["set-cookie"]
    second = client.post("/login", name="bohdan", password=PASSWORD).headers.get_all("set-cookie")[0]
    for cookie in (first, second):
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/" in cookie


def test_behind_a_proxy_with_tls(tmp_path):
    with serve_review(tmp_path, public_url="https://review.example.org") as server:
        client = server.client()
        assert client.get("/login").status == 421, "only the proxy's name is answered"
        page = client.get("/login", Host="review.example.org")
        assert "Secure" in page.headers["set-cookie"]
        assert page.headers["strict-transport-security"]
        assert page.headers["reporting-endpoints"] == 'csp="/csp-report"'
        assert "report-to csp" in page.headers["content-security-policy"]
        form = {"csrf": client.csrf, "name": "anna", "password": "wrong"}
        for number in range(MAX_FAILURES_OF_ADDRESS):
            sent = {"Host": "review.example.org", "X_Forwarded_For": "10.9.9.9, 192.0.2.1"}
            client.ask("POST", "/login", form=form | {"name": f"n{number}"}, **sent)
        form |= {"password": PASSWORD}
        locked = client.ask("POST", "/login", form=form, Host="review.example.org", X_Forwarded_For="192.0.2.1")
        assert locked.status == 429
        good = client.ask("POST", "/login", form=form, Host="review.example.org", X_Forwarded_For="192.0.2.2")
        assert good.status == 303
        assert good.headers.get_all("set-cookie")[0].startswith("__Host-monitor_session=")


def test_without_a_proxy_nobody_is_believed_about_addresses(fresh):
    client = fresh.client()
    for number in range(MAX_FAILURES_OF_ADDRESS):
        client.get("/login")
        form = {"csrf": client.csrf, "name": f"n{number}", "password": "wrong"}
        client.ask("POST", "/login", form=form, X_Forwarded_For=f"192.0.2.{number}")
    assert client.log_in("anna").status == 429


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "", "localhost.evil.example:80"])
def test_other_hosts_are_refused(server, host):
    assert server.client().get("/login", Host=host).status in {400, 421}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/item/99999999999999999999", 404, id="number-too-large"),
        pytest.param("/item/4000", 404, id="no-such-item"),
        pytest.param("/item/-1", 404, id="negative"),
        pytest.param("/article/' OR 1=1", 404, id="no-such-article"),
        pytest.param("/static/..%2f..%2fapp.py", 404, id="outside"),
        pytest.param("/static/app.py", 404, id="not-ours"),
        pytest.param("/queue?after=nan~1", 200, id="after-nan"),
        pytest.param("/queue?after=inf~99999999999999999999", 200, id="after-inf"),
        pytest.param("/queue?day=9999-99-99&narrative=%00&order=x", 200, id="nonsense-filters"),
        pytest.param("/queue?done=99999999999", 200, id="done-nonsense"),
        pytest.param("/decisions?before=abc", 200, id="before-nonsense"),
        pytest.param("/search?q=%22%27%28%29%2A%00", 200, id="search-syntax"),
        pytest.param("/nothing", 404, id="no-such-page"),
    ],
)
def test_nonsense_is_answered_calmly(server, path, status):
    assert server.client("anna").get(path.replace(" ", "%20")).status == status


def test_too_much_is_not_read(server):
    client = server.client("anna")
    assert client.ask("POST", "/item/1/decide", body=b"x" * 70_000).status == 413
    assert client.ask("POST", "/item/1/decide", body=iter([b"x" * 70_000])).status == 413


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(
            b'{"csp-report": {"effective-directive": "img-src", "blocked-uri": "http://x"}}', "img-src http://x", id="old-form"
        ),
        pytest.param(b'[{"body": {"effectiveDirective": "img-src", "blockedURL": "inline"}}]', "img-src inline", id="new-form"),
        pytest.param(b'{"csp-report": {"blocked-uri": "\\n\\u001b[31m"}}', "'\\n\\x1b[31m'", id="control-characters"),
        pytest.param(b"not json", "cannot be read", id="no-json"),
        pytest.param(b"[1]", "says nothing", id="no-report"),
        pytest.param(b"[" * 5000, "cannot be read", id="deep"),
    ],
)
def test_reports_of_browsers_are_counted_and_told_in_one_harmless_line(fresh, caplog, body, told):
    assert fresh.client().ask("POST", "/csp-report", body=body).status == 204
    assert fresh.parts.tally.reports == 1
    [record] = [record for record in caplog.records if "refused something" in record.message]
    assert told.replace("'", "") in record.getMessage().replace("'", "")
    assert record.getMessage().isprintable()
