import json

import pytest

from monitor.errors import CorpusError
from monitor.records import (
    Document,
    LabelledText,
)
from monitor.train.corpus import check_texts, hash_corpus, load_labelled, stream_texts

KNOWN = frozenset({"fake_loyalty"})
LABELLED = {
    "id": "a",
    "title": "Заголовок",
    "labels": [{"id": "fake_loyalty", "stance": "reports"}],
    "group": "g",
    "kind": "reports",
}
UNLABELLED = {"id": 2, "text": "Just a text", "lang": "en"}


@pytest.fixture
def write(tmp_path):
    def put(*rows, name: str = "texts.jsonl"):
        path = tmp_path / name
        path.write_bytes(b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows))
        return path

    return put


def test_labelled_texts_are_read_with_group_and_kind(write):
    (text,) = load_labelled([write(LABELLED)], KNOWN)
    assert text == LabelledText(Document("a", "Заголовок"), {"fake_loyalty": "reports"}, "g", "reports")


def test_texts_are_streamed_with_and_without_labels(write):
    path = write(LABELLED, b"", UNLABELLED, {"id": "c", "labels": []})
    assert check_texts([path], KNOWN) == 3
    labelled, plain, none = stream_texts([path], KNOWN)
    assert isinstance(labelled, LabelledText)
    assert plain == Document("2", text="Just a text", lang="en")
    assert none == LabelledText(Document("c"), {}, "c")


def test_folders_stand_for_their_files_in_order(write, tmp_path):
    write({"id": "second"}, name="b.jsonl")
    write({"id": "first"}, name="a.jsonl")
    write(b"not read", name="notes.txt")
    assert [text.id for text in stream_texts([tmp_path], KNOWN)] == ["first", "second"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param(b"{", "not JSON", id="broken"),
        pytest.param(b"[" * 100_000, "not JSON", id="nested too deep"),
        pytest.param(b"\xff\xfe\xfa", "not JSON", id="no text"),
        pytest.param(b"[]", "not a JSON object", id="list"),
        pytest.param({"title": "t"}, "has no `id`", id="no id"),
        pytest.param({"id": True}, "has no `id`", id="id is no string"),
        pytest.param({"id": "x", "text": 5}, "`text` is int", id="text is a number"),
        pytest.param({"id": "x", "labels": None}, "no list `labels`", id="labels null"),
        pytest.param({"id": "x", "labels": [{"id": "other", "stance": "reports"}]}, "'other' is not in the codebook", id="unknown"),
        pytest.param({"id": "x", "labels": ["fake_loyalty"]}, "is not in the codebook", id="label is no object"),
        pytest.param({"id": "x", "labels": [{"id": "fake_loyalty", "stance": "?"}]}, "stance '\\?' is none of", id="stance"),
    ],
)
def test_a_wrong_line_is_named_by_file_and_line(write, row, reason):
    path = write(UNLABELLED, row)
    with pytest.raises(CorpusError, match=rf"texts\.jsonl:2: .*{reason}"):
        check_texts([path], KNOWN)
    with pytest.raises(CorpusError, match=rf"texts\.jsonl:2: .*{reason}"):
        list(stream_texts([path], KNOWN))
    with pytest.raises(CorpusError, match=rf"texts\.jsonl:2: .*{reason}"):
        load_labelled([write(LABELLED, row)], KNOWN)


@pytest.mark.parametrize("read", [load_labelled, check_texts])
def test_many_mistakes_are_named_up_to_a_limit(write, read):
    with pytest.raises(CorpusError) as caught:
        read([write(*[b"?"] * 25)], KNOWN)
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (21, "… and 5 more")


@pytest.mark.parametrize("read", [load_labelled, check_texts])
def test_files_without_a_text_are_a_mistake(write, read):
    with pytest.raises(CorpusError, match=r"texts in .*empty\.jsonl"):
        read([write(b" ", name="empty.jsonl")], KNOWN)


def test_a_text_without_labels_is_no_gold(write):
    with pytest.raises(CorpusError, match=r"texts\.jsonl:1: has no list `labels`"):
        load_labelled([write(UNLABELLED)], KNOWN)


def test_ids_of_gold_are_unique(write):
    with pytest.raises(CorpusError, match=r"id 'a' is used twice, first in .*texts\.jsonl:1"):
        load_labelled([write(LABELLED, LABELLED)], KNOWN)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"none\.jsonl: no such file or folder"):
        check_texts([tmp_path / "none.jsonl"], KNOWN)


def test_the_hash_covers_names_and_bytes(write):
    one = hash_corpus([write(LABELLED)])
    assert one == hash_corpus([write(LABELLED)])
    assert one != hash_corpus([write(LABELLED, UNLABELLED)])
    assert one != hash_corpus([write(LABELLED, name="other.jsonl")])
