"""Assessments in a store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, text

from monitor.reports import (
    AssessmentCounts,
)
from monitor.stages.articles import article_id_for
from monitor.storage import articles
from tests.factories import BUNDLE, NOON
from tests.unit.storage.stores import (
    FLAGGED,
    LONG,
    assess_pending,
    entry,
    visit,
)

# Assessments


def test_new_articles_wait_for_an_assessment_newest_first(store):
    visit(store, *(entry(f"e{n}", f"{LONG} Выпуск {n}") for n in range(5)))
    assert store.count_assessments(BUNDLE) == AssessmentCounts(pending=5)
    pending = store.load_pending(BUNDLE, limit=2)
    assert [p.document.title[-1] for p in pending] == ["4", "3"]
    assert pending[0].document.id == article_id_for(entry("e4").identity)


def test_an_assessed_revision_waits_no_more_but_for_another_bundle_and_when_edited(store):
    visit(store, entry())
    assess_pending(store)
    assert store.load_pending(BUNDLE, limit=9) == []
    assert len(store.load_pending("cb2-ffffffffffff", limit=9)) == 1
    visit(store, entry(text="Дополнено"), at=NOON + timedelta(hours=1))
    assert [p.document.text for p in store.load_pending(BUNDLE, limit=9)] == ["Дополнено"]
    assert store.count_assessments(BUNDLE) == AssessmentCounts(pending=1)


def test_an_assessment_comes_back_whole(store):
    visit(store, entry())
    assess_pending(store)
    (stored,) = store.load_history(entry().url).revisions[0].assessments
    assert (stored.bundle, stored.made_at, stored.language, stored.failure) == (BUNDLE, NOON, "ru", None)
    assert stored.narratives == FLAGGED.narratives


def test_the_first_of_two_equal_runs_wins(store):
    visit(store, entry())
    (pending,) = store.load_pending(BUNDLE, limit=9)
    store.save_assessments(BUNDLE, [(pending.revision_id, FLAGGED)], made_at=NOON)
    store.save_assessments(BUNDLE, [(pending.revision_id, FLAGGED)], made_at=NOON + timedelta(hours=1))
    store.save_assessment_failure(BUNDLE, pending.revision_id, "поздно", failed_at=NOON)
    (stored,) = store.load_history(entry().url).revisions[0].assessments
    assert (stored.made_at, stored.failure) == (NOON, None)


def test_a_failure_is_counted_told_and_not_tried_again(store):
    visit(store, entry())
    (pending,) = store.load_pending(BUNDLE, limit=9)
    store.save_assessment_failure(BUNDLE, pending.revision_id, "текст не читается", failed_at=NOON)
    assert store.load_pending(BUNDLE, limit=9) == []
    assert store.count_assessments(BUNDLE) == AssessmentCounts(failed=1)
    (stored,) = store.load_history(entry().url).revisions[0].assessments
    assert (stored.failure, stored.narratives) == ("текст не читается", ())


def test_saving_no_assessments_is_nothing(store):
    store.save_assessments(BUNDLE, [], made_at=NOON)
    assert store.count_assessments(BUNDLE) == AssessmentCounts()


# How far a bundle has got

OTHER = "cb2-ffffffffffff"


def publish(store, first: int, count: int, *, at=NOON) -> None:
    visit(store, *(entry(f"e{n}", f"{LONG} Выпуск {n}") for n in range(first, first + count)), at=at)


def titles(pending) -> list[int]:
    return [int(p.document.title.split()[-1]) for p in pending]


def test_what_came_after_a_bundle_settled_waits_for_it(store):
    publish(store, 0, 3)
    assess_pending(store)
    store.settle_assessments(BUNDLE)
    assert store.load_pending(BUNDLE, limit=9) == []
    publish(store, 3, 2)
    store.settle_assessments(BUNDLE)  # must not count as seen what waits
    assert titles(store.load_pending(BUNDLE, limit=9)) == [4, 3]
    assert store.count_assessments(BUNDLE) == AssessmentCounts(pending=2)


def test_a_backlog_half_done_goes_on_where_it_stopped_and_new_articles_come_first(store):
    publish(store, 0, 6)
    done = store.load_pending(OTHER, limit=2)
    assert titles(done) == [5, 4]
    store.save_assessments(OTHER, [(p.revision_id, FLAGGED) for p in done], made_at=NOON)
    store.settle_assessments(OTHER)
    publish(store, 6, 1)
    assert titles(store.load_pending(OTHER, limit=3)) == [6, 3, 2]
    assert store.count_assessments(OTHER) == AssessmentCounts(pending=5)
    assess_pending(store, bundle=OTHER)
    store.settle_assessments(OTHER)
    assert store.count_assessments(OTHER) == AssessmentCounts()
    assert store.count_assessments(BUNDLE) == AssessmentCounts(pending=7)


def test_a_bundle_taken_up_again_sees_what_came_meanwhile_also_where_it_stops_in_between(store):
    publish(store, 0, 2)
    assess_pending(store)
    store.settle_assessments(BUNDLE)
    publish(store, 2, 4)
    (newest,) = store.load_pending(BUNDLE, limit=1)
    store.save_assessments(BUNDLE, [(newest.revision_id, FLAGGED)], made_at=NOON)
    store.settle_assessments(BUNDLE)
    assert titles(store.load_pending(BUNDLE, limit=9)) == [4, 3, 2]
    assert store.count_assessments(BUNDLE) == AssessmentCounts(pending=3)


def test_what_is_asked_for_can_be_bounded_by_id_and_by_time(store):
    publish(store, 0, 2)
    publish(store, 2, 2, at=NOON + timedelta(days=1))
    all_of_them = store.load_pending(BUNDLE, limit=9)
    assert titles(store.load_pending(BUNDLE, limit=9, since=NOON + timedelta(hours=1))) == [3, 2]
    assert titles(store.load_pending(BUNDLE, limit=9, before=all_of_them[1].revision_id)) == [1, 0]
    assert store.load_pending(BUNDLE, limit=9, since=NOON + timedelta(days=2)) == []


def test_settling_waits_for_texts_that_another_run_is_about_to_keep(store, db_url):
    """Ids may become visible out of order: an earlier one after a later one."""
    if not db_url.startswith("postgresql"):
        pytest.skip("SQLite has one writer at a time")
    publish(store, 0, 1)
    assess_pending(store)
    engine = create_engine(db_url)
    with engine.connect() as other:
        articles.announce_revisions(other)
        with ThreadPoolExecutor(1) as pool:
            settling = pool.submit(store.settle_assessments, BUNDLE)
            with pytest.raises(TimeoutError):
                settling.result(timeout=0.5)
            copied = "article_id, number + 1, feed_id, is_variant, title, summary, text, content_sha256, published_at"
            columns = copied.replace("number + 1", "number") + ", published_how, fetched_at"
            other.execute(text(f"INSERT INTO revisions ({columns}) SELECT {copied}, published_how, fetched_at FROM revisions"))
            other.commit()
            settling.result(timeout=20)
    engine.dispose()
    assert store.count_assessments(BUNDLE) == AssessmentCounts(pending=1)
