"""Search in a store on real SQLite."""

from datetime import timedelta

import pytest

from monitor.reports import SearchFilters
from monitor.stages.searchquery import parse_query
from monitor.storage.store import SqlStore
from tests.factories import BUNDLE, NOON
from tests.unit.storage.stores import (
    LONG,
    entry,
    visit,
)


def search(store: SqlStore, query: str, limit: int = 10) -> list[str]:
    page = store.search(parse_query(query), SearchFilters(), bundle=BUNDLE, limit=limit)
    return [store.load_history(hit.article_id).revisions[0].url.rpartition("/")[2] for hit in page.hits]


def test_search_finds_russian_and_ukrainian_words_in_any_case_and_field(store):
    visit(
        store,
        entry("title", "Жители Ялты вышли на набережную"),
        entry("summary", "Погода", summary="В ЯЛТЕ пройдёт дождь, жители готовы"),
        entry("text", "Дороги", text="Їхній під'їзд відремонтували"),
    )
    store.index_text()
    assert search(store, "ЖИТЕЛИ ялты") == ["title"]
    assert set(search(store, "жители")) == {"title", "summary"}
    assert search(store, "їхній") == ["text"]
    assert search(store, "під'їзд") == ["text"]
    assert search(store, "й") == []


def test_search_is_newest_first_and_limited(store):
    for hour in range(3):
        visit(store, entry(f"e{hour}", f"{LONG} Выпуск {hour}"), at=NOON + timedelta(hours=hour))
    store.index_text()
    assert search(store, "единогласно") == ["e2", "e1", "e0"]
    assert search(store, "единогласно", limit=2) == ["e2", "e1"]


def test_search_knows_earlier_revisions_and_each_article_once(store):
    visit(store, entry(text="сначала о мосте"))
    visit(store, entry(text="потом о пароме и о пароме"), at=NOON + timedelta(hours=1))
    store.index_text()
    store.index_text()
    assert search(store, "мосте") == ["e1"]
    assert search(store, "полуострова") == ["e1"]


def test_search_finds_what_was_indexed_later(store, db_url):
    visit(store, entry("e1", "Паром вышел"))
    store.index_text()
    visit(store, entry("e2", "Паром вернулся"))
    if db_url.startswith("sqlite"):  # PostgreSQL indexes what it stores at once
        assert search(store, "паром") == ["e1"]
    store.index_text()
    assert set(search(store, "паром")) == {"e1", "e2"}


@pytest.mark.parametrize(
    "query",
    ["NOT единогласно", "единогласно OR погода", "title:единогласно", "NEAR(a b)", "a'b; DROP TABLE", "\0x"],
)
def test_a_query_is_words_and_never_a_command(store, query):
    visit(store, entry())
    store.index_text()
    assert search(store, query) == []


@pytest.mark.parametrize("query", ['"единогласно"', "(единогласно", "+единогласно,", "единогласно * жители", "един*"])
def test_signs_around_words_do_not_matter(store, query):
    visit(store, entry())
    store.index_text()
    assert search(store, query) == ["e1"]
