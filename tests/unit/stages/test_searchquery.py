from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import UsageError
from monitor.stages.searchquery import Term, make_snippet, parse_query, write_fts5, write_tsquery


@pytest.mark.parametrize(
    ("raw", "terms"),
    [
        pytest.param("", (), id="empty"),
        pytest.param("паром порт", (Term(("паром",)), Term(("порт",))), id="words"),
        pytest.param(
            '"паром вышел" -шторм', (Term(("паром", "вышел")), Term(("шторм",), is_excluded=True)), id="phrase and without"
        ),
        pytest.param("пар*", (Term(("пар",), is_prefix=True),), id="prefix"),
        pytest.param("під'їзд", (Term(("під", "їзд")),), id="apostrophe"),
        pytest.param('-"a b" c', (Term(("a", "b"), is_excluded=True), Term(("c",))), id="without a phrase"),
        pytest.param("a - b", (Term(("a",)), Term(("b",))), id="a dash alone"),
    ],
)
def test_a_query_is_read(raw: str, terms: tuple[Term, ...]) -> None:
    assert parse_query(raw) == terms


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param('"паром', "not closed", id="open quotation"),
        pytest.param("() ?!", "holds no word", id="signs"),
        pytest.param("-паром", "only says what to leave out", id="only without"),
        pytest.param("a " * 501, "enough for any", id="too long"),
        pytest.param("a " * 41, "at most are looked for", id="too many"),
    ],
)
def test_a_query_that_cannot_be_read_says_why(raw: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        parse_query(raw)


def test_both_indexes_are_asked_the_same() -> None:
    terms = parse_query('пар* "в порту" -шторм')
    assert write_fts5(terms) == '("пар" * AND "в порту") NOT ("шторм")'
    assert write_tsquery(terms) == "('пар':*) & ('в' <-> 'порту') & !('шторм')"


@given(st.text(max_size=60))
def test_any_query_is_refused_or_understood_by_the_index(raw: str) -> None:
    try:
        terms = parse_query(raw)
    except UsageError:
        return
    if terms:
        with sqlite3.connect(":memory:") as connection:
            connection.execute("CREATE VIRTUAL TABLE t USING fts5(x)")
            assert connection.execute("SELECT count(*) FROM t WHERE t MATCH ?", (write_fts5(terms),)).fetchone() == (0,)


def test_a_snippet_shows_the_word_in_its_place_and_marks_it() -> None:
    text = "слово " * 100 + "Паром вышел на линию. " + "слово " * 100
    snippet = make_snippet((text,), parse_query("паром"), max_chars=120)
    (mark,) = snippet.marks
    assert snippet.text[slice(*mark)] == "Паром"
    assert snippet.text.startswith("…")
    assert snippet.text.endswith("…")
    assert len(snippet.text) <= 122


def test_the_first_text_that_holds_a_word_is_shown_and_else_the_beginning() -> None:
    assert make_snippet(("", "о мосте", "о пароме"), parse_query("пароме")).text == "о пароме"
    assert make_snippet(("", "о мосте"), ()) == make_snippet(("о мосте",), parse_query("шторм"))


@given(st.text(max_size=500), st.text(alphabet="абв аб", min_size=1, max_size=10))
def test_marks_lie_within_the_snippet(text: str, query: str) -> None:
    terms = parse_query(query)
    snippet = make_snippet((text,), terms, max_chars=80)
    assert all(0 <= start < end <= len(snippet.text) for start, end in snippet.marks)
