"""What the pages say beyond the articles themselves."""

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest

from monitor.dayreports import Comparison, FeedNote, Gaps, GrownStory, Mention, Precision, Shift, Spike, Trend, Trends
from monitor.reports import Copy, StanceCount
from monitor.stages.render import find_blind_spots, make_page, render_digest
from monitor.stages.render.page import MAX_CARDS, MAX_SECOND_LOOKS
from monitor.stages.render.words import say_likelihood, say_span, say_spike, show_title
from monitor.stages.stories import group_stories
from tests.factories import NOON, make_digest, make_health, make_row, make_score

DAY = date(2026, 5, 14)
DAYS = tuple(DAY - timedelta(days=28 - n) for n in range(29))
NAMES = {"fake_loyalty": "Показная верность", "kyiv_terror": "Террор Киева"}


def name_of(narrative: str) -> str:
    return NAMES.get(narrative, narrative)


def render(digest, **options) -> dict[str, str]:
    return {name: content.decode() for name, content in render_digest(digest, name_of, **options).items()}


def mention(article_id="m1", **changes) -> Mention:
    one = Mention(article_id, "Заголовок", "https://a.example/m", "Проверка", "uk", NOON, "kyiv_terror", 0.93, "refutes", 0.9)
    return replace(one, **changes)


def make_trend(subject="fake_loyalty", daily=(*[1] * 28, 9), movement="growing", spikes=()) -> Trend:
    return Trend(subject, daily[-1], tuple(daily), movement, 3.0, 1.0, tuple(spikes))


# Stories


def test_a_story_is_one_card_with_all_its_places():
    copies = tuple(
        Copy(f"f{n}", outlet, f"https://{n}.example/", NOON + timedelta(minutes=40 * n - 60))
        for n, outlet in enumerate(["Причал", "Вести полуострова", "Маяк", "Причал"])
    )
    rows = [make_row(f"a{n}", cluster_id="c1", copies=copies, narratives=(make_score(score=0.9 - n / 10),)) for n in range(2)]
    digest = make_digest(*rows, stories=group_stories(rows, start=NOON - timedelta(minutes=30)))
    page = make_page(digest, name_of)
    ((card,),) = (section.cards for section in page.sections)
    assert card.spread == "4 places, 3 outlets, within 2 h, 3 of them new"
    assert [(place.outlet, place.later, place.is_new) for place in card.places] == [
        ("Причал", "first", False),
        ("Вести полуострова", "+40 min", True),
        ("Маяк", "+80 min", True),
        ("Причал", "+2 h", True),
    ]
    assert [place.x for place in card.places] == [0, 33.33, 66.67, 100]
    html = render(digest)["digest.html"]
    assert html.count('<article class="card"') == 1
    assert "2 flagged versions" in html
    assert "same text in: Причал, Маяк" in html
    assert html.count("<circle") == 4


def test_every_card_leads_to_the_evidence():
    html = render(make_digest(make_row("abc123", archive_sequence=17)))["digest.html"]
    assert "monitor explain abc123" in html
    assert "monitor archive show 17" in html
    assert "0" * 12 in html


def test_priority_narratives_come_first_then_the_most_told():
    def row(identifier, narrative):
        return make_row(identifier, narratives=(make_score(narrative),))

    rows = [row("a1", "b"), row("a2", "b"), row("a3", "c"), row("a4", "d")]
    page = make_page(make_digest(*rows), name_of, priority=("x", "d"))
    assert [(section.id, section.is_priority) for section in page.sections] == [("d", True), ("b", False), ("c", False)]


def test_of_very_many_stories_the_weaker_ones_get_a_line_each():
    rows = [make_row(f"a{n:03}", narratives=(make_score(score=0.99 - n / 1000),)) for n in range(MAX_CARDS + 30)]
    page = make_page(make_digest(*rows), name_of)
    assert (len(page.sections[0].cards), len(page.sections[0].rest)) == (MAX_CARDS, 30)
    files = render(make_digest(*rows))
    for row in rows:
        assert f"monitor explain {row.article_id}" in files["digest.html"]
        assert f"`{row.article_id}`" in files["digest.md"]


def test_outlets_are_an_index_of_their_stories():
    rows = [make_row("a1", outlet="Маяк"), make_row("a2", outlet="Причал"), make_row("a3", outlet="Маяк")]
    page = make_page(make_digest(*rows), name_of)
    assert [(o.trend.name, o.trend.now, [anchor for anchor, _, _ in o.stories]) for o in page.outlets] == [
        ("Маяк", 2, ["s-a1", "s-a3"]),
        ("Причал", 1, ["s-a2"]),
    ]
    html = render(make_digest(*rows))["digest.html"]
    anchors = set(re.findall(r'href="#([^"]+)"', html))
    assert anchors <= set(re.findall(r'id="([^"]+)"', html))


# Trends


def test_a_spike_is_told_with_its_odds_and_the_rate_of_false_alarms():
    spike = Spike(DAY, 9, 1.04, 1 / 2345)
    trends = Trends(DAYS, (make_trend(spikes=[spike]),), (), 28, 7, 1.0)
    digest = make_digest(make_row(), trends=trends, stances=(StanceCount("fake_loyalty", 9, 1, 0),))
    files = render(digest)
    for page in (files["digest.html"], files["digest.md"]):
        assert "9 flagged where about 1.0 were to be expected; chance alone gives as many once in 2,345 such days" in page
        assert "A month in which nothing happens raises about 1 such line" in page.replace("By design a", "A")
    assert "2026-05-14: 9 flagged" not in files["digest.html"]
    assert "2026-05-14: 9 flagged" in render(replace(digest, since=date(2026, 5, 1)))["digest.html"]


def test_narratives_have_their_days_their_change_and_their_movement():
    trends = Trends(DAYS, (make_trend(), make_trend("kyiv_terror", (*[2] * 28, 0), "fading")), (), 28, 7, 1.0)
    digest = make_digest(
        make_row(),
        trends=trends,
        stances=(StanceCount("fake_loyalty", 9, 1, 2),),
        comparison=Comparison((Shift("fake_loyalty", 1, 9), Shift("kyiv_terror", 2, 0))),
    )
    rows = {row.id: row for row in make_page(digest, name_of).narratives}
    assert (rows["fake_loyalty"].now, rows["fake_loyalty"].before, rows["fake_loyalty"].moves) == (9, 1, "▲ growing")
    assert (rows["kyiv_terror"].now, rows["kyiv_terror"].before, rows["kyiv_terror"].moves) == (0, 2, "▼ fading")
    bars = rows["fake_loyalty"].bars
    assert (bars.before.count("M"), bars.now.count("M")) == (28, 1)
    assert "| Показная верность | 9 | 1 | ▲ growing | 1 | 2 |" in render(digest)["digest.md"]


def test_narratives_without_anything_new_are_only_named():
    trends = Trends(DAYS, (make_trend("kyiv_terror", (*[0] * 20, 1, *[0] * 8), "steady"),), (), 28, 7, 1.0)
    page = make_page(make_digest(make_row(), trends=trends, stances=(StanceCount("fake_loyalty", 1, 0, 0),)), name_of)
    assert [row.id for row in page.narratives] == ["fake_loyalty"]
    assert [row.id for row in page.quiet] == ["kyiv_terror"]


def test_stories_that_grew_and_outlets_that_are_new_are_told():
    outlets = ("Причал", "Волна")
    grown = GrownStory("g1", "Мост", None, "ru", "Маяк", NOON - timedelta(days=1), 2, 5, outlets, ("kyiv_terror",))
    files = render(make_digest(comparison=Comparison((), ("Новый вестник",), (grown,))))
    for page in (files["digest.html"], files["digest.md"]):
        told = page.replace("\\", "")
        assert "from 2 to 7 places; new: Причал, Волна; first seen in Маяк, 2026-05-13 15:00; Террор Киева" in told
        assert "Новый вестник" in page


# Second look and counter-narratives


def test_near_misses_are_told_with_the_reason():
    near = (mention(stance="promotes", threshold=0.95), mention("m2", stance="reports", stance_score=0.55))
    html = render(make_digest(near=near))["digest.html"]
    assert "Террор Киева: score 0.93, just under this narrative&#39;s threshold of 0.95" in html
    assert "carries it: likely 0.93; reports: possible 0.55" in html
    assert "monitor explain m2" in html


def test_more_near_misses_than_fit_are_counted():
    near = tuple(mention(f"m{n}", threshold=0.95) for n in range(MAX_SECOND_LOOKS + 3))
    assert "and 3 more" in render(make_digest(near=near))["digest.html"]


def test_refutations_of_what_was_flagged_come_first():
    counters = (*(mention(f"m{n}", narrative="b") for n in range(3)), mention("m9", narrative="fake_loyalty", stance="reports"))
    stances = (StanceCount("fake_loyalty", 2, 1, 0), StanceCount("b", 0, 0, 3))
    page = make_page(make_digest(counters=counters, stances=stances), name_of)
    assert [(c.name, c.is_flagged, c.refuting, c.reporting) for c in page.counters] == [
        ("Показная верность", True, 0, 1),
        ("b", False, 3, 0),
    ]
    html = render(make_digest(counters=counters, stances=stances))["digest.html"]
    assert "3 refuting, 0 reporting; nobody promoted it" in html


# Blind spots


def note(level="error", feed_id="crimea-agency", sentence="It failed 3 visits in a row.", remedy="Wait.") -> FeedNote:
    return FeedNote(feed_id, "Маяк", level, "failing", sentence, remedy)


def test_notes_on_a_feed_are_one_line_with_what_to_do():
    digest = make_digest(
        feed_notes=(note(), note("warning", sentence="It has moved.")), health=(make_health(visits=3, failures=3),)
    )
    (spot,) = find_blind_spots(digest)
    assert (spot.what, spot.why) == ("Маяк (crimea-agency)", "It failed 3 visits in a row. It has moved.")
    assert (spot.remedy, spot.command, spot.level) == ("Wait.", "monitor feeds check crimea-agency", "error")


def test_errors_come_before_warnings_and_many_are_folded():
    notes = tuple(note("warning" if n < 9 else "error", f"f{n}") for n in range(12))
    digest = make_digest(feed_notes=notes)
    assert [spot.level for spot in find_blind_spots(digest)][:4] == ["error", "error", "error", "warning"]
    html = render(digest)["digest.html"]
    assert "<summary>4 more</summary>" in html
    assert html.index("feeds check f11") < html.index("<summary>4 more")


def test_languages_and_pages_that_could_not_be_read_are_blind_spots():
    found = find_blind_spots(make_digest(gaps=Gaps((("bg", 3), ("und", 1)), (("timeout", 2), ("robots", 1)))))
    languages, pages = found
    assert languages.what == "4 articles"
    assert "not trained on (3 in Bulgarian, 1 in no language that could be told)" in languages.why
    assert pages.what == "3 article pages"
    assert pages.why == "not fetched, so that only the feed's text was judged (timeout 2, robots 1)"


# Words


@pytest.mark.parametrize(
    ("score", "words"), [(1.0, "very likely"), (0.95, "very likely"), (0.9, "likely"), (0.7, "rather likely"), (0.5, "possible")]
)
def test_scores_are_said_in_words(score, words):
    assert say_likelihood(score) == words


@pytest.mark.parametrize(
    ("minutes", "words"), [(0, "0 min"), (89, "89 min"), (90, "2 h"), (26 * 60, "26 h"), (36 * 60, "2 days"), (9 * 1440, "9 days")]
)
def test_spans_are_said_short(minutes, words):
    assert say_span(timedelta(minutes=minutes)) == words


def test_very_small_chances_are_not_said_in_figures():
    assert "less than once in a million such days" in say_spike(Spike(DAY, 90, 0.2, 1e-30))
    assert "about 12 were" in say_spike(Spike(DAY, 90, 12.4, 1e-30))


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        ((" a\n\nb ",), "a b"),
        (("", "тело"), "тело"),
        (("\u202e\u200b", "тело"), "тело"),
        (("", ""), "(no title)"),
        (("до\x00после",), "допосле"),
    ],
)
def test_titles_are_one_line(texts, shown):
    assert show_title(*texts) == shown


def test_long_titles_are_cut():
    assert len(show_title("Д" * 10_000)) == 300


# What analysts decided


def read_pages(digest) -> tuple[str, str]:
    """The page without its style, and the plain text."""
    files = render(digest)
    return files["digest.html"].partition("</style>")[2], files["digest.md"]


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        pytest.param("confirmed", "confirmed by analysts", id="confirmed"),
        pytest.param("rejected", "rejected by analysts", id="rejected"),
        pytest.param("disputed", "analysts differ", id="disputed"),
        pytest.param("unsure", "analysts are unsure", id="unsure"),
    ],
)
def test_a_decision_stands_with_its_story_and_is_counted(decision, said):
    digest = make_digest(make_row("a1", decision=decision), make_row("a2", title="Другой заголовок о другом"))
    for text in read_pages(digest):
        assert text.count(said) == 1
        assert f"1 of 2 stories decided by analysts: 1 {decision}." in text


def test_where_nothing_was_decided_nothing_is_said_of_it():
    digest = make_digest(make_row("a1"))
    for text in read_pages(digest):
        assert "analysts" not in text
        assert "How right" not in text


def test_how_right_flags_were_is_told_with_its_interval():
    rated = (Precision("fake_loyalty", 20, 0.75, 0.531, 0.888), Precision("ukraine_nazi", 3))
    digest = make_digest(make_row("a1"), precision=rated)
    page, plain = read_pages(digest)
    shown = re.findall(r"<tr><th scope=\"row\">(.*?)</th>" + r"<td class=\"n\">(.*?)</td>" * 3, page.partition('id="precision"')[2])
    assert shown == [("Показная верность", "75%", "53% to 89%", "20"), ("ukraine_nazi", "too few", "", "3")]
    assert "| Показная верность | 75% | 53% to 89% | 20 |" in plain
