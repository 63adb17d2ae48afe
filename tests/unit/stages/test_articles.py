from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.records import (
    Duplicate,
    Entry,
    Fresh,
    Known,
    KnownArticle,
    KnownEntry,
    Revised,
    Seen,
)
from monitor.stages.articles import article_id_for, body_chars, decide_entries, is_copy_candidate
from monitor.text import hash_texts
from tests.factories import make_entry

LONG_TITLE = "Паром снова вышел на линию через пролив"


def known(entry: Entry, article_id: str = "article-1", *, owns: bool = True) -> dict[tuple[str, str], KnownEntry]:
    return {(entry.feed_id, entry.key): KnownEntry(entry.key, article_id, entry.content_sha256, owns_article=owns)}


def article_of(entry: Entry, article_id: str = "article-1") -> dict[str, KnownArticle]:
    return {entry.identity: KnownArticle(article_id, entry.content_sha256, body_chars(entry))}


def reword(entry: Entry, **changes: str) -> Entry:
    changed = replace(entry, **changes)
    return replace(changed, content_sha256=hash_texts(changed.title, changed.summary, changed.text))


def test_an_entry_that_nothing_is_known_of_is_fresh() -> None:
    entry = make_entry()

    assert decide_entries([entry], Known({}, {}, {})) == (Fresh(entry, article_id_for(entry.identity)),)


def test_an_entry_that_did_not_change_is_seen() -> None:
    entry = make_entry()

    assert decide_entries([entry], Known(known(entry), article_of(entry), {})) == (Seen(entry),)


def test_a_new_date_or_address_alone_changes_nothing() -> None:
    entry = make_entry()
    moved = replace(entry, url="https://more.example/1", identity="https://more.example/1", published_how="stated")

    assert decide_entries([moved], Known(known(entry), article_of(entry), {})) == (Seen(moved),)


@pytest.mark.parametrize("text", ["Теперь длиннее, чем было.", ""], ids=["longer", "shorter"])
def test_the_owner_of_an_article_revises_it_at_any_length(text: str) -> None:
    entry = make_entry(text="Было так.")
    changed = reword(entry, text=text)

    assert decide_entries([changed], Known(known(entry), article_of(entry), {})) == (Revised(changed, "article-1", is_update=True),)


def test_the_owner_revises_its_article_also_under_a_new_address() -> None:
    entry = make_entry()
    moved = reword(replace(entry, identity="https://more.example/1"), text="Дополнено.")

    assert decide_entries([moved], Known(known(entry), article_of(entry), {})) == (Revised(moved, "article-1", is_update=True),)


def test_an_equal_long_text_at_another_address_is_a_copy() -> None:
    entry = make_entry("e2", title=LONG_TITLE)

    (decision,) = decide_entries([entry], Known({}, {}, {entry.content_sha256: "article-1"}))

    assert decision == Duplicate(entry, "article-1", is_update=False, differs=False)


def test_an_equal_short_text_at_another_address_is_an_article_of_its_own() -> None:
    entry = make_entry("e2", title="Главное за день")

    (decision,) = decide_entries([entry], Known({}, {}, {entry.content_sha256: "article-1"}))

    assert decision == Fresh(entry, article_id_for(entry.identity))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"title": "Раз два три четыре пять"}, False, id="five words"),
        pytest.param({"title": "Раз два три четыре пять шесть"}, True, id="six words"),
        pytest.param({"title": "Раз два", "summary": "три четыре", "text": "пять шесть"}, True, id="over all fields"),
        pytest.param({"title": ". - ! ? , ;"}, False, id="signs are no words"),
    ],
)
def test_only_a_text_of_six_words_can_be_a_copy(changes: dict[str, str], expected: bool) -> None:
    assert is_copy_candidate(make_entry(**changes)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Было так.", Duplicate(make_entry(), "article-1", is_update=False, differs=False), id="equal"),
        pytest.param("Было так, и ещё.", Revised(make_entry(), "article-1", is_update=False), id="richer"),
        pytest.param("Стало так", Duplicate(make_entry(), "article-1", is_update=False, differs=True), id="as long"),
        pytest.param("Было", Duplicate(make_entry(), "article-1", is_update=False, differs=True), id="poorer"),
    ],
)
def test_another_entry_with_the_same_address_revises_only_with_a_richer_text(text: str, expected: Duplicate | Revised) -> None:
    owner = make_entry(text="Было так.")
    other = reword(replace(owner, feed_id="second-agency", key="other"), text=text)

    assert decide_entries([other], Known({}, article_of(owner), {})) == (replace(expected, entry=other),)


def test_two_feeds_with_one_article_at_two_lengths_do_not_undo_each_other() -> None:
    short = make_entry("short", url="https://bereg.example/1", text="Кратко.")
    rich = make_entry("rich", feed_id="second-agency", url="https://bereg.example/1", text="Подробно о пароме.")
    article = article_of(rich)

    assert decide_entries([short], Known(known(short), article, {})) == (Seen(short),)
    assert decide_entries([rich], Known(known(rich), article, {})) == (Seen(rich),)


def test_a_copy_that_got_a_text_of_its_own_becomes_an_article() -> None:
    copy = make_entry("copy", title=LONG_TITLE)
    changed = reword(copy, text="Теперь это другая новость.")

    (decision,) = decide_entries([changed], Known(known(copy, "article-1", owns=False), {}, {copy.content_sha256: "article-1"}))

    assert decision == Fresh(changed, article_id_for(changed.identity), is_update=True)


def test_a_variant_at_a_known_address_that_grew_revises_the_article() -> None:
    owner = make_entry(text="Было так.")
    variant = reword(replace(owner, key="other"), text="Кратко")
    grown = reword(variant, text="Теперь гораздо подробнее.")

    (decision,) = decide_entries([grown], Known(known(variant, owns=False), article_of(owner), {}))

    assert decision == Revised(grown, "article-1", is_update=True)


def test_the_second_copy_in_one_document_is_a_copy_of_the_first() -> None:
    first, second = make_entry("e1", title=LONG_TITLE), make_entry("e2", title=LONG_TITLE)

    decided = decide_entries([first, second], Known({}, {}, {}))

    assert decided == (
        Fresh(first, article_id_for(first.identity)),
        Duplicate(second, article_id_for(first.identity), is_update=False, differs=False),
    )


def test_the_second_item_with_one_address_in_one_document_belongs_to_the_first() -> None:
    first = make_entry("e1", url="https://bereg.example/1", text="Кратко.")
    second = make_entry("e2", url="https://bereg.example/1", text="Подробно о пароме.")

    decided = decide_entries([first, second], Known({}, {}, {}))

    assert decided[1] == Revised(second, article_id_for(first.identity), is_update=False)


def test_the_same_entry_twice_in_one_document_is_seen_the_second_time() -> None:
    entry = make_entry()

    assert [type(decision) for decision in decide_entries([entry, entry], Known({}, {}, {}))] == [Fresh, Seen]


def test_a_short_text_does_not_make_later_ones_of_the_document_copies() -> None:
    first, second = make_entry("e1", title="Главное за день"), make_entry("e2", title="Главное за день")

    assert [type(decision) for decision in decide_entries([first, second], Known({}, {}, {}))] == [Fresh, Fresh]


def test_what_was_handed_in_stays_as_it_was() -> None:
    entries_by_key: dict[str, KnownEntry] = {}
    articles: dict[str, KnownArticle] = {}
    by_content: dict[str, str] = {}

    decide_entries([make_entry(title=LONG_TITLE)], Known(entries_by_key, articles, by_content))

    assert (entries_by_key, articles, by_content) == ({}, {}, {})


def test_an_article_id_follows_from_its_identity_over_releases() -> None:
    assert article_id_for("https://bereg.example/news/1") == "c400821fdf8b779c"
    assert article_id_for("https://bereg.example/news/1") != article_id_for("https://bereg.example/news/2")
