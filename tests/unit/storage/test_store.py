"""A store on real SQLite as a whole: opened again, listed."""

from datetime import timedelta

from monitor.stages.articles import article_id_for
from monitor.storage.store import SqlStore
from tests.factories import NOON
from tests.unit.storage.stores import (
    FEEDS,
    LONG,
    entry,
    visit,
)


def test_a_closed_store_can_be_opened_again_with_all_it_held(tmp_path):
    db_url = f"sqlite:///{tmp_path / 'again.db'}"
    with SqlStore(db_url) as first:
        first.sync_feeds(FEEDS)
        visit(first, entry())
    with SqlStore(db_url, must_exist=True) as second:
        assert second.load_history(entry().url).article_id == article_id_for(entry().identity)


# Current texts


def test_each_article_is_listed_once_with_its_current_text_and_without_variants(store):
    visit(store, entry("e1"), entry("e2", "Порт закрыт до вечера из-за шторма"))
    longer = entry("e1", text="Подробности: решение поддержали единогласно на общем собрании жителей города.")
    visit(store, longer, at=NOON + timedelta(hours=1))
    shorter = entry("p1", "Короткий заголовок", feed_id="pier", identity=longer.identity, url=longer.url)
    visit(store, shorter, feed_id="pier", at=NOON + timedelta(hours=2))
    current = store.load_current(after=0, limit=10)
    assert [(document.title, bool(document.text)) for _, document in current] == [
        (LONG, True),
        ("Порт закрыт до вечера из-за шторма", False),
    ]
    assert current[0][1].id == article_id_for(longer.identity)
    assert store.count_articles() == 2


def test_current_texts_are_listed_page_by_page(store):
    visit(store, *(entry(f"e{n}", f"Новость номер {n} о городе и порте") for n in range(5)))
    rows: list[int] = []
    while page := store.load_current(after=rows[-1] if rows else 0, limit=2):
        assert len(page) <= 2
        rows += [row for row, _ in page]
    assert len(rows) == len(set(rows)) == store.count_articles() == 5


def test_an_empty_store_lists_nothing(store):
    assert (store.load_current(after=0, limit=10), store.count_articles()) == ([], 0)
