from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stages.double_encoding import mend_double
from monitor.stages.encoding import decode_document, decode_with_repairs

TEXT = "<rss><item>После шторма паром снова возит жителей обоих берегов пролива.</item></rss>"
CAPITALS = TEXT.upper()


def declare(encoding: str) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>'


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type", "repairs"),
    [
        pytest.param("utf-8", "utf-8", "text/xml; charset=UTF-8", (), id="utf-8"),
        pytest.param("utf-8", "windows-1251", None, ("encoding_label",), id="utf-8 declared as cp1251"),
        pytest.param("utf-8", "utf-8", "text/xml; charset=windows-1251", ("encoding_label",), id="utf-8, the server errs"),
        pytest.param("utf-8", "utf8mb4", None, ("encoding_label",), id="utf-8 under an unknown name"),
        pytest.param("cp1251", "windows-1251", None, (), id="cp1251"),
        pytest.param("cp1251", "win-1251", None, ("encoding_label",), id="cp1251 as win-1251"),
        pytest.param("cp1251", "cp-1251", None, ("encoding_label",), id="cp1251 as cp-1251"),
        pytest.param("cp1251", "utf-8", None, ("encoding_label",), id="cp1251 declared as utf-8"),
        pytest.param("cp1251", "koi8-r", None, ("encoding_label",), id="cp1251 declared as koi8-r"),
        pytest.param("cp1251", "iso-8859-1", None, ("encoding_label",), id="cp1251 declared as Latin-1"),
        pytest.param("cp1251", "windows-1251", "text/xml; charset=utf-8", ("encoding_label",), id="cp1251, the server errs"),
        pytest.param("koi8-r", "koi8-r", None, (), id="koi8-r"),
        pytest.param("koi8-r", "windows-1251", None, ("encoding_label",), id="koi8-r declared as cp1251"),
        pytest.param("koi8-r", "utf-8", None, ("encoding_label",), id="koi8-r declared as utf-8"),
        pytest.param("cp866", "ibm866", None, (), id="ibm866"),
        pytest.param("cp866", "utf-8", None, ("encoding_label",), id="ibm866 declared as utf-8"),
        pytest.param("iso8859-5", "iso-8859-5", None, (), id="iso-8859-5"),
        pytest.param("iso8859-5", "windows-1251", None, ("encoding_label",), id="iso-8859-5 declared as cp1251"),
        pytest.param("utf-16", "utf-16", None, (), id="utf-16 with a mark"),
        pytest.param("utf-16-le", "utf-16", None, ("encoding_label",), id="utf-16 without a mark, little end first"),
        pytest.param("utf-16-be", "utf-8", None, ("encoding_label",), id="utf-16 without a mark, big end first"),
        pytest.param("utf-32-le", "utf-32", None, ("encoding_label",), id="utf-32 without a mark"),
    ],
)
def test_bytes_decide_and_a_wrong_label_is_recorded(
    encoding: str, declared: str, content_type: str | None, repairs: tuple[str, ...]
) -> None:
    decoded = decode_with_repairs((declare(declared) + TEXT).encode(encoding), content_type)

    assert (decoded.text, decoded.repairs) == (TEXT, repairs)


@pytest.mark.parametrize(("encoding", "declared"), [("cp1251", "windows-1251"), ("koi8-r", "koi8-r"), ("iso8859-5", "iso-8859-5")])
def test_a_right_label_holds_for_text_in_capitals(encoding: str, declared: str) -> None:
    assert decode_document((declare(declared) + CAPITALS).encode(encoding), None) == CAPITALS


def test_ukrainian_letters_of_koi8_are_letters() -> None:
    text = "<rss>Її ґанок і є</rss>"

    assert decode_document((declare("koi8-r") + text).encode("koi8-u"), None) == text


def test_western_text_is_not_taken_for_cyrillic() -> None:
    text = "<rss>Élections à Séville : l’été déjà français, où naître là-bas</rss>"

    assert decode_document((declare("windows-1252") + text).encode("cp1252"), None) == text


def test_ascii_contradicts_no_label() -> None:
    assert decode_with_repairs(b"<rss>port</rss>", "text/xml; charset=windows-1251").repairs == ()


@pytest.mark.parametrize("declared", ["utf-8", "windows-1251"])
def test_a_few_broken_bytes_do_not_cost_the_rest(declared: str) -> None:
    body = (declare(declared) + TEXT).encode().replace("паром".encode(), b"\xd0 \xd0\xbf")

    decoded = decode_with_repairs(body, None)

    assert decoded.text.startswith("<rss><item>После шторма \ufffd п снова")
    assert decoded.repairs == ("encoding_broken",)


def test_control_characters_leave_a_mark_in_items_alone() -> None:
    decoded = decode_with_repairs("\x00<rss>\x01<item><ti\x02tle>По\x03рт &am\x04p; &#5;</title></item></rss>\x06".encode(), None)

    assert decoded.text == "<rss><item><title>По\ufdd0рт &amp; \ufdd0</title></item></rss>"
    assert decoded.is_marked


def test_marks_in_the_document_itself_mean_nothing() -> None:
    assert decode_with_repairs("<rss>По\ufdd0рт\ufdd1</rss>".encode(), None).text == "<rss>Порт</rss>"


@pytest.mark.parametrize(
    "text", ["Паром вышел на линию", "Жителі півострова їдуть до моря — «Крим» є", "КРЫМ ОТКРЫЛ СЕЗОН", "Ёлка, «Ё» и №5 …"]
)
@pytest.mark.parametrize("codec", ["cp1251", "latin-1", "cp1252"])
def test_text_that_was_encoded_twice_is_mended(text: str, codec: str) -> None:
    free = {number: chr(number) for number in range(0x80, 0x100) if not bytes([number]).decode(codec, "ignore")}
    doubled = "".join(free.get(byte) or bytes([byte]).decode(codec) for byte in text.encode())

    assert doubled != text
    assert mend_double(doubled) in {text, None if "Ё" in text or text.isupper() else text}


@pytest.mark.parametrize(
    "text",
    [
        "Ріо-де-Жанейро: Січень і Різдво, Рєпін, Сєвєродонецьк",
        "РФ и США; «Рё», С°, Рµ",
        "Señor Ñandú à la carte, déjà vu",
        "Смесь: РљСЂС‹Рј и правда",
        "Temperature 5 С° Р°",
        "",
    ],
)
def test_sound_or_doubtful_text_is_left_alone(text: str) -> None:
    assert mend_double(text) is None


def test_a_field_that_was_encoded_twice_is_marked() -> None:
    doubled = "Паром вышел".encode().decode("latin-1")
    decoded = decode_with_repairs(f"<rss><item><title>{doubled}</title><b>Порт</b></item></rss>".encode(), None)

    assert decoded.text == "<rss><item><title>Паром вышел\ufdd1</title><b>Порт</b></item></rss>"


AS_CP1251, AS_LATIN = "Крым".encode().decode("cp1251"), "Мост".encode().decode("latin-1")
RUNS = st.lists(st.sampled_from(["<b>", "</b>", ">", "<", "Порт", " ", "°", "Ð", AS_CP1251, AS_LATIN]), max_size=30).map("".join)


@given(RUNS)
def test_every_run_between_tags_is_mended_by_itself(text):
    decoded = decode_with_repairs(text.encode(), None)
    runs = re.sub(r"[^<>]+", lambda match: mend_double(match.group()) or match.group(), text)
    assert decoded.text.replace("\ufdd1", "") == runs


@given(st.integers(0, 300), st.integers(0, 30), st.sampled_from(["По\x03рт ", "<b\x02>", "&am\x04p; ", "&#5;", "&#150;", "порт "]))
def test_a_long_document_is_mended_as_a_short_one(before, times, piece):
    """Longer than the pieces in which it is gone through, wherever one of them ends."""
    filler = "<i>порт</i> " * 6_000
    short = decode_with_repairs(f"<rss><item>{piece * times}</item></rss>".encode(), None).text
    long = decode_with_repairs(f"<rss><item>{filler}{'.' * before}{piece * times}</item></rss>".encode(), None).text
    assert long == short.replace("<item>", f"<item>{filler}{'.' * before}")


def test_rubble_is_read_without_marks():
    decoded = decode_with_repairs(("<rss><item><title>По\x03рт</title>" + "\x01" * 100_000 + "</item></rss>").encode(), None)
    assert (decoded.text, decoded.is_marked) == ("<rss><item><title>Порт</title></item></rss>", False)
