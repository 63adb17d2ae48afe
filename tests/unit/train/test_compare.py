import json
from collections.abc import Callable, Sequence

import pytest

from monitor.records import (
    Assessment,
    Document,
    NarrativeScore,
)
from monitor.train.compare import MAX_TITLE_CHARS, Side, compare, find_changes
from monitor.train.evaluate import UNLISTED, Judged
from tests.factories import make_document, make_labelled, make_score

Answer = Callable[[Document], tuple[NarrativeScore, ...]]


class Scripted:
    """A classifier that answers as it is told, and breaks on texts that say so."""

    def __init__(self, bundle_id: str, answer: Answer) -> None:
        self.bundle_id = bundle_id
        self._answer = answer

    def assess(self, documents: Sequence[Document]) -> list[Assessment]:
        if any("breaks" in document.title for document in documents):
            raise ZeroDivisionError
        return [Assessment("ru", self._answer(document)) for document in documents]


def side(name: str, answer: Answer, *narratives: str) -> Side:
    return Side(Scripted(name, answer), narratives or ("a",))


def quiet(score: float, stance: str = "promotes") -> NarrativeScore:
    return make_score("a", score, stance=stance, is_carried=False, flagged=False)


def carried(score: float, stance: str) -> NarrativeScore:
    return make_score("a", score, stance=stance, flagged=stance == "promotes")


def by_id(**answers: NarrativeScore) -> Answer:
    return lambda document: (answers[document.id],) if document.id in answers else ()


TEXTS = [make_document(name, title=f"Title {name}") for name in ("new", "gone", "turned", "same", "silent")]
BEFORE = by_id(new=quiet(0.4), gone=carried(0.9, "promotes"), turned=carried(0.8, "reports"), same=carried(0.7, "promotes"))
AFTER = by_id(
    new=carried(0.9, "promotes"), gone=carried(0.9, "refutes"), turned=carried(0.7, "refutes"), same=carried(0.75, "promotes")
)


@pytest.fixture
def result() -> dict:
    return compare(side("one", BEFORE), side("two", AFTER), TEXTS, examples=5)


def test_changes_are_counted_over_texts_and_by_narrative(result):
    assert (result["a"], result["b"], result["texts"], result["failed"], result["labelled"]) == ("one", "two", 5, 0, 0)
    assert result["flagged"] == {"a": 2, "b": 2, "newly": 1, "no_longer": 1}
    row = result["narratives"]["a"]
    assert (row["newly_flagged"], row["no_longer_flagged"], row["stance_changed"]) == (1, 1, 2)
    assert row["mean_change"] == pytest.approx((0.5 + 0 + 0.1 + 0.05) / 5)
    assert row["mean_change_shown"] == pytest.approx((0.5 + 0 + 0.1 + 0.05) / 4, abs=1e-4)


def test_examples_say_what_was_and_what_is(result):
    examples = result["narratives"]["a"]["examples"]
    assert examples["newly_flagged"] == [
        {
            "id": "new",
            "title": "Title new",
            "a": {"score": 0.4, "stance": "promotes", "flagged": False},
            "b": {"score": 0.9, "stance": "promotes", "flagged": True},
        }
    ]
    assert [example["id"] for example in examples["stance_changed"]] == ["turned", "gone"]


def test_examples_are_the_widest_changes_whatever_their_order():
    texts = [make_document(f"t{n:03}") for n in range(150)]
    answer: Answer = lambda document: (carried(0.5 + int(document.id[1:]) / 1000, "promotes"),)  # noqa: E731
    result = compare(side("one", lambda _: ()), side("two", answer), texts, examples=2)
    assert [example["id"] for example in result["narratives"]["a"]["examples"]["newly_flagged"]] == ["t149", "t148"]
    assert result["narratives"]["a"]["newly_flagged"] == 150
    none = compare(side("one", lambda _: ()), side("two", answer), texts, examples=0)
    assert none["narratives"]["a"]["examples"]["newly_flagged"] == []


def test_labels_give_figures_of_both():
    gold = [make_labelled("new", {"a": "promotes"}), make_labelled("gone", {"a": "refutes"}), *TEXTS[2:]]
    result = compare(side("one", BEFORE), side("two", AFTER), gold, examples=1)
    assert result["labelled"] == 2
    row = result["narratives"]["a"]
    assert row["a"] == {"average_precision": 1.0, "precision": 0.0, "recall": 0.0}
    assert row["b"] == {"average_precision": 1.0, "precision": 1.0, "recall": 1.0}
    assert result["figures"]["a"]["false_flags_refutes"] == 1.0
    assert result["figures"]["b"]["false_flags_refutes"] == 0.0


def test_figures_of_both_are_over_the_narratives_that_both_know():
    gold = [make_labelled("x", {"a": "promotes", "b": "promotes"}), make_labelled("y")]
    one = side("one", by_id(x=carried(0.9, "promotes")), "a")
    two = side("two", lambda document: (*by_id(x=carried(0.9, "promotes"))(document), make_score("b", 0.8)), "a", "b")
    result = compare(one, two, gold, examples=1)
    assert result["figures"]["a"] == result["figures"]["b"]
    assert (result["narratives"]["b"]["in_a"], result["narratives"]["b"]["in_b"]) == (False, True)
    assert result["narratives"]["b"]["a"] == {}
    assert result["narratives"]["b"]["b"] == {"average_precision": 0.5, "precision": 0.5, "recall": 1.0}
    nothing = compare(one, side("three", lambda _: (), "b"), gold, examples=1)
    assert nothing["figures"] == {"a": {}, "b": {}}


def test_a_text_that_breaks_a_model_costs_only_itself():
    texts = [make_document("bad", title="This breaks"), *TEXTS]
    heard = []
    result = compare(side("one", BEFORE), side("two", AFTER), texts, examples=1, report_progress=heard.append)
    assert (result["texts"], result["failed"], result["flagged"]["newly"]) == (5, 1, 1)
    assert heard == [6]


def test_the_same_bundle_changes_nothing():
    result = compare(side("one", AFTER), side("one", AFTER), TEXTS, examples=3)
    row = result["narratives"]["a"]
    assert (row["newly_flagged"], row["no_longer_flagged"], row["stance_changed"], row["mean_change"]) == (0, 0, 0, 0.0)


def test_no_text_gives_no_figures():
    result = compare(side("one", BEFORE), side("two", AFTER), [], examples=3)
    assert (result["texts"], result["narratives"]["a"]["mean_change"]) == (0, None)


def test_only_one_batch_of_texts_is_held_at_a_time():
    taken = assessed = 0

    def texts():
        nonlocal taken
        for n in range(500):
            taken += 1
            assert taken - assessed <= 64
            yield make_document(str(n))

    def count(_document):
        nonlocal assessed
        assessed += 1
        return ()

    result = compare(side("one", lambda _: ()), side("two", count), texts(), examples=1)
    assert (result["texts"], taken, assessed) == (500, 500, 500)


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        pytest.param({"title": "Крым\x07 \ud800 \u202eнаш"}, "Крым ? наш", id="hostile characters"),
        pytest.param({"title": " ", "text": "Тело статьи"}, "Тело статьи", id="no title"),
        pytest.param({}, "", id="nothing"),
    ],
)
def test_titles_of_examples_can_be_printed(fields, title):
    document = make_document("new", **fields)
    result = compare(side("one", BEFORE), side("two", AFTER), [document], examples=1)
    (example,) = result["narratives"]["a"]["examples"]["newly_flagged"]
    assert example["title"] == title
    assert json.dumps(result, ensure_ascii=False).encode()


def test_long_titles_are_cut():
    result = compare(side("one", BEFORE), side("two", AFTER), [make_document("new", text="слово " * 900)], examples=1)
    assert len(result["narratives"]["a"]["examples"]["newly_flagged"][0]["title"]) <= MAX_TITLE_CHARS


PROMOTED = Judged(0.9, "promotes", is_carried=True, flagged=True)
REPORTED = Judged(0.9, "reports", is_carried=True, flagged=False)
LOW = Judged(0.3, "reports", is_carried=False, flagged=False)


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        pytest.param(UNLISTED, PROMOTED, ("newly_flagged",), id="appears"),
        pytest.param(PROMOTED, LOW, ("no_longer_flagged",), id="disappears"),
        pytest.param(REPORTED, PROMOTED, ("newly_flagged", "stance_changed"), id="stance makes the flag"),
        pytest.param(PROMOTED, REPORTED, ("no_longer_flagged", "stance_changed"), id="stance takes the flag"),
        pytest.param(LOW, UNLISTED, (), id="stance of what is not carried"),
        pytest.param(PROMOTED, PROMOTED, (), id="nothing"),
    ],
)
def test_kinds_of_change(was, now, expected):
    assert find_changes(was, now) == expected
