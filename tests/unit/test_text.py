from __future__ import annotations

import unicodedata

import pytest

from monitor.text import clean_block, clean_line, count_words, find_tokens, fold, hash_texts, show_controls, truncate


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("  Паром\t вышел \n в море ", "Паром вышел в море", id="white space becomes single spaces"),
        pytest.param("Паром\u00a0вышел\u2003в\u2028море", "Паром вышел в море", id="also no-break and line separator"),
        pytest.param("Па\x00ром\x07 вы\x1bшел\x7f\x9f", "Паром вышел", id="control characters go"),
        pytest.param("\ufeffПа\u200bром\u00ad вы\u2060шел", "Паром вышел", id="zero-width characters go"),
        pytest.param("\u202eПаром\u202c \u2066вышел\u2069", "Паром вышел", id="reordering marks go"),
        pytest.param("пороги и\u0306", "пороги й", id="composed"),
        pytest.param("до \ud800 после", "до ? после", id="a lone surrogate costs only itself"),
        pytest.param("👩\u200d🌾 у моря", "👩\u200d🌾 у моря", id="the joiner inside an emoji stays"),
        pytest.param(" \n\t\u200b ", "", id="nothing to see is empty"),
    ],
)
def test_clean_line_leaves_only_what_a_reader_sees(raw: str, expected: str) -> None:
    assert clean_line(raw) == expected


def test_clean_line_is_composed_even_where_a_hidden_character_stood_between_letter_and_accent() -> None:
    cleaned = clean_line("и\u200b\u0306")

    assert cleaned == unicodedata.normalize("NFC", cleaned)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("Раз.\n\n \n  Два.", "Раз.\nДва.", id="blank lines between paragraphs go"),
        pytest.param("Раз.\r\nДва.\rТри.", "Раз.\nДва.\nТри.", id="Windows and old Mac line ends"),
        pytest.param("Раз \t два \n три", "Раз два\nтри", id="spaces at a line's end and start go"),
        pytest.param("\n\n Раз \n\n", "Раз", id="trimmed"),
        pytest.param("Ра\x00з\u200b\nДва", "Раз\nДва", id="hidden characters go, the line break stays"),
    ],
)
def test_clean_block_keeps_one_line_per_paragraph(raw: str, expected: str) -> None:
    assert clean_block(raw) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("ПАРОМ Їде", "паром їде", id="lower case"),
        pytest.param("ёлка", "елка", id="small yo"),
        pytest.param("Ёлка", "елка", id="capital yo"),
        pytest.param("п’ять пʼять п`ять", "п'ять п'ять п'ять", id="apostrophes"),
        pytest.param("Киев – Львов — Одесса", "киев - львов - одесса", id="dashes"),
        pytest.param("Straße", "straße", id="a letter without a single lower form stays"),
    ],
)
def test_fold_makes_variants_of_a_word_equal(text: str, expected: str) -> None:
    assert fold(text) == expected


def test_fold_keeps_the_length_where_lower_case_would_grow() -> None:
    assert len("İİ".lower()) > 2
    assert len(fold("İİ")) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", 0, id="empty"),
        pytest.param("Паром вышел в море.", 4, id="punctuation is no word"),
        pytest.param("П'ять км на північ", 4, id="an apostrophe does not part a word"),
        pytest.param("північно-східний вітер", 2, id="nor does a hyphen"),
        pytest.param("2024 год - ?!", 2, id="a number is a word, a dash is none"),
    ],
)
def test_count_words(text: str, expected: int) -> None:
    assert count_words(text) == expected


@pytest.mark.parametrize(
    ("text", "max_chars", "expected"),
    [
        pytest.param("Паром вышел", 11, "Паром вышел", id="what fits stays as it is"),
        pytest.param("Паром вышел", 10, "Паром…", id="cut between words"),
        pytest.param("Электрификация", 5, "Элек…", id="one long word is cut inside"),
    ],
)
def test_truncate_cuts_at_a_word(text: str, max_chars: int, expected: str) -> None:
    assert truncate(text, max_chars) == expected


def test_hash_texts_tells_where_one_text_ends() -> None:
    assert hash_texts("порт", "овый") != hash_texts("порто", "вый")
    assert hash_texts("порт", "") != hash_texts("", "порт")
    assert hash_texts("порт") != hash_texts("порт", "")


def test_hash_texts_stays_the_same_over_releases() -> None:
    # Stored with every revision: another value would make every stored article look revised.
    expected = "5549b3c3ad46b1dd07fe13a58b3899e4c4e3e6674fee51f79dfe2b3c7dc431bd"
    assert hash_texts("Паром вышел", "", "В море.") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Паром вышел, в море!", 4, id="punctuation"),
        pytest.param("кто-то п’ять п'ять", 3, id="dashes and apostrophes inside"),
        pytest.param("мо\u0301ре и па\u200dром су\xadдно \ufe0f", 4, id="marks and joiners inside"),
        pytest.param("- — ' 👩\u200d🌾 ❤\ufe0f", 0, id="no words"),
        pytest.param("2014 год_1", 2, id="digits"),
    ],
)
def test_words_hold_their_marks_and_joiners(text: str, expected: int) -> None:
    assert count_words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Паром вышел, в море!", ["Паром", "вышел", "в", "море"], id="punctuation"),
        pytest.param("кто-то п’ять", ["кто-то", "п’ять"], id="dashes and apostrophes"),
        pytest.param("мо\u0301ре па\u200dром", ["мо\u0301ре", "па\u200dром"], id="marks and joiners"),
        pytest.param("паром - судно", ["паром", "-", "судно"], id="a dash alone passes for a word"),
        pytest.param("паром — «судно»", ["паром", "судно"], id="other marks do not"),
        pytest.param("", [], id="empty"),
    ],
)
def test_tokens_are_words_as_they_stand(text: str, expected: list[str]) -> None:
    assert find_tokens(text) == expected


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("a\x00b\x1b", "a␀b␛", id="controls"),
        pytest.param("\x7f\x85", "␡\ufffd", id="delete and C1"),
        pytest.param("a\tb\r\nc", "a\tb\r\nc", id="white space"),
        pytest.param("\ud800\ufffe\uffff", "\ufffd\ufffd\ufffd", id="no characters"),
        pytest.param("🌉\u202eслово", "🌉\u202eслово", id="all else"),
    ],
)
def test_what_xml_cannot_hold_is_shown(raw, shown):
    assert show_controls(raw) == shown
