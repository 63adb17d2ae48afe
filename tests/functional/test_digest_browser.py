"""The digest's page in a real browser: nothing of a hostile feed runs, and the layout stands."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.dayreports import FeedNote, GrownStory, Mention, Spike, Trend, Trends
from monitor.pictures import draw
from monitor.records import Evidence
from monitor.reports import Changes, Copy, DayCounts, NarrativeEdit, Removal, StanceCount
from monitor.stages.charts import make_charts
from monitor.stages.render import render_digest
from monitor.stages.stories import group_stories
from tests.factories import NOON, make_digest, make_row, make_score
from tests.functional.browser import Tab, find_browser, open_tab

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from monitor.reports import Digest, DigestRow

browser = find_browser()
pytestmark = pytest.mark.skipif(browser is None, reason="no browser is installed (chromium; or name one in MONITOR_TEST_BROWSER)")

HOSTILE = {
    "script": "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "markup": "</title></style></h3></article></section></main><iframe srcdoc='<p>x'></iframe><meta http-equiv=refresh content=0>",
    "style": "</style><style>body{display:none!important}</style><b style='position:fixed;inset:0'>",
    "svg": "<svg onload=\"document.title='owned'\"><foreignObject><a href='javascript:alert(1)'>x</a></foreignObject></svg>",
    "right to left": "\u202eעברית قلب النص \u202dтекст\u202c \u2067вперемешку\u2069 конец",
    "zero width": "Н\u200bе\u200cв\u200dи\u2060д\ufeffи\u00adм\u200eо\u200fе",
    "long": "Д" * 10_000,
    "long words": "слово " * 2_000,
    "nul": "до\x00после \x01\x1b[31m\x7f\ufffe",
    "emoji": "🤖👩‍👩‍👧‍👦🇺🇦" * 60,
    "marks": "З" + "\u0301\u0330\u0489" * 400 + "аголовок",
    "template": "{{ 7*7 }} {% raw %} ${7*7} <%= 7 %>",
    "entity": "&lt;script&gt;alert(1)&lt;/script&gt; &#0; &amp;nbsp;",
    "line breaks": "Первая\n\n\u2028Вторая\u2029\tтретья\r\nчетвёртая",
}
LINK = "https://outlet.example/?q=\"><script>document.title='owned'</script>" + "a" * 3_000


def make_hostile_row(number: int, text: str) -> DigestRow:
    places = tuple(Copy(f"f{n}", f"{text[:200]} {n}", LINK, NOON + timedelta(minutes=17 * n)) for n in range(5))
    row = make_row(
        f"a{number}", title=text, summary=text, text=text, outlet=text, url=LINK if number % 2 else f"javascript:alert({number})"
    )
    evidence = (Evidence("text", 0, min(len(text), 400), text[:400]),)
    return replace(row, copies=places, narratives=(make_score(score=0.99 - number / 100, evidence=evidence),))


def make_hostile_digest() -> Digest:
    rows = tuple(make_hostile_row(number, text) for number, text in enumerate(HOSTILE.values()))
    days = tuple(date(2026, 5, 14) - timedelta(days=28 - n) for n in range(29))
    spike = Spike(days[-1], 14, 2.5, 0.0001)
    outlets = tuple(Trend(row.outlet, 1, (*[0] * 28, 1), "growing", 1.0, 0.5, (spike,)) for row in rows)
    narratives = (Trend("fake_loyalty", 14, tuple(range(29)), "growing", 4.0, 1.0, (spike,)),)
    mentions = tuple(
        Mention(f"m{n}", text, LINK, text, "ru", NOON, "kyiv_terror", 0.9, ("refutes", "reports")[n % 2], 0.9)
        for n, text in enumerate(HOSTILE.values())
    )
    edits = tuple(
        NarrativeEdit(f"e{n}", text, LINK, text, NOON, 1, 2, ("fake_loyalty",), (), "до " + text, "после " + text)
        for n, text in enumerate(HOSTILE.values())
    )
    return make_digest(
        *rows,
        stories=group_stories(rows, start=NOON - timedelta(hours=12)),
        counts=DayCounts(2000, len(rows), 1900, 50, 36, 5),
        stances=(StanceCount("fake_loyalty", len(rows), 2, 3), StanceCount("kyiv_terror", 0, 7, 7)),
        trends=Trends(days, narratives, outlets, 28, 7, 1.0),
        near=tuple(replace(one, stance="promotes", threshold=0.92) for one in mentions),
        counters=mentions,
        changes=Changes(edits, tuple(Removal(f"r{n}", t, LINK, t, NOON, False, ("a",)) for n, t in enumerate(HOSTILE.values()))),
        feed_notes=tuple(FeedNote(f"f{n}", text, "error", "failing", text, text) for n, text in enumerate(HOSTILE.values())),
        comparison=replace(
            make_digest().comparison,
            new_outlets=tuple(HOSTILE.values()),
            grown=(GrownStory("g1", HOSTILE["long"], LINK, "ru", HOSTILE["script"], NOON, 1, 2, tuple(HOSTILE.values()), ("a",)),),
        ),
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    digest = make_hostile_digest()
    pictures = [draw(chart) for chart in make_charts(digest, str)]
    path = tmp_path_factory.mktemp("digest") / "digest.html"
    path.write_bytes(render_digest(digest, str, pictures=pictures)["digest.html"])
    return path


def visit(tmp_path: Path, act: Callable[[Tab], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        assert browser is not None
        async with open_tab(browser, tmp_path / "profile") as tab:
            return await act(tab)

    return asyncio.run(run())


def test_the_browser_shows_what_runs_and_what_breaks_out(tmp_path: Path) -> None:
    """The test of the test: on a page that lets a feed's markup through, each check below fails."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!doctype html><title>x</title><script>document.title='owned'; console.log('ran')</script>"
        "<img src='https://evil.example/x.png'><p style='width:2000px'>wide", encoding="utf-8",
    )  # fmt: skip

    async def look(tab: Tab) -> tuple[str, int, list[str], list[str]]:
        await tab.open(bad.as_uri(), width=390)
        return await tab.ask("document.title"), await tab.ask("document.body.scrollWidth"), tab.list_requests(), tab.list_messages()

    title, width, requests, messages = visit(tmp_path, look)
    assert title == "owned"
    assert width > 390
    assert "https://evil.example/x.png" in requests
    assert any("ran" in message for message in messages)


def test_nothing_of_a_hostile_feed_runs_or_is_asked_for(tmp_path: Path, page: Path) -> None:
    async def look(tab: Tab) -> dict[str, Any]:
        await tab.open(page.as_uri())
        query = """JSON.stringify({
            title: document.title,
            tags: [...new Set([...document.querySelectorAll('*')].map(e => e.localName))],
            handlers: [...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on')),
            links: [...document.links].map(e => e.protocol),
            display: getComputedStyle(document.body).display,
            styles: document.styleSheets.length,
            cards: document.querySelectorAll('article.card').length,
            text: document.body.innerText,
        })"""
        return dict(json.loads(await tab.ask(query))) | {"requests": tab.list_requests(), "messages": tab.list_messages()}

    found = visit(tmp_path, look)
    assert found["title"] == "Narrative digest 2026-05-14"
    assert not {"script", "iframe", "img", "object", "embed", "form", "input", "link", "base", "foreignObject"} & set(found["tags"])
    assert found["handlers"] == []
    assert set(found["links"]) == {"https:", "file:"}  # the second are places on the page itself
    assert found["requests"] == [page.as_uri()]
    assert found["messages"] == []
    assert (found["display"], found["styles"]) == ("block", 1)
    assert found["cards"] == 3 * len(HOSTILE)
    assert "<script>document.title='owned'</script>" in found["text"]
    hidden = "\u202e\u202d\u200b\u2060\ufeff\u00ad\x00\x01\x1b"
    assert not [char for char in hidden if char in found["text"]]


MEASURE = """JSON.stringify((() => {
    const seen = document.documentElement.clientWidth;
    const inside = e => e.closest('.scroll, .figures');
    const wide = [...document.querySelectorAll('body *')].filter(e => !inside(e) && e.getBoundingClientRect().right > seen + 1);
    const cards = [...document.querySelectorAll('article.card')].map(e => e.getBoundingClientRect());
    return {
        seen, scroll: document.documentElement.scrollWidth,
        wide: wide.slice(0, 3).map(e => e.outerHTML.slice(0, 200)),
        tallest: Math.max(...[...document.querySelectorAll('h3')].map(e => e.getBoundingClientRect().height)),
        overlaps: cards.some((a, n) => cards.slice(n + 1).some(b => b.top < a.bottom - 1 && a.top < b.bottom - 1)),
    };
})())"""


@pytest.mark.parametrize("width", [320, 390, 1200], ids=["small phone", "phone", "desk"])
@pytest.mark.parametrize("opened", [False, True], ids=["closed", "all details open"])
def test_the_layout_stands(tmp_path: Path, page: Path, width: int, opened: bool) -> None:
    async def look(tab: Tab) -> dict[str, Any]:
        await tab.open(page.as_uri(), width=width)
        if opened:
            await tab.ask("document.querySelectorAll('details').forEach(e => { e.open = true })")
        return dict(json.loads(await tab.ask(MEASURE)))

    found = visit(tmp_path, look)
    assert found["wide"] == []
    assert found["scroll"] <= found["seen"] == width
    assert not found["overlaps"]
    assert found["tallest"] < 900


def test_pictures_have_a_text_alternative_and_the_figures_behind_them(tmp_path: Path, page: Path) -> None:
    async def look(tab: Tab) -> tuple[list[dict[str, Any]], list[list[int]]]:
        await tab.open(page.as_uri())
        tree = await tab.call("Accessibility.getFullAXTree")
        query = """JSON.stringify([...document.querySelectorAll('figure')].map(
            e => [e.querySelectorAll('svg').length, e.querySelectorAll('table tr').length]))"""
        return tree["nodes"], json.loads(await tab.ask(query))

    nodes, figures = visit(tmp_path, look)
    names = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == "image"]
    for part in ("Flagged articles by narrative and day", "Flagged articles by outlet", "How the largest story spread"):
        (name,) = [name for name in names if part in name]
        assert len(name) > len(part) + 20, "the description is part of it"
    assert [svgs for svgs, _ in figures] == [1, 1, 1]
    assert all(rows >= 2 for _, rows in figures)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read_in_light_and_dark(tmp_path: Path, page: Path, dark: bool) -> None:
    async def look(tab: Tab) -> list[list[str]]:
        await tab.open(page.as_uri(), dark=dark)
        query = """JSON.stringify([...document.querySelectorAll('h1, h2, p.note, .meta, a, mark, .card, .blind h2, .do')].map(e => {
            let paper = e; while (getComputedStyle(paper).backgroundColor === 'rgba(0, 0, 0, 0)') paper = paper.parentElement;
            return [e.tagName, getComputedStyle(e).color, getComputedStyle(paper).backgroundColor]; }))"""
        return list(json.loads(await tab.ask(query)))

    for name, ink, paper in visit(tmp_path, look):
        assert contrast(ink, paper) >= 4.5, (name, ink, paper)


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours as ``rgb(r, g, b)``."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_it_prints(tmp_path: Path, page: Path) -> None:
    async def look(tab: Tab) -> bytes:
        await tab.open(page.as_uri())
        return await tab.print_pdf()

    content = visit(tmp_path, look)
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") > 3
