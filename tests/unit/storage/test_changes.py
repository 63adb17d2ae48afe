"""What vanished and what was edited, as a store on real SQLite tells it."""

from datetime import timedelta

import pytest

from tests.factories import NOON
from tests.unit.storage.stores import (
    CLEAN,
    FLAGGED,
    LONG,
    assess_pending,
    entry,
    load_digest,
    page_of,
    visit,
)


def test_an_item_that_vanishes_from_its_feed_is_marked_and_may_come_back(store):
    one, two, three = (entry(f"e{n}", f"{LONG} Выпуск {n}") for n in range(3))
    visit(store, one, two, three)
    assess_pending(store)
    visit(store, one, three, at=NOON + timedelta(hours=1))
    assert store.load_history(two.url).vanished_at == NOON + timedelta(hours=1)
    changes = load_digest(store).changes
    assert ([removal.title for removal in changes.removals], changes.removed) == ([two.title], 1)
    visit(store, one, two, three, at=NOON + timedelta(hours=2))
    assert store.load_history(two.url).vanished_at is None
    assert load_digest(store).changes.removals == ()


@pytest.mark.parametrize(
    ("first", "second", "appeared"), [(CLEAN, FLAGGED, True), (FLAGGED, CLEAN, False)], ids=["appeared", "vanished"]
)
def test_an_edit_that_changes_what_is_promoted_is_told(store, first, second, appeared):
    visit(store, entry(text="Первый вариант"))
    assess_pending(store, first)
    visit(store, entry(text="Второй вариант"), at=NOON + timedelta(hours=1))
    assess_pending(store, second)
    (edit,) = load_digest(store).changes.edits
    narratives = (FLAGGED.narratives[0].id,)
    assert (edit.appeared, edit.vanished) == ((narratives, ()) if appeared else ((), narratives))
    assert (edit.before_revision, edit.revision) == (1, 2)
    assert edit.before_text.endswith("Первый вариант")
    assert edit.text.endswith("Второй вариант")


def test_the_text_of_a_page_is_no_edit_of_the_feeds(store):
    visit(store, entry())
    assess_pending(store, CLEAN)
    store.save_pages([page_of(store)])
    assess_pending(store)
    assert load_digest(store).changes.edits == ()


def test_an_edit_that_changes_nothing_of_that_is_not_told(store):
    visit(store, entry(text="Первый вариант"))
    visit(store, entry(text="Второй вариант"))
    assess_pending(store)
    assert load_digest(store).changes.edits == ()
