"""Pages of articles in a store on real SQLite: which are wanted, and what comes of them."""

from datetime import datetime, timedelta

from monitor.storage.pages import MAX_AGE
from monitor.storage.store import SqlStore
from tests.factories import NOON
from tests.unit.storage.stores import (
    FLAGGED,
    LONG,
    assess_pending,
    entry,
    load_digest,
    page_of,
    visit,
)

# Pages, removals, edits


def want(store: SqlStore, *, max_chars: int | None = 100, at: datetime = NOON) -> list[str]:
    feed_ids = ["agency"]
    return [request.url for request in store.load_thin(now=at, feed_ids=feed_ids, max_chars=max_chars, limit=9)]


def test_the_page_of_an_old_article_is_left_alone(store):
    visit(store, entry())
    assert want(store, at=NOON + MAX_AGE) == [entry().url]
    assert want(store, at=NOON + MAX_AGE + timedelta(seconds=1)) == []


def test_a_page_is_wanted_where_the_text_is_short(store):
    visit(
        store,
        entry(),
        entry("e2", "Другая новость с полным текстом", text="слово " * 50),
        entry("e3", "Без адреса вовсе", url=None),
    )
    assert want(store) == [entry().url]
    assert len(want(store, max_chars=None)) == 2
    assert store.load_thin(now=NOON, feed_ids=["pier"], max_chars=None, limit=9) == []


def test_a_page_becomes_a_revision_with_the_feeds_title_and_is_not_wanted_again(store):
    visit(store, entry())
    assert store.save_pages([page_of(store)]) == 1
    first, second = store.load_history(entry().url).revisions
    assert (second.source, second.title, second.document_sha256, second.archive_sequence) == ("page", LONG, "cd" * 32, 7)
    assert second.text.startswith("Полный текст страницы")
    assert (first.source, first.archive_sequence) == ("feed", None)
    assert want(store) == []
    assert visit(store, entry(), at=NOON + timedelta(hours=1)) == ("Seen",)


def test_an_edit_of_the_headline_makes_the_page_wanted_again(store):
    visit(store, entry())
    store.save_pages([page_of(store)])
    assert visit(store, entry(title="Новый заголовок той же статьи о паромах")) == ("Revised",)
    assert want(store) == [entry().url]


def test_a_copy_of_a_headline_whose_page_was_read_is_still_a_copy(store):
    visit(store, entry())
    store.save_pages([page_of(store)])
    assert visit(store, entry("x", feed_id="pier"), feed_id="pier") == ("Duplicate",)


def test_a_page_that_says_less_than_the_feed_makes_no_revision(store):
    visit(store, entry(text="Вот и всё, что известно к этому часу."))
    assert store.save_pages([page_of(store, "Мало.")]) == 0
    assert len(store.load_history(entry().url).revisions) == 1
    assert want(store) == []


def test_a_failure_that_may_pass_is_tried_three_times(store):
    visit(store, entry())
    for hour in range(3):
        assert want(store, at=NOON + timedelta(hours=hour)) == [entry().url]
        again = NOON + timedelta(hours=hour + 1)
        store.save_pages([page_of(store, page=None, outcome="timeout", message="медленно", not_before=again)])
        assert want(store, at=again - timedelta(seconds=1)) == []
    assert want(store, at=NOON + timedelta(days=3)) == []
    page = store.load_history(entry().url).page
    assert (page.outcome, page.message, page.tries) == ("timeout", "медленно", 3)


def test_a_page_that_is_gone_marks_its_article(store):
    visit(store, entry())
    assess_pending(store)
    store.save_pages([page_of(store, page=None, outcome="http_404", is_gone=True)])
    assert store.load_history(entry().url).gone_at == NOON
    (removal,) = load_digest(store).changes.removals
    assert (removal.is_page, removal.narratives) == (True, (FLAGGED.narratives[0].id,))
