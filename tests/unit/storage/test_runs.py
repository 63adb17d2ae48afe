"""Reports of runs in a store on real SQLite."""

from datetime import date, timedelta

from monitor.reports import (
    EntryCounts,
    FeedCounts,
    RunError,
)
from tests.factories import BUNDLE, NOON, make_report
from tests.unit.storage.stores import (
    DAY,
    load_digest,
)

# Runs


def test_a_report_comes_back_as_it_was_given(store):
    report = make_report(
        entries=EntryCounts(3, 1, 1, 1, 0),
        errors=(RunError("agency", None, "timeout", "слишком медленно"),),
        seconds={"fetch": 1.25},
        finished_at=NOON + timedelta(minutes=1),
    )
    store.start_run("r1", started_at=NOON, day=DAY, bundle=BUNDLE)
    assert store.load_last_run() == (NOON, None)
    store.finish_run(report)
    assert load_digest(store).last_run == report
    assert store.load_last_run() == (NOON, NOON + timedelta(minutes=1))


def test_a_run_that_broke_off_counts_but_the_last_finished_one_is_shown(store):
    assert store.load_last_run() is None
    for run_id, day in (("r1", DAY), ("r2", DAY), ("r3", DAY + timedelta(days=1))):
        store.start_run(run_id, started_at=NOON, day=day, bundle=BUNDLE)
    store.finish_run(make_report("r1"))
    digest = load_digest(store)
    assert (digest.runs, digest.last_run.run_id) == (2, "r1")
    assert load_digest(store, date(2026, 5, 13)).last_run is None


def test_a_run_of_which_every_feed_failed_is_no_success(store):
    assert store.load_last_success() is None
    for hour, counted in enumerate((FeedCounts(due=2, failed=1, fetched=1), FeedCounts(), FeedCounts(due=2, failed=2))):
        at = NOON + timedelta(hours=hour)
        store.start_run(f"r{hour}", started_at=at, day=DAY, bundle=BUNDLE)
        store.finish_run(make_report(f"r{hour}", feeds=counted, finished_at=at))
    store.start_run("broken", started_at=NOON + timedelta(hours=9), day=DAY, bundle=BUNDLE)
    # Where nothing was due, nothing failed.
    assert store.load_last_success() == NOON + timedelta(hours=1)
