"""The history of an article, out of a store on real SQLite."""

from dataclasses import replace
from datetime import timedelta

from monitor.stages.articles import article_id_for
from tests.factories import NOON, make_entry, make_fetched
from tests.unit.storage.stores import (
    LONG,
    entry,
    fetch,
    visit,
)

# History and search


def test_a_history_is_found_by_every_name_of_the_article(store):
    found = make_entry(
        "guid-77", feed_id="agency", title=LONG, url="https://agency.example/news/77", identity="https://agency.example/news/77"
    )
    visit(store, found)
    expected = article_id_for(found.identity)
    for reference in (expected, "guid-77", found.url, "http://AGENCY.example/news/77?utm_source=tg#top"):
        assert store.load_history(reference).article_id == expected
    assert store.load_history("https://agency.example/news/78") is None


def test_a_revision_names_the_document_that_first_held_it(store):
    for hour, text in enumerate(("Первый", "Второй")):
        at = NOON + timedelta(hours=hour)
        visit(store, entry(text=text), at=at, body=text.encode())
        visit(store, entry(text=text), at=at, body=b"the same again")
        fetch(store, replace(make_fetched("pier", b"other"), fetched_at=at))
    revisions = store.load_history(entry().url).revisions
    assert [r.document_sha256 for r in revisions] == [make_fetched(body=text.encode()).sha256 for text in ("Первый", "Второй")]
