import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from monitor.records import (
    Evidence,
)
from monitor.reports import (
    AssessmentCounts,
    Copy,
    DayCounts,
    Digest,
    FeedCounts,
    RunError,
    StanceCount,
)
from monitor.stages.render import find_blind_spots, make_json_row, make_page, render_csv, render_digest, render_report
from monitor.stages.rows import CSV_COLUMNS
from tests.factories import BUNDLE, NOON, make_digest, make_health, make_report, make_row, make_score

HOSTILE = [
    "<script>alert(1)</script>",
    "</title></h3><img src=x onerror=alert(1)>",
    "[тут](javascript:alert(1))",
    "**Жирный** `код` _курсив_ # заголовок",
    "![картинка](https://evil.example/x.png)",
    "a | b | c",
    "<https://evil.example/> и &lt;b&gt;",
    "{{ 7 * 7 }} {% raw %}",
    "Ё & ё «кавычки» ~~нет~~",
    "- пункт",
    "1. пункт",
    "> цитата",
]


def name_of(narrative: str) -> str:
    return {"fake_loyalty": "Показна лояльність"}.get(narrative, narrative)


def render(digest: Digest) -> dict[str, str]:
    return {name: content.decode() for name, content in render_digest(digest, name_of).items()}


def read_csv(digest: Digest) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(render_csv(digest)), encoding="utf-8-sig", keep_default_na=False, dtype=str)


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"} and not value.startswith("#")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.texts.append(data)


def read_html(digest: Digest) -> _Reader:
    reader = _Reader()
    reader.feed(render(digest)["digest.html"])
    return reader


def find_spots(**changes) -> list[tuple[str, str]]:
    return [(spot.what, spot.why) for spot in find_blind_spots(make_digest(**changes))]


def test_a_digest_is_five_files_and_without_a_finished_run_four():
    assert set(render(make_digest(make_row()))) == {"digest.md", "digest.html", "digest.csv", "digest.jsonl", "run.json"}
    assert "run.json" not in render(make_digest(last_run=None))


def test_the_same_digest_gives_the_same_bytes():
    rows = [make_row(f"a{n}", title=f"Заголовок {n}") for n in range(5)]
    assert render_digest(make_digest(*rows), name_of) == render_digest(make_digest(*rows), name_of)


def test_an_empty_digest_says_so_in_every_file():
    files = render(make_digest())
    assert "None of 0 new articles was flagged" in files["digest.html"]
    assert "0 of 0 articles flagged" in files["digest.md"]
    assert files["digest.jsonl"] == ""
    assert files["digest.csv"] == "\ufeff" + ",".join(CSV_COLUMNS) + "\r\n"


def test_without_blind_spots_the_pages_say_that_nothing_is_known():
    assert find_spots() == []
    files = render(make_digest())
    assert "every enabled feed was read and every article assessed" in files["digest.html"]
    assert "every enabled feed was read and every article assessed" in files["digest.md"]


@pytest.mark.parametrize(
    ("changes", "what", "why"),
    [
        pytest.param({"last_run": None, "runs": 0}, "The day", "no run has finished", id="no run"),
        pytest.param({"last_run": None, "runs": 1}, "The day", "no run has finished", id="run broken off"),
        pytest.param({"last_run": make_report(bundle="cb1-ffffffffffff")}, "The model", "cb1-ffffffffffff", id="other bundle"),
        pytest.param({"counts": DayCounts(3, 0, 1, 2, 0, 0)}, "2 articles", "not assessed yet", id="pending"),
        pytest.param({"counts": DayCounts(3, 0, 0, 0, 3, 0)}, "3 articles", "the model failed", id="failed"),
        pytest.param(
            {"health": (make_health(visits=2, failures=2, last_outcome="http_403", last_message="the server answered 403"),)},
            "Outlet crimea-agency (crimea-agency)",
            "not read at all: the server answered 403",
            id="feed down",
        ),
        pytest.param(
            {"health": (make_health(visits=3, failures=1),)},
            "Outlet crimea-agency (crimea-agency)",
            "failed on 1 of 3 visits",
            id="feed down at times",
        ),
        pytest.param(
            {"health": (make_health(last_message="cut off in the middle"),)},
            "Outlet crimea-agency (crimea-agency)",
            "cut off in the middle",
            id="degraded",
        ),
        pytest.param({"health": (make_health("quiet", visits=0),)}, "1 feed", "not visited on this day: quiet", id="not visited"),
        pytest.param(
            {"health": (make_health("old", visits=0, enabled=False),)}, "1 feed", "switched off or no longer listed: old", id="off"
        ),
    ],
)
def test_what_the_day_did_not_see_is_said_in_both_pages(changes, what, why):
    ((found_what, found_why),) = find_spots(**changes)
    assert found_what == what
    assert why in found_why
    files = render(make_digest(**changes))
    assert f"<strong>{what}</strong>" in files["digest.html"]
    assert re.sub(r"\\(.)", r"\1", files["digest.md"]).count(f"**{what}**") == 1


def test_a_day_without_a_run_does_not_list_every_feed_as_not_visited():
    health = tuple(make_health(f"f{n}", visits=0) for n in range(50))
    assert len(find_spots(last_run=None, runs=0, health=health)) == 1


def test_the_weightiest_blind_spots_come_first():
    health = (make_health("b", visits=2, failures=1), make_health("a", visits=1, failures=1), make_health("c", visits=0))
    found = find_spots(counts=DayCounts(5, 0, 4, 1, 0, 0), health=health)
    assert [what for what, _ in found] == ["1 articles", "Outlet a (a)", "Outlet b (b)", "1 feed"]


def test_articles_stand_under_their_strongest_flagged_narrative_best_first():
    def row(identifier, *scores):
        return make_row(identifier, narratives=scores)

    refuted = make_score("kyiv_terror", 0.99, stance="refutes", flagged=False)
    page = make_page(
        make_digest(
            row("a1", make_score("fake_loyalty", 0.7)),
            row("a2", make_score("fake_loyalty", 0.9), make_score("ukraine_nazi", 0.8)),
            row("a3", refuted, make_score("ukraine_nazi", 0.6)),
        ),
        name_of,
    )
    assert [(s.name, [card.row.article_id for card in s.cards]) for s in page.sections] == [
        ("Показна лояльність", ["a2", "a1"]),
        ("ukraine_nazi", ["a3"]),
    ]
    assert page.sections[0].cards[0].others == ("ukraine_nazi",)


def test_an_article_without_a_title_shows_its_beginning():
    page = make_page(make_digest(make_row(title="", summary="Слово " * 100, narratives=(make_score(),))), name_of)
    title = page.sections[0].cards[0].title
    assert title.startswith("Слово Слово")
    assert title.endswith("…")
    assert len(title) <= 120


def test_other_outlets_with_the_same_text_are_named_once_each():
    copies = tuple(Copy(f"f{n}", outlet, None, NOON) for n, outlet in enumerate(["Вести полуострова", "Маяк", "Причал", "Маяк"]))
    files = render(make_digest(make_row(copies=copies)))
    assert "Same text in: Маяк, Причал" in files["digest.md"]
    assert "same text in: Маяк, Причал" in files["digest.html"]


def test_evidence_is_marked_within_its_context():
    text = "Начало. " * 60 + "Все единогласно за. " + "Конец. " * 60
    start = text.index("Все")
    evidence = Evidence("text", start, start + 19, "Все единогласно за.")
    row = make_row(text=text, narratives=(make_score(evidence=(evidence,)),))
    html = render(make_digest(row))["digest.html"]
    assert "Начало. <mark>Все единогласно за.</mark> Конец." in html
    assert "<blockquote" in html
    assert len(re.search(r"<blockquote.*?</blockquote>", html, re.DOTALL).group()) < 700


def test_times_are_shown_in_the_zone_of_the_digest_and_written_in_utc():
    row = make_row(published_at=datetime(2026, 5, 14, 22, 30, tzinfo=UTC))
    files = render(make_digest(row))
    assert "2026-05-15 01:30" in files["digest.html"]
    assert "2026-05-15 01:30" in files["digest.md"]
    assert json.loads(files["digest.jsonl"])["published_at"] == "2026-05-14T22:30:00Z"


def test_stances_are_counted_by_narrative_most_promoted_first():
    stances = (StanceCount("a", 1, 0, 9), StanceCount("b", 2, 1, 0), StanceCount("fake_loyalty", 0, 3, 4))
    page = make_page(make_digest(stances=stances), name_of)
    assert page.stances == (("b", 2, 1, 0), ("a", 1, 0, 9), ("Показна лояльність", 0, 3, 4))
    assert "| Показна лояльність | 0 | 0 | · no trend yet | 3 | 4 |" in render(make_digest(stances=stances))["digest.md"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_title_is_only_text_in_html(hostile):
    harmless, reader = read_html(make_digest(make_row(title="Мост"))), read_html(make_digest(make_row(title=hostile)))
    assert reader.tags == harmless.tags
    assert reader.links == harmless.links
    assert hostile in reader.texts


@pytest.mark.parametrize("place", ["outlet", "message", "evidence", "narrative name"])
def test_hostile_text_is_only_text_wherever_it_comes_from(place):
    hostile = HOSTILE[0]
    row = make_row(title="Мост", text=hostile) if place == "evidence" else make_row(outlet=hostile if place == "outlet" else "Маяк")
    if place == "evidence":
        row = replace(row, narratives=(make_score(evidence=(Evidence("text", 0, len(hostile), hostile),)),))
    digest = make_digest(row, health=(make_health(last_message=hostile if place == "message" else None),))
    html = render_digest(digest, lambda _: hostile if place == "narrative name" else "Имя")["digest.html"].decode()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def read_markdown_headings(text: str) -> list[list[tuple[str, str]]]:
    tokens = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(text)
    inline = [tokens[n + 1] for n, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h3"]
    return [[(child.type, child.content) for child in token.children] for token in inline]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_title_is_only_text_in_markdown(hostile):
    (heading,) = read_markdown_headings(render(make_digest(make_row(title=hostile)))["digest.md"])
    assert {kind for kind, _ in heading} <= {"text", "text_special"}
    assert "".join(content for _, content in heading) == hostile


@pytest.mark.parametrize("start", ["- пункт", "+ пункт", "1. пункт", "2) пункт", "=== черта", "&lt;b&gt; знак", "    отступ"])
def test_quoted_context_stays_one_paragraph_in_markdown(start):
    text = f"{start} и дальше. Все единогласно за."
    at = text.index("Все")
    row = make_row(text=text, narratives=(make_score(evidence=(Evidence("text", at, len(text), text[at:]),)),))
    tokens = MarkdownIt("commonmark").parse(render(make_digest(row))["digest.md"])
    begin = next(n for n, token in enumerate(tokens) if token.type == "blockquote_open")
    assert [token.type for token in tokens[begin : begin + 5]] == [
        "blockquote_open",
        "paragraph_open",
        "inline",
        "paragraph_close",
        "blockquote_close",
    ]
    shown = "".join(child.content for child in tokens[begin + 2].children)
    assert shown.startswith(" ".join(start.split()))


def test_line_breaks_in_a_title_do_not_start_a_new_block_in_markdown():
    (heading,) = read_markdown_headings(render(make_digest(make_row(title="Мост\n\n### Поддельный раздел\n- пункт")))["digest.md"])
    assert "".join(content for _, content in heading) == "Мост ### Поддельный раздел - пункт"


def test_titles_choose_their_own_direction_in_html():
    assert re.search(r'<h3 [^>]*dir="auto">', render(make_digest(make_row(title="שלום העולם")))["digest.html"])


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", None, ""])
def test_only_web_addresses_become_links(url):
    digest = make_digest(make_row(url=url))
    files = render(digest)
    assert read_html(digest).links == []
    assert "<javascript" not in files["digest.md"]
    assert "file:///" not in files["digest.html"] + files["digest.md"]


def test_quotes_in_an_address_do_not_leave_its_attribute():
    reader = read_html(make_digest(make_row(url='https://outlet.example/?q="><script>')))
    assert reader.links == ['https://outlet.example/?q="><script>']
    assert "script" not in reader.tags


def test_pages_load_nothing_from_elsewhere():
    html = render(make_digest(make_row()))["digest.html"]
    assert "Content-Security-Policy" in html
    assert "default-src 'none'" in html
    assert not re.search(r"<(script|link|img|iframe)\b|url\(", html)


def test_csv_begins_with_a_byte_order_mark_and_has_every_row():
    digest = make_digest(*(make_row(f"a{n}") for n in range(3)))
    assert render_csv(digest).startswith(b"\xef\xbb\xbfday,article_id,")
    table = read_csv(digest)
    assert tuple(table.columns) == CSV_COLUMNS
    assert table["article_id"].tolist() == ["a0", "a1", "a2"]
    assert (table["language"] == "ru").all()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"], ids=["equals", "plus", "minus", "at", "tab", "return"])
@pytest.mark.parametrize("field", ["title", "outlet", "kind", "url"])
def test_cells_that_a_spreadsheet_would_run_are_disarmed(start, field):
    value = f'{start}HYPERLINK("https://evil.example";"тут")'
    (shown,) = read_csv(make_digest(make_row(**{field: value})))[field]
    assert shown == f"'{value}"


@pytest.mark.parametrize(
    "title", ['Кавычки "внутри", запятая; точка', "Строка\nи ещё\r\nодна", "NA", "0123", "’апостроф", "Ціна: -5 °C"]
)
def test_other_cells_come_back_as_they_were(title):
    rows = list(csv.DictReader(io.StringIO(render_csv(make_digest(make_row(title=title))).decode("utf-8-sig"), newline="")))
    assert [row["title"] for row in rows] == [title]


def test_csv_and_json_lines_hold_the_same_values():
    copies = (Copy("f1", "Маяк", None, NOON), Copy("f2", "Причал", None, NOON), Copy("f3", "Маяк", None, NOON))
    scores = (make_score("fake_loyalty", 0.91), make_score("ukraine_nazi", 0.7), make_score("kyiv_terror", 0.6, flagged=False))
    digest = make_digest(make_row(narratives=scores, copies=copies, revision=2))
    (cells,) = read_csv(digest).to_dict("records")
    row = json.loads(render(digest)["digest.jsonl"])
    for name in (
        "day",
        "article_id",
        "url",
        "title",
        "outlet",
        "feed_id",
        "kind",
        "language",
        "published_at",
        "fetched_at",
        "bundle",
        "sha256",
    ):
        assert cells[name] == row[name]
    assert (cells["narrative"], cells["score"], cells["stance"]) == ("fake_loyalty", "0.91", "promotes")
    assert cells["other_narratives"] == "ukraine_nazi"
    assert (cells["cluster_size"], cells["cluster_outlets"], cells["first_seen_outlet"]) == ("3", "Маяк; Причал", "Маяк")
    assert cells["revision"] == "2"


def test_a_json_row_has_the_promised_fields():
    digest = make_digest(make_row(narratives=(make_score(score=0.9), make_score("kyiv_terror", 0.05, flagged=False))))
    row = make_json_row(digest, digest.rows[0])
    promised = "day article_id url title outlet feed_id kind language published_at fetched_at narratives cluster"
    assert {*promised.split(), "revision", "decision", "bundle", "sha256"} <= set(row)
    assert set(row["cluster"]) >= {"id", "size", "outlets", "first_seen_at", "first_seen_outlet"}
    assert [set(n) >= {"id", "score", "stance", "evidence"} for n in row["narratives"]] == [True]
    assert row["day"] == date(2026, 5, 14).isoformat()


def test_json_lines_are_one_line_each_in_cyrillic():
    text = render(make_digest(make_row(title="Строка\nи ещё"), make_row("a2")))["digest.jsonl"]
    assert len(text.splitlines()) == 2
    assert "Строка" in text


def test_the_report_is_written_with_its_numbers_and_errors():
    report = make_report(
        feeds=FeedCounts(due=2, fetched=1, failed=1),
        assessments=AssessmentCounts(1, 2, 3),
        errors=(RunError("f", "https://f.example/rss", "http_404", "сервер ответил 404"),),
        seconds={"fetch": 1.5},
    )
    read = json.loads(render_report(report))
    assert read["started_at"] == "2026-05-14T12:00:00Z"
    assert read["feeds"] == {"due": 2, "fetched": 1, "not_modified": 0, "failed": 1, "skipped": 0}
    assert read["assessments"] == {"made": 1, "pending": 2, "failed": 3, "rescored": 0}
    assert read["errors"] == [{"feed_id": "f", "url": "https://f.example/rss", "kind": "http_404", "message": "сервер ответил 404"}]
    assert (read["bundle"], read["seconds"]) == (BUNDLE, {"fetch": 1.5})
