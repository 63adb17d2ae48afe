"""What a store on real SQLite remembers of the archive."""

from datetime import timedelta

from monitor.records import (
    ArchiveHead,
    PageOutcome,
    PageText,
)
from tests.factories import NOON, make_fetched
from tests.unit.storage.stores import (
    CLEAN,
    LONG,
    assess_pending,
    entry,
    visit,
)

# The archive


def test_the_end_of_the_archive_is_remembered_by_folder(store):
    assert store.load_archive_head("archive") is None
    for sequence in (4, 9):
        store.save_archive_head(ArchiveHead(sequence, "ab" * 32), folder="archive", saved_at=NOON)
    assert store.load_archive_head("archive") == ArchiveHead(9, "ab" * 32)
    assert store.load_archive_head("other") is None


def test_the_documents_of_flagged_articles_are_evidence(store):
    visit(store, entry(), body=b"flagged")
    assess_pending(store)
    visit(store, entry("e2", f"{LONG} Ещё одна"), at=NOON + timedelta(hours=1), body=b"clean")
    assess_pending(store, CLEAN)
    assert store.load_flagged_documents() == {make_fetched(body=b"flagged").sha256}
    (request,) = [one for one in store.load_thin(now=NOON, feed_ids=["agency"], max_chars=None, limit=9) if one.url == entry().url]
    store.save_pages([PageOutcome(request, NOON, "fetched", page=PageText("", "Полный текст", "cd" * 32))])
    assert store.load_flagged_documents() == {make_fetched(body=b"flagged").sha256, "cd" * 32}
