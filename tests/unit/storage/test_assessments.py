"""Assessments in a store on real SQLite."""

from datetime import timedelta

from monitor.reports import (
    AssessmentCounts,
)
from monitor.stages.articles import article_id_for
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
