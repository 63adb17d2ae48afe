"""What a digest says beyond its flagged articles, on a real store."""

from datetime import timedelta

import pytest

from monitor.dayreports import BundleFacts
from monitor.errors import FetchError
from monitor.records import Assessment, FeedState, NotModified, Visit
from monitor.reports import PageCounts, RunError
from tests.factories import BUNDLE, NOON, make_feed, make_fetched, make_report, make_score
from tests.unit.storage.stores import CLEAN, DAY, FLAGGED, LONG, assess_pending, entry, fetch, load_digest, visit

HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)
FACTS = BundleFacts({"fake_loyalty": 0.9, "kyiv_terror": 0.8}, ("ru", "uk"))


def load(store, day=DAY, **changes):
    return store.load_digest(day, timezone="Europe/Kyiv", bundle=BUNDLE, facts=FACTS, **changes)


def unflagged(score: float, stance: str = "promotes", stance_score: float = 0.8, *, narrative="fake_loyalty", carried=False):
    return make_score(narrative, score, stance=stance, stance_score=stance_score, is_carried=carried, flagged=False)


def add(store, key: str, *scores, at=NOON, feed_id="agency", language="ru", **changes) -> None:
    visit(store, entry(key, f"{LONG} Выпуск {key}", feed_id=feed_id, **changes), feed_id=feed_id, at=at)
    assess_pending(store, Assessment(language, scores))


# Stories


def test_copies_in_several_outlets_are_one_story_with_all_of_them(store):
    visit(store, entry("e1"), at=NOON)
    visit(store, entry("c1", feed_id="pier"), feed_id="pier", at=NOON + HOUR)
    words = " ".join(f"слово{n}" for n in range(60))
    near = f"{words} И ещё одна строка."
    visit(store, entry("e2", title="А", text=words), at=NOON + HOUR)
    visit(store, entry("e3", title="А", feed_id="pier", text=near), feed_id="pier", at=NOON + 2 * HOUR)
    assert store.cluster_pending() == 3
    assess_pending(store)
    stories = load(store).stories
    assert [(len(story.rows), [copy.feed_id for copy in story.copies], story.new_copies) for story in stories] in (
        [(1, ["agency", "pier"], 2), (2, ["agency", "pier"], 2)],
        [(2, ["agency", "pier"], 2), (1, ["agency", "pier"], 2)],
    )


def test_a_copy_that_is_edited_later_stays_a_copy_on_its_day(store):
    visit(store, entry("e1"), at=NOON)
    visit(store, entry("c1", feed_id="pier"), feed_id="pier", at=NOON + HOUR)
    visit(store, entry("c2", feed_id="pier"), feed_id="pier", at=NOON + HOUR)
    assert load(store).counts.copies == 2
    visit(store, entry("c1", f"{LONG} Дополнено", feed_id="pier"), feed_id="pier", at=NOON + ONE_DAY)
    assert store.count_articles() == 2
    assert load(store).counts.copies == 2


def test_a_story_that_grows_on_a_later_day_is_told_then(store):
    visit(store, entry("e1"), at=NOON)
    assess_pending(store)
    visit(store, entry("c1", feed_id="pier"), feed_id="pier", at=NOON + ONE_DAY)
    (grown,) = load(store, DAY + ONE_DAY).comparison.grown
    assert (grown.title, grown.outlet, grown.first_seen_at) == (LONG, "Outlet agency", NOON)
    assert (grown.before, grown.added, grown.new_outlets) == (1, 1, ("Outlet pier",))
    assert (grown.narratives, grown.language) == (("fake_loyalty",), "ru")
    assert load(store).comparison.grown == ()


def test_stories_that_are_not_flagged_do_not_count_as_grown(store):
    visit(store, entry("e1"), at=NOON)
    assess_pending(store, CLEAN)
    visit(store, entry("c1", feed_id="pier"), feed_id="pier", at=NOON + ONE_DAY)
    assert load(store, DAY + ONE_DAY).comparison.grown == ()


# Second look and counter-narratives


def test_articles_near_a_flag_come_nearest_first(store):
    add(store, "just", unflagged(0.89))
    add(store, "below", unflagged(0.76))
    add(store, "far", unflagged(0.6))
    add(store, "unsure", unflagged(0.97, "reports", 0.55, carried=True))
    add(store, "sure", unflagged(0.97, "reports", 0.9, carried=True))
    add(store, "flagged", make_score("kyiv_terror"), unflagged(0.89))
    found = load(store)
    assert [(one.title.split()[-1], one.threshold) for one in found.near] == [("just", 0.9), ("unsure", None), ("below", 0.9)]
    assert [one.title.split()[-1] for one in found.counters] == ["sure"]


def test_an_article_near_two_flags_is_listed_once_with_the_nearest(store):
    add(store, "e1", unflagged(0.78), unflagged(0.79, narrative="kyiv_terror"))
    (near,) = load(store).near
    assert (near.narrative, near.score) == ("kyiv_terror", 0.79)


def test_without_thresholds_nothing_is_near_but_unsure_stances(store):
    add(store, "just", unflagged(0.89))
    add(store, "unsure", unflagged(0.97, "reports", 0.55, carried=True))
    assert [one.title.split()[-1] for one in load_digest(store).near] == ["unsure"]


def test_who_refuted_or_reported_what_comes_refutations_first(store):
    add(store, "e1", unflagged(0.95, "reports", 0.99, carried=True))
    add(store, "e2", unflagged(0.95, "refutes", 0.7, carried=True), feed_id="pier")
    add(store, "e3", unflagged(0.95, "refutes", 0.9, carried=True))
    found = load(store).counters
    assert [(one.title.split()[-1], one.stance, one.outlet) for one in found] == [
        ("e3", "refutes", "Outlet agency"),
        ("e2", "refutes", "Outlet pier"),
        ("e1", "reports", "Outlet agency"),
    ]


# Blind spots, as of the day


def note_states(store, day=DAY) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for note in load(store, day).feed_notes:
        found.setdefault(note.feed_id, []).append(note.state)
    return found


def answer(store, outcome, *, at, feed_id="agency") -> None:
    store.save_visits("run", [Visit(feed_id, outcome, FeedState(), at)])


def test_a_feed_that_fails_is_told_of_with_how_long(store):
    visit(store, entry("e1"), at=NOON - 5 * HOUR)
    for n in range(3):
        answer(store, FetchError("timeout", "слишком медленно"), at=NOON + n * HOUR)
    (note,) = load(store).feed_notes
    assert (note.feed_id, note.level, note.state) == ("agency", "error", "failing")
    assert "3 visits in a row (it last succeeded 7 hours ago): слишком медленно" in note.sentence
    assert note.remedy


def test_a_blocked_feed_is_named_as_blocked(store):
    answer(store, FetchError("http_403", "нельзя"), at=NOON)
    assert note_states(store) == {"agency": ["blocked"]}


def test_what_happens_on_later_days_does_not_change_what_is_told_of_this_one(store):
    fetch(store, make_fetched("agency", fetched_at=NOON), entries=1)
    visit(store, entry("e1"), at=NOON)
    before = load(store)
    for n in range(1, 9):
        answer(store, FetchError("http_403", "нельзя"), at=NOON + n * ONE_DAY)
    visit(store, entry("e2", f"{LONG} Ещё"), at=NOON + 9 * ONE_DAY)
    assert load(store) == before
    assert note_states(store, DAY + 8 * ONE_DAY) == {"agency": ["blocked"]}


def test_a_feed_that_falls_silent_against_its_rhythm_is_told_of(store):
    for n in range(40):
        add(store, f"e{n}", at=NOON + n * 3 * HOUR)
    last = NOON + 39 * 3 * HOUR
    for n in range(1, 4):
        answer(store, NotModified("agency", last), at=last + n * ONE_DAY)
    assert note_states(store, DAY + 5 * ONE_DAY) == {}
    (note,) = load(store, (last + 3 * ONE_DAY).date()).feed_notes
    assert note.state == "silent"
    assert "nothing new for 3 days, although something usually comes every 3 hours" in note.sentence


def test_feeds_that_were_not_visited_lately_have_no_notes(store):
    answer(store, FetchError("http_403", "нельзя"), at=NOON)
    assert note_states(store, DAY + 30 * ONE_DAY) == {}


def test_disabled_feeds_have_no_notes(store):
    answer(store, FetchError("http_403", "нельзя"), at=NOON)
    store.sync_feeds([make_feed("pier")])
    assert note_states(store) == {}


def test_languages_that_the_bundle_does_not_know_are_counted(store):
    add(store, "e1", language="bg")
    add(store, "e2", language="bg")
    add(store, "e3", language="und")
    add(store, "e4", language="ru")
    assert load(store).gaps.languages == (("bg", 2), ("und", 1))
    assert load_digest(store).gaps.languages == ()


def test_pages_that_no_run_of_the_day_could_fetch_are_counted_by_reason(store):
    errors = tuple(RunError("agency", None, kind, "x") for kind in ("page_timeout", "page_robots", "page_timeout", "timeout"))
    store.start_run("r1", started_at=NOON, day=DAY, bundle=BUNDLE)
    store.finish_run(make_report("r1", errors=errors, pages=PageCounts(3, 0, 3)))
    store.start_run("r2", started_at=NOON, day=DAY, bundle=BUNDLE)
    assert load(store).gaps.pages == (("timeout", 2), ("robots", 1))
    assert load(store, DAY + ONE_DAY).gaps.pages == ()


# Spans


def test_a_span_holds_all_of_its_days(store):
    for n in range(4):
        add(store, f"e{n}", *FLAGGED.narratives, at=NOON + n * ONE_DAY)
    found = load(store, DAY + 3 * ONE_DAY, since=DAY + ONE_DAY)
    assert found.counts.articles == 3
    assert sorted(row.title.split()[-1] for row in found.rows) == ["e1", "e2", "e3"]
    assert found.span == "2026-05-15_2026-05-17"
    assert [(shift.before, shift.now) for shift in found.comparison.shifts] == [(1, 3)]


@pytest.mark.parametrize("days", [1, 40], ids=["a day", "longer than the window"])
def test_a_span_is_compared_with_as_many_days_before_it(store, days):
    for n in range(2 * days):
        add(store, f"e{n}", *FLAGGED.narratives, at=NOON + n * ONE_DAY)
    add(store, "more", *FLAGGED.narratives, at=NOON + days * ONE_DAY)
    found = load(store, DAY + (2 * days - 1) * ONE_DAY, since=DAY + days * ONE_DAY)
    assert [(shift.before, shift.now) for shift in found.comparison.shifts] == [(days, days + 1)]
