"""What training takes from the store: texts with what analysts decided of them."""

import pytest

from tests.factories import NOON, make_score
from tests.unit.storage.reviewing import CONFIRM, HOUR, REJECT, SKIP, decide, fill, page, put


@pytest.fixture
def store(review_store):
    return review_store


def test_what_is_decided_comes_with_its_text_and_the_group_of_its_story(store, pipeline):
    first = put(pipeline, "a", make_score())
    put(pipeline, "b", make_score("crimea_always_russian"), title="Полуостров вернулся домой, пишет совсем другая газета края")
    fill(store)
    items = {store.load_item(row.id).narrative: row.id for row in page(store)}
    decide(store, items["fake_loyalty"])
    decide(store, items["crimea_always_russian"], SKIP)
    (one,) = store.load_decided()
    assert one.document.id == f"{first}#1"
    assert one.document.title.startswith("Заголовок о событии номер a")
    assert one.group.startswith("cluster-")
    assert [(d.account, d.asked, d.answer) for d in one.decisions] == [("anna", "fake_loyalty", CONFIRM)]


def test_only_the_answer_that_holds_is_learnt_from(store, pipeline):
    put(pipeline, "a", make_score())
    fill(store)
    (row,) = page(store)
    decide(store, row.id)
    decide(store, row.id, REJECT, at=NOON + HOUR)
    (one,) = store.load_decided()
    assert [d.answer for d in one.decisions] == [REJECT]
    kept = one.decisions[0]
    store.undo_decision(kept.id, account_id=store.accounts["anna"], is_lead=False, made_at=NOON + 2 * HOUR)
    (again,) = store.load_decided()
    assert [d.answer for d in again.decisions] == [CONFIRM]


def test_an_answer_stays_with_the_revision_that_was_seen(store, pipeline):
    put(pipeline, "a", make_score())
    fill(store)
    (row,) = page(store)
    decide(store, row.id)
    put(pipeline, "a", make_score(), title="Заголовок о событии теперь совсем другой и говорит о чём-то ином", at=NOON + HOUR)
    (one,) = store.load_decided()
    assert one.document.id.endswith("#1")
    assert "номер a" in one.document.title
