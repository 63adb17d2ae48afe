"""Old visits and runs are folded, and every digest stays as it was."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text

from monitor.errors import FetchError
from monitor.records import FeedState, NotModified
from monitor.reports import RunError
from tests.factories import BUNDLE, make_fetched, make_report
from tests.unit.storage.stores import answer, assess_pending, entry, fetch, load_digest, visit

ZONE = "Europe/Kyiv"
# Clocks go back on 25 October: the days before it begin at another hour of UTC than those after.
FIRST, DAYS = date(2026, 10, 12), 24
FOLDED = date(2026, 10, 31)
BEFORE = datetime(2026, 10, 30, 22, tzinfo=UTC)


def count(db_url: str, table: str) -> int:
    engine = create_engine(db_url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    finally:
        engine.dispose()


def fill(store, seed: int) -> None:
    """Visits of every kind at odd times, and several runs a day, some of which broke off."""
    dice = random.Random(seed)
    at = datetime(2026, 10, 12, 1, tzinfo=UTC)
    for number in range(DAYS * 8):
        at += timedelta(minutes=dice.randrange(10, 340))
        chosen = dice.random()
        state = FeedState(failures=dice.randrange(5))
        if chosen < 0.4:
            answer(store, NotModified("agency", at), state, at=at)
        elif chosen < 0.75:
            answer(store, FetchError(dice.choice(["timeout", "http_403", "dns"]), f"failed in {number}"), state, at=at)
        else:
            note = "two items were left out" if dice.random() < 0.5 else None
            fetch(store, replace(make_fetched("agency", b"%d" % number), fetched_at=at), state, note=note, entries=2)
    for number in range(DAYS * 3):
        day, run_id = FIRST + timedelta(days=number // 3), f"r{number}"
        began = datetime.combine(day, at.time(), UTC)
        store.start_run(run_id, started_at=began, day=day, bundle=BUNDLE)
        if dice.random() < 0.7:
            errors = tuple(RunError("agency", None, dice.choice(["page_timeout", "page_robots", "dns"]), "x") for _ in range(3))
            store.finish_run(make_report(run_id, started_at=began, finished_at=began, errors=errors))


def load_digests(store):
    days = [FIRST + timedelta(days=n) for n in range(-1, DAYS + 8)]
    weeks = [store.load_digest(day, timezone=ZONE, bundle=BUNDLE, since=day - timedelta(days=6)) for day in days]
    return [load_digest(store, day) for day in days] + weeks


def repeat(fold, **limits) -> int:
    total = 0
    while (gone := fold(**limits)) is not None:
        total += gone
    return total


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_digest_is_as_it_was(store, db_url, seed):
    fill(store, seed)
    before = load_digests(store)
    visits, runs = count(db_url, "visits"), count(db_url, "runs")
    assert repeat(store.fold_visits, before=BEFORE, timezone=ZONE) == visits - count(db_url, "visits") > 20
    assert repeat(store.fold_runs, before=FOLDED) == runs - count(db_url, "runs") == 2 * (FOLDED - FIRST).days
    assert load_digests(store) == before
    assert store.fold_visits(before=BEFORE, timezone=ZONE) is None
    assert store.fold_runs(before=FOLDED) is None


def test_one_step_folds_a_day_at_most_and_the_next_goes_on(store, db_url):
    at = datetime(2026, 5, 14, 12, tzinfo=UTC)
    for n in range(40):
        answer(store, NotModified("agency", at + timedelta(hours=n)), at=at + timedelta(hours=n))
    limits = {"before": datetime(2026, 5, 30, 21, tzinfo=UTC), "timezone": ZONE}
    assert [store.fold_visits(**limits) for _ in range(4)] == [8, 23, 6, None]
    assert count(db_url, "visits") == 3


def test_what_says_where_a_document_lies_stays(store, db_url):
    at = datetime(2026, 5, 14, 12, tzinfo=UTC)
    visit(store, entry(), at=at)
    assess_pending(store)
    engine = create_engine(db_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE visits SET archive_sequence = 5"))
    engine.dispose()
    for n in range(1, 4):
        fetch(store, replace(make_fetched("agency", b"%d" % n), fetched_at=at + timedelta(hours=n)))
    shown = load_digest(store)
    assert store.fold_visits(before=datetime(2026, 5, 30, 21, tzinfo=UTC), timezone=ZONE) == 2
    assert load_digest(store) == shown
    assert shown.health[0].visits == 4


def test_the_last_message_of_each_kind_stays(store, db_url):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(5):
        store.save_told("mail", kind="failure", subject="x", article_ids=(), told_at=at + timedelta(days=n))
    store.save_told("chat", kind="failure", subject="x", article_ids=(), told_at=at)
    assert store.forget_notifications(before=at + timedelta(days=90)) == 4
    assert store.load_last_told("mail", "failure") == at + timedelta(days=4)
    assert store.load_last_told("chat", "failure") == at
    assert count(db_url, "notifications") == 2
