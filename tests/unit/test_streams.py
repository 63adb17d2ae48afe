import io
import json
import tracemalloc
from collections.abc import Sequence

import pytest

from monitor.records import (
    Assessment,
    Document,
)
from monitor.streams import BATCH_LINES, MAX_LINE_BYTES, classify_stream
from tests.factories import make_score


class EchoClassifier:
    """Answers each text with one narrative named as the text; breaks on a text that says so."""

    bundle_id = "cb1-0123456789ab"

    def assess(self, documents: Sequence[Document]) -> list[Assessment]:
        if any(document.text == "breaks" for document in documents):
            raise ZeroDivisionError("no words")
        return [Assessment(document.lang or "und", (make_score(document.text),)) for document in documents]


def classify(*lines: bytes | str | dict) -> tuple[list[dict], int]:
    """Output objects and the number of bad lines, as written to a UTF-8 stream."""
    raw = [
        json.dumps(line).encode() if isinstance(line, dict) else line.encode() if isinstance(line, str) else line for line in lines
    ]
    return classify_bytes(b"\n".join(raw) + b"\n")


def classify_bytes(source: bytes) -> tuple[list[dict], int]:
    sink = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
    bad = classify_stream(EchoClassifier(), io.BytesIO(source), sink)
    return [json.loads(line) for line in sink.buffer.getvalue().decode().split("\n")[:-1]], bad


def test_an_answer_has_the_promised_fields():
    (answer,), bad = classify({"id": "a", "text": "Слово", "lang": "ru"})
    assert bad == 0
    assert set(answer) >= {"id", "lang", "flagged", "bundle", "narratives"}
    assert (answer["id"], answer["lang"], answer["flagged"], answer["bundle"]) == ("a", "ru", True, "cb1-0123456789ab")
    (narrative,) = answer["narratives"]
    assert set(narrative) >= {"id", "score", "stance", "stance_score", "flagged", "evidence"}
    assert narrative["id"] == "Слово"


def test_answers_come_in_the_order_of_the_lines_over_several_batches():
    lines = [{"id": f"n{n}", "text": f"t{n}"} if n % 7 else "broken" for n in range(BATCH_LINES * 2 + 5)]
    answers, bad = classify(*lines)
    assert len(answers) == len(lines)
    assert bad == len(range(0, len(lines), 7))
    for n, answer in enumerate(answers):
        if n % 7:
            assert (answer["id"], answer["narratives"][0]["id"]) == (f"n{n}", f"t{n}")
        else:
            assert answer["line"] == n + 1


@pytest.mark.parametrize("identifier", ["a", "", "Ы-1", "007", 7, 0, -1, 10**30], ids=repr)
def test_an_id_comes_back_as_it_was_given(identifier):
    (answer,), bad = classify({"id": identifier, "text": "x"})
    assert bad == 0
    assert answer["id"] == identifier
    assert type(answer["id"]) is type(identifier)


@pytest.mark.parametrize(
    "row", [{"id": "a"}, {"id": "a", "title": None, "summary": None, "text": None, "lang": None}], ids=["absent", "null"]
)
def test_everything_but_the_id_may_be_missing(row):
    assert classify(row)[1] == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("", "not JSON", id="blank"),
        pytest.param("   ", "not JSON", id="spaces"),
        pytest.param("{", "not JSON", id="broken"),
        pytest.param("слова", "not JSON", id="words"),
        pytest.param(b'{"id": "a", "text": "\xcf\xf0"}', "not JSON", id="cp1251"),
        pytest.param("[" * 100_000, "not JSON", id="deeply nested"),
        pytest.param('{"id": ' + "9" * 5000 + "}", "not JSON", id="endless number"),
        pytest.param("[1]", "not a JSON object", id="list"),
        pytest.param("null", "not a JSON object", id="null"),
        pytest.param('{"text": "x"}', "no `id`", id="no id"),
        pytest.param('{"id": null}', "no `id`", id="null id"),
        pytest.param('{"id": true}', "no `id`", id="boolean id"),
        pytest.param('{"id": {"a": 1}}', "no `id`", id="object id"),
        pytest.param('{"id": "a", "title": 5}', "`title` is int", id="number as title"),
        pytest.param('{"id": "a", "text": ["x"]}', "`text` is list", id="list as text"),
        pytest.param('{"id": "a", "text": "breaks"}', "cannot be assessed (ZeroDivisionError: no words)", id="breaks the model"),
    ],
)
def test_a_bad_line_costs_only_itself(line, reason):
    answers, bad = classify({"id": "before", "text": "x"}, line, {"id": "after", "text": "y"})
    assert bad == 1
    assert [answer.get("id") for answer in answers] == ["before", None, "after"]
    assert answers[1]["line"] == 2
    assert reason in answers[1]["error"]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('{"id": "a", "text": "\\ud83d"}', id="half an emoji in the text"),
        pytest.param('{"id": "\\ud83d", "text": "x"}', id="half an emoji in the id"),
    ],
)
def test_half_a_character_costs_at_most_its_own_line(line):
    answers, _ = classify({"id": "before", "text": "x"}, line, {"id": "after", "text": "y"})
    assert len(answers) == 3
    assert (answers[0]["id"], answers[2]["id"]) == ("before", "after")


def test_a_line_that_is_too_long_is_passed_over_in_little_memory():
    long = b'{"id": "long", "text": "' + b"x" * (3 * MAX_LINE_BYTES) + b'"}\n'
    source = b'{"id": "before"}\n' + long + b'{"id": "after"}\n'
    tracemalloc.start()
    try:
        answers, bad = classify_bytes(source)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert bad == 1
    assert (answers[0]["id"], answers[2]["id"]) == ("before", "after")
    assert answers[1] == {"line": 2, "error": f"the line is longer than {MAX_LINE_BYTES} bytes"}
    assert peak < len(source) + 3 * MAX_LINE_BYTES


def test_a_line_of_just_the_limit_is_read():
    head, tail = b'{"id": "a", "text": "', b'"}'
    line = head + b"x" * (MAX_LINE_BYTES - len(head) - len(tail)) + tail
    answers, bad = classify_bytes(line + b"\n" + line + b"x\n")
    assert bad == 1
    assert answers[0]["id"] == "a"
    assert "longer" in answers[1]["error"] or "not JSON" in answers[1]["error"]


@pytest.mark.parametrize(
    ("source", "count"),
    [
        pytest.param(b"", 0, id="empty"),
        pytest.param(b'{"id": 1}', 1, id="no line end"),
        pytest.param(b'{"id": 1}\r\n{"id": 2}\r\n', 2, id="Windows line ends"),
        pytest.param(b'\xef\xbb\xbf{"id": 1}\n', 1, id="byte order mark"),
        pytest.param('{"id": 1, "text": "a\u2028b\u0085c"}\n'.encode(), 1, id="line separators inside"),
    ],
)
def test_one_line_in_is_one_line_out(source, count):
    answers, bad = classify_bytes(source)
    assert len(answers) == count
    assert bad == 0


def test_answers_are_written_before_the_input_has_ended():
    sink = io.StringIO()

    class Source(io.RawIOBase):
        """As many lines as asked for; looks at the output after the first batch."""

        sent = 0

        def readable(self):
            return True

        def readline(self, _size=-1):
            if self.sent == BATCH_LINES:
                assert sink.getvalue().count("\n") == BATCH_LINES
            self.sent += 1
            return b'{"id": 1}\n' if self.sent <= BATCH_LINES + 1 else b""

    classify_stream(EchoClassifier(), Source(), sink)
    assert sink.getvalue().count("\n") == BATCH_LINES + 1
