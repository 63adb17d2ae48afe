"""The rows of a day's digest, out of a store on real SQLite."""

from datetime import date, datetime, timedelta

import pytest

from monitor.records import (
    Assessment,
)
from monitor.reports import (
    StanceCount,
)
from monitor.stages.articles import article_id_for
from monitor.storage.days import day_bounds
from tests.factories import BUNDLE, NOON, make_score
from tests.unit.storage.stores import (
    CLEAN,
    DAY,
    FLAGGED,
    LONG,
    assess_pending,
    entry,
    load_digest,
    visit,
)

# The digest of a day


def test_a_digest_counts_every_article_once(store):
    visit(store, *(entry(f"e{n}", f"{LONG} Выпуск {n}") for n in range(4)))
    visit(store, entry("c1", f"{LONG} Выпуск 0", feed_id="pier"), feed_id="pier")
    waiting, failing, clean, flagged = store.load_pending(BUNDLE, limit=9)
    store.save_assessments(BUNDLE, [(clean.revision_id, CLEAN), (flagged.revision_id, FLAGGED)], made_at=NOON)
    store.save_assessment_failure(BUNDLE, failing.revision_id, "x", failed_at=NOON)
    counts = load_digest(store).counts
    assert (counts.articles, counts.flagged, counts.unflagged, counts.pending, counts.failed, counts.copies) == (4, 1, 1, 1, 1, 1)
    assert waiting.document.id not in {row.article_id for row in load_digest(store).rows}


def test_a_row_says_all_of_its_article(store):
    found = entry(summary="Кратко", text="Подробно", published_how="stated")
    visit(store, found)
    visit(store, entry("c1", feed_id="pier", summary="Кратко", text="Подробно"), feed_id="pier", at=NOON + timedelta(minutes=5))
    assess_pending(store)
    (row,) = load_digest(store).rows
    assert (row.article_id, row.revision, row.url) == (article_id_for(found.identity), 1, found.url)
    assert (row.title, row.summary, row.text) == (LONG, "Кратко", "Подробно")
    assert (row.outlet, row.feed_id, row.kind, row.language) == ("Outlet agency", "agency", "occupation", "ru")
    assert (row.published_at, row.published_how, row.fetched_at, row.sha256) == (NOON, "stated", NOON, found.content_sha256)
    assert [(copy.feed_id, copy.first_seen_at) for copy in row.copies] == [("agency", NOON), ("pier", NOON + timedelta(minutes=5))]
    assert row.narratives == FLAGGED.narratives


def test_rows_come_by_their_best_flagged_score(store):
    for n, scores in enumerate(([0.7], [0.95], [0.8])):
        visit(store, entry(f"e{n}", f"{LONG} Выпуск {n}"))
        refuted = make_score("kyiv_terror", 0.99 - n / 100, stance="refutes", flagged=False)
        assess_pending(store, Assessment("ru", (refuted, *(make_score(score=score) for score in scores))))
    assert [row.title[-1] for row in load_digest(store).rows] == ["1", "2", "0"]


def test_stances_are_counted_for_every_carried_narrative(store):
    carried = [("promotes", True), ("refutes", False), ("refutes", False), ("reports", False)]
    for n, (stance, flagged) in enumerate(carried):
        visit(store, entry(f"e{n}", f"{LONG} Выпуск {n}"))
        unlikely = make_score("kyiv_terror", 0.2, is_carried=False, flagged=False)
        assess_pending(store, Assessment("ru", (make_score(stance=stance, flagged=flagged), unlikely)))
    assert load_digest(store).stances == (StanceCount("fake_loyalty", 1, 1, 2),)


def test_an_article_edited_within_the_day_stands_in_it_once_as_it_was_last(store):
    visit(store, entry(text="Утром"))
    visit(store, entry(text="Вечером"), at=NOON + timedelta(hours=3))
    assess_pending(store)
    digest = load_digest(store)
    assert digest.counts.articles == 1
    assert [(row.revision, row.text) for row in digest.rows] == [(2, "Вечером")]


def test_the_digest_of_a_day_stays_when_an_article_is_edited_or_copied_later(store):
    visit(store, entry(text="Сегодня"))
    assess_pending(store)
    before = load_digest(store)
    tomorrow = NOON + timedelta(days=1)
    visit(store, entry(text="Завтра"), at=tomorrow)
    visit(store, entry("c1", text="Завтра", feed_id="pier"), feed_id="pier", at=tomorrow)
    assess_pending(store)
    assert load_digest(store) == before
    after = load_digest(store, DAY + timedelta(days=1))
    assert [(row.revision, row.text) for row in after.rows] == [(2, "Завтра")]
    assert [copy.feed_id for copy in after.rows[0].copies] == ["agency", "pier"]


def test_variants_are_not_articles_of_the_day(store):
    visit(store, entry(text="Полный текст со всеми подробностями"))
    assess_pending(store)
    visit(store, entry("p1", feed_id="pier", url=entry().url, text="Кратко"), feed_id="pier")
    digest = load_digest(store)
    assert (digest.counts.articles, digest.counts.flagged, digest.counts.copies) == (1, 1, 1)
    assert digest.rows[0].text == "Полный текст со всеми подробностями"


def test_a_digest_is_by_the_bundle_that_is_asked_for(store):
    visit(store, entry())
    assess_pending(store)
    other = load_digest(store, bundle="cb2-ffffffffffff")
    assert (other.counts.pending, other.rows, other.stances) == (1, (), ())


def test_a_day_without_anything_is_an_empty_digest(store):
    digest = load_digest(store, date(2020, 1, 1))
    assert (digest.rows, digest.stances, digest.runs, digest.last_run) == ((), (), 0, None)
    assert digest.counts.articles == 0
    assert [health.visits for health in digest.health] == [0, 0]


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        pytest.param(date(2026, 5, 14), "2026-05-13T21:00", "2026-05-14T21:00", id="summer"),
        pytest.param(date(2026, 1, 14), "2026-01-13T22:00", "2026-01-14T22:00", id="winter"),
        pytest.param(date(2026, 3, 29), "2026-03-28T22:00", "2026-03-29T21:00", id="23 hours"),
        pytest.param(date(2026, 10, 25), "2026-10-24T21:00", "2026-10-25T22:00", id="25 hours"),
        pytest.param(date(2026, 12, 31), "2026-12-30T22:00", "2026-12-31T22:00", id="new year"),
    ],
)
def test_a_day_in_kyiv_begins_and_ends_at_its_midnights(store, day, start, end):
    first, last = (datetime.fromisoformat(f"{at}:00+00:00") for at in (start, end))
    assert day_bounds(day, "Europe/Kyiv") == (first, last)
    moments = (first - timedelta(seconds=1), first, last - timedelta(seconds=1), last)
    for n, at in enumerate(moments):
        visit(store, entry(f"e{n}", f"{LONG} Выпуск {n}"), at=at)
    assess_pending(store)
    digest = load_digest(store, day)
    assert {row.title[-1] for row in digest.rows} == {"1", "2"}
    assert digest.counts.articles == 2
    assert digest.health[0].visits == 2
