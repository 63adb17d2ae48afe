"""Feeds, their visits and their health, in a store on real SQLite."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.errors import FetchError
from monitor.records import (
    FeedState,
    NotModified,
    Visit,
)
from tests.factories import NOON, make_feed, make_fetched
from tests.unit.storage.stores import (
    FEEDS,
    answer,
    fetch,
)

# Feeds and visits


def test_feeds_are_stored_updated_and_switched_off_when_no_longer_listed(store):
    store.sync_feeds([make_feed("agency", outlet="Новое имя"), make_feed("new", enabled=False)])
    health = {h.feed_id: h for h in store.load_health(NOON, NOON)}
    assert {feed_id: h.enabled for feed_id, h in health.items()} == {"agency": True, "new": False, "pier": False}
    assert health["agency"].outlet == "Новое имя"
    store.sync_feeds(FEEDS)
    assert {h.feed_id: h.enabled for h in store.load_health(NOON, NOON)}["pier"] is True


STATE = FeedState(
    etag='"v1"',
    last_modified="Thu, 14 May 2026 10:00:00 GMT",
    not_before=NOON + timedelta(minutes=10),
    moved_to="https://agency.example/moved",
    failures=2,
    unchanged=3,
    rhythm_s=600.5,
    hint_s=3600.0,
    last_new_at=NOON,
    last_success_at=NOON - timedelta(hours=1),
    lies=1,
    document_sha256="ab" * 32,
)


@pytest.mark.parametrize("outcome", [NotModified("agency", NOON), FetchError("timeout", "zu langsam")], ids=["304", "failure"])
def test_what_a_visit_leaves_behind_comes_back_whole(store, outcome):
    answer(store, outcome, STATE)
    assert store.load_feed_states() == {"agency": STATE, "pier": FeedState()}


def test_what_a_document_leaves_behind_comes_back_whole(store):
    fetch(store, make_fetched("agency"), STATE)
    assert store.load_feed_states() == {"agency": STATE, "pier": FeedState()}


def test_what_was_learnt_belongs_to_an_address_and_goes_with_it(store):
    fetch(store, make_fetched("agency"), STATE)
    store.sync_feeds([replace(FEEDS[0], outlet="Иначе")])
    assert store.load_feed_states()["agency"] == STATE
    store.sync_feeds([replace(FEEDS[0], url="https://agency.example/new")])
    assert store.load_feed_states()["agency"] == FeedState()


def test_many_visits_are_kept_in_one_step(store):
    outcomes = [NotModified("agency", NOON), FetchError("timeout", "медленно"), NotModified("pier", NOON)]
    ids = ["agency", "agency", "pier"]
    store.save_visits(
        "run", [Visit(i, o, FeedState(unchanged=n), NOON) for n, (i, o) in enumerate(zip(ids, outcomes, strict=True))]
    )
    store.save_visits("run", [])
    agency, pier = store.load_health(NOON, NOON + timedelta(hours=1))
    assert (agency.visits, agency.failures, pier.visits, pier.failures) == (2, 1, 1, 0)
    assert [state.unchanged for state in store.load_feed_states().values()] == [1, 2]


def test_health_counts_the_visits_between_two_times(store):
    later = make_fetched("agency")
    fetch(store, replace(later, fetched_at=NOON - timedelta(seconds=1)), entries=9)
    answer(store, FetchError("http_404", "нет такого"))
    fetch(store, replace(later, fetched_at=NOON), entries=5, note="обрезан")
    fetch(store, replace(later, fetched_at=NOON + timedelta(hours=1)), entries=7)
    agency, pier = store.load_health(NOON, NOON + timedelta(hours=1))
    assert (agency.visits, agency.failures, agency.entries, agency.last_outcome, agency.last_message) == (
        2,
        1,
        5,
        "fetched",
        "обрезан",
    )
    assert (pier.visits, pier.failures, pier.entries, pier.last_outcome, pier.last_message) == (0, 0, 0, None, None)
