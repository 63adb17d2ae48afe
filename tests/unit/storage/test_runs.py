"""Reports of runs in a store on real SQLite."""

from datetime import date, timedelta

from monitor.reports import (
    EntryCounts,
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
