"""Entries, articles and revisions in a store on real SQLite."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.errors import StoreError
from monitor.records import (
    Duplicate,
    Fresh,
    Known,
    KnownEntry,
    Revised,
    Seen,
)
from monitor.stages.articles import article_id_for
from monitor.storage.articles import CHUNK
from monitor.storage.store import COPY_MEMORY
from tests.factories import BUNDLE, NOON
from tests.unit.storage.stores import (
    LONG,
    entry,
    keep,
    visit,
)

# Entries, revisions, copies, variants


def test_an_entry_is_new_once_and_then_seen(store):
    assert visit(store, entry()) == ("Fresh",)
    assert visit(store, entry(), at=NOON + timedelta(hours=1)) == ("Seen",)
    history = store.load_history(entry().url)
    assert len(history.revisions) == 1
    assert [(copy.feed_id, copy.outlet, copy.first_seen_at) for copy in history.copies] == [("agency", "Outlet agency", NOON)]


def test_what_is_stored_is_known_by_key_address_and_text(store):
    found = entry()
    visit(store, found)
    known = store.load_known([found], fetched_at=NOON)
    article_id = article_id_for(found.identity)
    assert known.entries == {("agency", "e1"): KnownEntry("e1", article_id, found.content_sha256, owns_article=True)}
    assert known.articles[found.identity].article_id == article_id
    assert known.by_content == {found.content_sha256: article_id}
    assert known.last_keys == {"agency": ("e1",)}
    assert store.load_known([replace(found, feed_id="pier")], fetched_at=NOON).entries == {}
    assert store.load_known([], fetched_at=NOON) == Known()


def test_more_entries_than_fit_into_one_query_are_known(store):
    entries = [entry(f"e{n}", f"{LONG} Выпуск {n}") for n in range(2 * CHUNK + 1)]
    assert set(visit(store, *entries)) == {"Fresh"}
    assert set(visit(store, *entries)) == {"Seen"}


def test_an_edited_entry_becomes_a_revision_and_the_first_text_stays(store):
    visit(store, entry(text="Первый вариант"))
    assert visit(store, entry(text="Второй вариант"), at=NOON + timedelta(hours=1)) == ("Revised",)
    history = store.load_history(entry().url)
    assert history.current_revision == 2
    assert [(r.number, r.text, r.is_variant, r.fetched_at) for r in history.revisions] == [
        (1, "Первый вариант", False, NOON),
        (2, "Второй вариант", False, NOON + timedelta(hours=1)),
    ]
    assert visit(store, entry(text="Второй вариант")) == ("Seen",)


def test_two_versions_in_one_document_are_two_revisions(store):
    assert visit(store, entry(text="Один"), entry(text="Один и два")) == ("Fresh", "Revised")
    assert store.load_history(entry().url).current_revision == 2


def test_an_equal_text_elsewhere_is_a_copy_of_the_first(store):
    visit(store, entry())
    assert visit(store, entry("x9", feed_id="pier"), feed_id="pier", at=NOON + timedelta(hours=1)) == ("Duplicate",)
    history = store.load_history("https://pier.example/x9")
    assert [(copy.feed_id, copy.url) for copy in history.copies] == [
        ("agency", "https://agency.example/e1"),
        ("pier", "https://pier.example/x9"),
    ]
    assert len(history.revisions) == 1


def test_an_equal_text_after_a_week_is_another_article(store):
    visit(store, entry())
    later = entry("x9", feed_id="pier")
    assert store.load_known([later], fetched_at=NOON + COPY_MEMORY).by_content != {}
    assert visit(store, later, feed_id="pier", at=NOON + COPY_MEMORY + timedelta(seconds=1)) == ("Fresh",)


def test_a_poorer_text_at_the_same_address_is_kept_as_a_variant(store):
    visit(store, entry(text="Полный текст статьи со всеми подробностями"))
    poorer = entry("p1", feed_id="pier", url=entry().url, text="Кратко")
    assert visit(store, poorer, feed_id="pier") == ("Duplicate",)
    history = store.load_history(entry().url)
    assert history.current_revision == 1
    assert [(r.feed_id, r.is_variant, r.text) for r in history.revisions][1] == ("pier", True, "Кратко")
    assert visit(store, poorer, feed_id="pier") == ("Seen",)
    assert [p.document.text for p in store.load_pending(BUNDLE, limit=9)] == ["Полный текст статьи со всеми подробностями"]


def test_two_feeds_with_texts_of_different_length_do_not_undo_each_other(store):
    richer, poorer = entry(text="Полный текст со всеми подробностями"), entry("p1", feed_id="pier", url=entry().url, text="Кратко")
    for hour in range(4):
        visit(store, richer, at=NOON + timedelta(hours=hour))
        visit(store, poorer, feed_id="pier", at=NOON + timedelta(hours=hour))
    assert len(store.load_history(entry().url).revisions) == 2


def test_an_entry_that_moves_to_another_article_is_seen_there(store):
    visit(store, entry())
    visit(store, entry("x9", feed_id="pier"), feed_id="pier")
    own = entry("x9", "Совсем другая новость о погоде и дорогах в горах", feed_id="pier")
    assert visit(store, own, feed_id="pier", at=NOON + timedelta(hours=1)) == ("Fresh",)
    assert [copy.feed_id for copy in store.load_history(entry().url).copies] == ["agency"]
    assert store.load_history(own.url).revisions[0].title.startswith("Совсем другая")


def test_texts_of_every_script_come_back_as_they_were(store):
    odd = entry(title="Ё «кавычки» \U0001f30d 'апостроф' \\ % _ \u2028", summary='x" OR 1=1; --', text="שלום\nсвіт")
    visit(store, odd)
    revision = store.load_history(odd.url).revisions[0]
    assert (revision.title, revision.summary, revision.text) == (odd.title, odd.summary, odd.text)


def test_times_come_back_in_utc_whatever_zone_they_came_in(store):
    kyiv = datetime.fromisoformat("2026-05-14T15:00:00+03:00")
    visit(store, entry(published_at=kyiv), at=kyiv)
    revision = store.load_history(entry().url).revisions[0]
    assert (revision.published_at, revision.fetched_at) == (NOON, NOON)
    assert revision.published_at.tzinfo is UTC


def test_a_naive_time_is_refused(store):
    with pytest.raises(StoreError, match="naive datetime"):
        visit(store, entry(published_at=datetime(2026, 5, 14)))  # noqa: DTZ001 - that is the point


def test_a_step_that_fails_leaves_nothing_behind(store):
    decided = [Fresh(entry("a"), "id-a"), Fresh(entry("b", "Другой заголовок"), "id-a")]
    with pytest.raises(StoreError, match="nothing of this step was kept") as caught:
        keep(store, decided)
    assert caught.value.__cause__ is not None
    assert store.load_history("id-a") is None
    assert store.load_pending(BUNDLE, limit=9) == []


def test_entries_of_an_unknown_feed_are_refused(store):
    with pytest.raises(StoreError):
        keep(store, [Fresh(entry(), "id-a")], feed_id="nobody")


def test_what_was_seen_is_left_alone(store):
    keep(store, [Seen(entry())])
    keep(store, [])
    assert store.load_history(entry().url) is None


def test_decisions_are_kept_as_they_are(store):
    keep(store, [Fresh(entry("a"), "id-a")])
    longer, other = entry("a", text="Длиннее"), entry("b", "Иной текст", url=entry("a").url)
    keep(store, [Revised(longer, "id-a", is_update=True), Duplicate(other, "id-a", is_update=False, differs=True)])
    history = store.load_history("id-a")
    assert history.current_revision == 2
    assert [(r.number, r.is_variant) for r in history.revisions] == [(1, False), (2, False), (3, True)]
