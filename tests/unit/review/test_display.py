from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decisions import Answer, Decision, Item, Span
from monitor.records import Evidence
from monitor.reports import ArticleHistory, Copy, RevisionHistory, StoredAssessment
from monitor.review.display import (
    MAX_SENTENCES,
    MAX_SHOWN_CHARS,
    Piece,
    choose_visible,
    list_edits,
    list_sentences,
    make_view,
    mark_passages,
    quote_span,
    read_span,
)
from tests.factories import BUNDLE, NOON, make_score

ITEM = Item(1, "a", 1, BUNDLE, "fake_loyalty", 0.9, "promotes", True, False, 0.1, "open", 0)


def make_revision(number=1, *, title="Заголовок", text="Перше речення. Друге речення.", scores=(), **changes):
    values = {
        "number": number,
        "feed_id": "agency",
        "outlet": "Вісті",
        "is_variant": False,
        "url": "https://agency.example/1",
        "title": title,
        "summary": "",
        "text": text,
        "sha256": "0" * 64,
        "document_sha256": None,
        "published_at": NOON,
        "published_how": "feed",
        "fetched_at": NOON + timedelta(hours=number),
        "assessments": (StoredAssessment(BUNDLE, NOON, "uk", None, tuple(scores)),),
    }
    return RevisionHistory(**values | changes)


def make_history(*revisions):
    return ArticleHistory("a", "id", len(revisions), (Copy("agency", "Вісті", None, NOON),), revisions)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([], [("abcdef", False)], id="none"),
        pytest.param([(0, 6)], [("abcdef", True)], id="all"),
        pytest.param([(1, 3)], [("a", False), ("bc", True), ("def", False)], id="middle"),
        pytest.param([(1, 3), (2, 5)], [("a", False), ("bcde", True), ("f", False)], id="overlapping"),
        pytest.param([(1, 3), (3, 4)], [("a", False), ("bcd", True), ("ef", False)], id="neighbours"),
        pytest.param([(-5, 2), (5, 99)], [("ab", True), ("cde", False), ("f", True)], id="outside"),
        pytest.param([(4, 2)], [("abcdef", False)], id="backwards"),
    ],
)
def test_marking(spans, expected):
    assert mark_passages("abcdef", spans) == tuple(Piece(*one) for one in expected)


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(-5, 50), st.integers(-5, 50)), max_size=6))
def test_pieces_join_to_the_text(text, spans):
    pieces = mark_passages(text, spans)
    assert "".join(piece.text for piece in pieces) == text
    assert all(a.is_marked != b.is_marked for a, b in pairwise(pieces))


def test_a_view_marks_evidence_of_the_narrative_asked_about_only():
    scores = [
        make_score(evidence=(Evidence("text", 0, 14, "Перше речення."),)),
        make_score("other", 0.4, evidence=(Evidence("title", 0, 9, "Заголовок"),)),
        make_score("faint", 0.01),
    ]
    view = make_view(ITEM, make_history(make_revision(scores=scores)), thresholds={"fake_loyalty": 0.5})
    assert view.text == ((Piece("Перше речення.", is_marked=True), Piece(" Друге речення.", is_marked=False)),)
    assert view.title == (Piece("Заголовок", is_marked=False),)
    assert [score.id for score in view.others] == ["other"]
    assert (view.threshold, view.asked.id, view.link, view.language) == (0.5, "fake_loyalty", "https://agency.example/1", "uk")


def test_evidence_is_marked_in_the_paragraph_where_it_stands():
    score = make_score(evidence=(Evidence("text", 9, 15, "друге "),))
    view = make_view(ITEM, make_history(make_revision(text="перше\n\n\nа друге\nтретє", scores=[score])), thresholds={})
    assert [[(p.text, p.is_marked) for p in paragraph] for paragraph in view.text] == [
        [("перше", False)],
        [("а", False), (" друге", True)],
        [("третє", False)],
    ]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil", None, "https://"])
def test_an_address_that_is_none_is_no_link(url):
    assert make_view(ITEM, make_history(make_revision(url=url)), thresholds={}).link is None


def test_a_revision_that_is_not_there_gives_no_view():
    assert make_view(ITEM, make_history(make_revision(2)), thresholds={}) is None


def test_sentences_can_be_named_and_found_again():
    revision = make_revision()
    choices = list_sentences(revision, "uk")
    assert [choice.text for choice in choices] == ["Заголовок", "Перше речення.", "Друге речення."]
    for choice in choices:
        assert quote_span(read_span(choice.value, revision), revision) == choice.text
    assert quote_span(Span("text", 0, 3), None) == ""


NO_PASSAGES = (
    "",
    "text",
    "text:0",
    "text:a:3",
    "text:3:3",
    "text:5:3",
    "text:0:9999",
    "url:0:3",
    "text:-1:3",
    "text:0:3:4",
    "text:²:³",
)


@pytest.mark.parametrize("value", [*NO_PASSAGES, "text:0:" + "9" * 99])
def test_a_passage_that_is_none(value):
    assert read_span(value, make_revision()) is None


def test_long_texts_are_cut():
    view = make_view(ITEM, make_history(make_revision(text="Слово є. " * 9_000)), thresholds={})
    assert view.is_cut
    assert sum(len(piece.text) for paragraph in view.text for piece in paragraph) == MAX_SHOWN_CHARS
    assert len(view.choices) == MAX_SENTENCES


def test_edits_are_told_newest_first_against_the_same_source():
    history = make_history(
        make_revision(1, text="Один два три"),
        make_revision(2, text="зі сторінки", source="page"),
        make_revision(3, text="Один п'ять три"),
        make_revision(4, text="варіант", is_variant=True),
    )
    edits = list_edits(history)
    assert [edit.revision.number for edit in edits] == [4, 3, 2, 1]
    assert [(c.kind, c.text) for c in edits[1].changes if c.kind != "same"] == [("removed", "два"), ("added", "п'ять")]
    assert [edit.changes for edit in (edits[0], edits[2], edits[3])] == [(), (), ()]
    assert edits[0].is_current


def make_decision(number, account_id, verdict="confirm", *, asked="fake_loyalty", is_live=True):
    answer = Answer(verdict, asked if verdict == "confirm" else None, "promotes" if verdict == "confirm" else None)
    return Decision(number, "a", 1, asked, BUNDLE, account_id, f"u{account_id}", NOON, answer, "certain", None, None, is_live)


@pytest.mark.parametrize(
    ("found", "options", "seen", "has_hidden"),
    [
        pytest.param([], {}, [], False, id="nothing"),
        pytest.param([(1, 2)], {}, [], True, id="others-before-mine"),
        pytest.param([(1, 2), (2, 1)], {}, [1, 2], False, id="after-mine"),
        pytest.param([(1, 2), (2, 1, "skip")], {}, [2], True, id="a-skip-opens-nothing"),
        pytest.param([(1, 2)], {"is_lead": True}, [1], False, id="lead"),
    ],
)
def test_a_second_opinion_does_not_know_the_first(found, options, seen, has_hidden):
    decisions = [make_decision(*one) for one in found]
    visible, hidden = choose_visible(decisions, ITEM, account_id=1, **{"is_lead": False} | options)
    assert ([one.id for one in visible], hidden) == (seen, has_hidden)


def test_decisions_on_other_narratives_are_no_secret():
    visible, hidden = choose_visible([make_decision(1, 2, asked="other")], ITEM, account_id=1, is_lead=False)
    assert (len(visible), hidden) == (1, False)
