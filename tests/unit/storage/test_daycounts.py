"""Day counts on a real store: whatever is stored later, they are what counting anew gives."""

from datetime import date, timedelta

import pytest
from sqlalchemy import create_engine, text

from monitor.records import Assessment, PageOutcome, PageRequest, PageText
from monitor.storage.store import SqlStore
from tests.factories import NOON, make_feed, make_score
from tests.unit.storage.stores import LONG, assess_pending, entry, load_digest, visit

DAY = date(2026, 5, 14)
FEEDS = (make_feed("agency", outlet="Маяк"), make_feed("pier", outlet="Причал"))


@pytest.fixture
def store(db_url):
    with SqlStore(db_url) as opened:
        opened.sync_feeds(FEEDS)
        yield opened


def forget_all(db_url: str) -> None:
    engine = create_engine(db_url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM counted_days"))
        connection.execute(text("DELETE FROM day_counts"))
    engine.dispose()


def read_today(store: SqlStore, *, day: date = DAY) -> dict[str, int]:
    return {trend.subject: trend.articles for trend in load_digest(store, day).trends.narratives}


def add(store: SqlStore, key: str, *, at=NOON, feed_id: str = "agency", **changes) -> None:
    visit(store, entry(key, f"{LONG} Выпуск {key}", feed_id=feed_id, **changes), feed_id=feed_id, at=at)


def test_flagged_articles_are_counted_by_narrative_and_outlet(store):
    add(store, "e1")
    add(store, "e2", feed_id="pier")
    assess_pending(store, Assessment("ru", (make_score("a"), make_score("b", 0.7))))
    add(store, "e3")
    assess_pending(store, Assessment("ru", (make_score("a", stance="refutes", flagged=False),)))
    trends = load_digest(store).trends
    assert [(trend.subject, trend.articles) for trend in trends.narratives] == [("a", 2), ("b", 2)]
    assert [(trend.subject, trend.articles) for trend in trends.outlets] == [("Маяк", 1), ("Причал", 1)]
    assert trends.outlets[0].week == pytest.approx(500)


def test_what_comes_after_a_count_is_counted_too(store):
    add(store, "e1")
    assess_pending(store)
    assert read_today(store) == {"fake_loyalty": 1}
    add(store, "e2")
    assert read_today(store) == {"fake_loyalty": 1}
    assess_pending(store)
    assert read_today(store) == {"fake_loyalty": 2}


def test_an_edit_within_the_day_takes_the_place_of_the_text_before(store):
    add(store, "e1", text="Утром")
    assess_pending(store)
    assert read_today(store) == {"fake_loyalty": 1}
    add(store, "e1", text="Вечером", at=NOON + timedelta(hours=3))
    assert read_today(store) == {}
    assess_pending(store, Assessment("ru", ()))
    assert read_today(store) == {}


def test_a_fetched_page_takes_the_place_of_the_feeds_text(store):
    add(store, "e1")
    assess_pending(store)
    assert read_today(store) == {"fake_loyalty": 1}
    (request,) = store.load_thin(now=NOON, feed_ids=["agency"], max_chars=None, limit=9)
    page = PageText("", "Полный текст " * 50, "0" * 64)
    assert store.save_pages([PageOutcome(PageRequest(request.article_id, request.url), NOON, "fetched", page=page)]) == 1
    assert read_today(store) == {}


def test_each_zone_has_its_own_days(store):
    add(store, "e1", at=NOON + timedelta(hours=10))
    assess_pending(store)
    assert read_today(store) == {}
    assert read_today(store, day=DAY + timedelta(days=1)) == {"fake_loyalty": 1}
    utc = load_digest(store, timezone="UTC").trends
    assert [trend.articles for trend in utc.narratives] == [1]


def test_another_bundle_has_its_own_counts(store):
    add(store, "e1")
    assess_pending(store)
    load_digest(store)
    assess_pending(store, Assessment("ru", (make_score("b"),)), bundle="cb2-ffffffffffff")
    other = load_digest(store, bundle="cb2-ffffffffffff").trends
    assert [trend.subject for trend in other.narratives] == ["b"]
    assert read_today(store) == {"fake_loyalty": 1}


def test_counts_kept_are_counts_made_anew(store, db_url):
    for n in range(30):
        add(store, f"e{n}", at=NOON - timedelta(hours=7 * n), feed_id=("agency", "pier")[n % 2])
        if n % 3:
            assess_pending(store, Assessment("ru", (make_score(("a", "b")[n % 2]),)))
        if n % 5 == 0:
            load_digest(store)
    assess_pending(store)
    kept = load_digest(store)
    forget_all(db_url)
    assert load_digest(store) == kept
    assert {trend.subject for trend in kept.trends.narratives} == {"a", "b"}


def test_an_article_in_a_feed_that_was_renamed_counts_for_the_new_name(store):
    add(store, "e1")
    assess_pending(store)
    load_digest(store)
    store.sync_feeds([make_feed("agency", outlet="Новое имя")])
    assert [trend.subject for trend in load_digest(store).trends.outlets] == ["Новое имя"]
