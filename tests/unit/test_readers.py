"""Reading within limits: a document that takes too much is killed, and costs nobody else."""

from collections.abc import Iterator

import pytest

from monitor.errors import FeedDocumentError, PageError
from monitor.readers import Readers
from monitor.records import FetchedPage
from monitor.workers import WorkerPool
from tests.factories import NOON, make_feed, make_fetched
from tests.functional.servers import make_rss

SOUND = make_rss([{"title": "В порту открыли библиотеку", "link": "https://a.example/1"}])
SOUP = SOUND.replace(b"</item>", b"<b></item>")  # only the reference reader takes this
LONG_TAG = b"<item " + b" ".join(b'a%d="x"' % n for n in range(9_000)) + b"/>"
HOSTILE = b"<rss version='2.0'><channel>" + LONG_TAG * 40 + b"</channel></rss>"


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with WorkerPool(1, timeout_s=2, max_memory_bytes=256_000_000) as pool:
        yield Readers(pool)


def read(readers: Readers, body: bytes) -> list[str]:
    return [entry.title for entry in readers.parse(make_feed(), make_fetched(body=body)).entries]


def test_a_hostile_document_that_is_killed_costs_only_itself(readers):
    assert read(readers, SOUP) == ["В порту открыли библиотеку"]
    with pytest.raises(FeedDocumentError, match=r"the document was given up: .*took longer than 2 s") as caught:
        read(readers, HOSTILE)
    assert caught.value.kind == "too_slow"
    assert read(readers, SOUP) == read(readers, SOUND) == ["В порту открыли библиотеку"]


def test_a_sound_document_needs_no_process():
    pool = WorkerPool(1, timeout_s=1, max_memory_bytes=1)
    pool.close()
    assert read(Readers(pool), SOUND) == ["В порту открыли библиотеку"]


def test_a_hopeless_document_is_refused_without_a_process():
    pool = WorkerPool(1, timeout_s=1, max_memory_bytes=1)
    pool.close()
    with pytest.raises(FeedDocumentError, match="a tag of 20000 attributes") as caught:
        read(Readers(pool), b"<rss><channel><item " + b"attribute='x' " * 20_000 + b"/></channel></rss>")
    assert caught.value.kind == "too_complex"


def test_a_page_is_read_and_one_that_takes_too_long_is_given_up(readers):
    def read_page(body: bytes):
        return readers.extract(FetchedPage("1", "https://a.example/1", 200, "text/html", body, "", NOON))

    text = "В порту открыли библиотеку. " * 30
    assert text.strip() in read_page(f"<html><body><article><p>{text}</p></article></body></html>".encode()).text
    with pytest.raises(PageError):
        read_page(b"<div>" * 400_000)


def test_the_links_of_a_page_are_found(readers):
    page = FetchedPage("1", "https://a.example/", 200, "text/html", b"<link rel=feed href=/rss>", "", NOON)
    assert [found.url for found in readers.find_links(page)] == ["https://a.example/rss"]
