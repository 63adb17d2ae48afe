from dataclasses import replace
from datetime import UTC, datetime

import pytest

from monitor.decisions import Answer, DecidedText, Decision, Span
from monitor.records import Document, Mark
from monitor.train.decided import MIN_UNFLAGGED, find_one_sided, hash_taught, is_decided, label_decisions
from tests.factories import make_labelled_text

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
CONFIRM = Answer("confirm", "fake_loyalty", "promotes")
REPORTS = Answer("confirm", "fake_loyalty", "reports")
NAZI = "ukraine_nazi"
OTHER = Answer("confirm", NAZI, "promotes")
REJECT, UNSURE = Answer("reject"), Answer("unsure")


def make_decided(*said: tuple[int, str, Answer], key: str = "a", group: str = "cluster-1", flagged: bool = False) -> DecidedText:
    """A text with answers: account, narrative asked about, answer."""
    decisions = tuple(
        Decision(n, key, 1, asked, "cb1-0123456789ab", account, f"u{account}", NOON, answer, "certain", None, None, flagged=flagged)
        for n, (account, asked, answer) in enumerate(said)
    )
    return DecidedText(Document(f"{key}#1", title="Жители поддержали"), group, decisions)


@pytest.mark.parametrize(
    ("said", "labels", "known", "weight"),
    [
        pytest.param([(1, "fake_loyalty", CONFIRM)], {"fake_loyalty": "promotes"}, {"fake_loyalty"}, 1.0, id="confirmed"),
        pytest.param([(1, "fake_loyalty", REJECT)], {}, {"fake_loyalty"}, 1.0, id="rejected: of others nothing is known"),
        pytest.param(
            [(1, "fake_loyalty", OTHER)],
            {NAZI: "promotes"},
            {"fake_loyalty", NAZI},
            1.0,
            id="another narrative",
        ),
        pytest.param([(1, "", REJECT)], {}, None, 1.0, id="carries none at all"),
        pytest.param([(1, "", OTHER)], {NAZI: "promotes"}, {NAZI}, 1.0, id="one that nobody had asked about"),
        pytest.param(
            [(1, "fake_loyalty", CONFIRM), (1, NAZI, REJECT)],
            {"fake_loyalty": "promotes"},
            {"fake_loyalty", NAZI},
            1.0,
            id="two questions, one analyst",
        ),
        pytest.param(
            [(1, "fake_loyalty", CONFIRM), (2, "fake_loyalty", CONFIRM), (3, "fake_loyalty", REJECT)],
            {"fake_loyalty": "promotes"},
            {"fake_loyalty"},
            pytest.approx(1 / 3),
            id="a majority of two to one counts a third",
        ),
        pytest.param(
            [(1, "fake_loyalty", UNSURE), (2, "fake_loyalty", CONFIRM)],
            {"fake_loyalty": "promotes"},
            {"fake_loyalty"},
            1.0,
            id="who is unsure has no vote",
        ),
        pytest.param(
            [(1, "fake_loyalty", OTHER), (1, NAZI, REJECT)],
            {NAZI: "promotes"},
            {"fake_loyalty", NAZI},
            1.0,
            id="what an analyst found outweighs what they denied",
        ),
    ],
)
def test_answers_become_labels(said, labels, known, weight):
    taught = label_decisions([make_decided(*said)])
    (text,) = taught.texts
    assert (text.labels, text.known, text.weight) == (labels, known if known is None else frozenset(known), weight)
    assert (text.group, is_decided(text)) == ("cluster-1", True)


@pytest.mark.parametrize(
    ("said", "disputed", "unsure"),
    [
        pytest.param([(1, "fake_loyalty", CONFIRM), (2, "fake_loyalty", REJECT)], 1, 0, id="carried or not"),
        pytest.param([(1, "fake_loyalty", CONFIRM), (2, "fake_loyalty", REPORTS)], 1, 0, id="with which stance"),
        pytest.param([(1, "fake_loyalty", UNSURE)], 0, 1, id="unsure"),
    ],
)
def test_where_analysts_are_divided_nothing_is_learnt_and_that_is_counted(said, disputed, unsure):
    taught = label_decisions([make_decided(*said)])
    assert (taught.texts, taught.disputed, taught.unsure) == ((), disputed, unsure)


def test_the_marked_sentence_comes_along():
    marked = Answer("confirm", "fake_loyalty", "promotes", Span("title", 0, 6))
    (text,) = label_decisions([make_decided((1, "fake_loyalty", marked))]).texts
    assert text.marks == {"fake_loyalty": Mark("title", 0, 6)}


def test_a_weight_can_be_given():
    (text,) = label_decisions([make_decided((1, "fake_loyalty", CONFIRM))], weight=2.5).texts
    assert text.weight == 2.5


def test_the_hash_changes_with_what_was_said_and_not_without():
    first, same, other = (
        hash_taught(label_decisions([make_decided((1, "fake_loyalty", answer))]).texts) for answer in (CONFIRM, CONFIRM, REPORTS)
    )
    assert first == same != other


def test_a_text_of_the_corpus_is_not_a_decided_one():
    assert not is_decided(make_labelled_text("a"))


def test_an_account_can_be_left_out():
    decided = [
        make_decided((1, "fake_loyalty", CONFIRM), (2, "fake_loyalty", REJECT)),
        make_decided((1, "fake_loyalty", CONFIRM), key="b"),
    ]
    taught = label_decisions(decided, without={"u1"})
    assert [(text.document.id, text.labels) for text in taught.texts] == [("a#1", {})]
    assert (taught.disputed, taught.unsure) == (0, 0)


def answer_many(answer, *, count=MIN_UNFLAGGED, flagged=False, account=1):
    return [
        make_decided((account, "fake_loyalty", answer), key=f"{account}{answer.verdict}{n}", flagged=flagged) for n in range(count)
    ]


def test_who_confirms_everything_is_found():
    (one,) = find_one_sided(
        [*answer_many(CONFIRM), *answer_many(REJECT, account=2), *answer_many(CONFIRM, flagged=True, account=3)]
    )
    assert (one.account, one.answered, one.confirmed, len(one.text_ids)) == ("u1", MIN_UNFLAGGED, MIN_UNFLAGGED, MIN_UNFLAGGED)


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(answer_many(CONFIRM, count=MIN_UNFLAGGED - 1), id="too few to tell"),
        pytest.param(answer_many(CONFIRM, flagged=True), id="only what was flagged"),
        pytest.param([*answer_many(CONFIRM), *answer_many(REJECT, count=6)], id="some are rejected"),
        pytest.param([*answer_many(CONFIRM), *answer_many(REPORTS, count=6)], id="some only report"),
        pytest.param(answer_many(OTHER), id="another narrative than was asked about"),
    ],
)
def test_who_looks_at_the_texts_is_not(answers):
    keyed = [replace(one, document=Document(f"{n}#1")) for n, one in enumerate(answers)]
    assert find_one_sided(keyed) == ()
