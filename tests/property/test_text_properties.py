from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stages.dates import EARLIEST, MAX_AHEAD, resolve_date
from monitor.stages.markup import strip_markup
from monitor.text import clean_block, clean_line, count_words, fold, hash_texts, truncate
from monitor.urls import canonicalize_url, is_web_url, resolve_link

NOW = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)
# What goes wrong in practice, mixed with anything at all (lone surrogates too).
ANY_CHARACTER = st.characters(exclude_categories=()) | st.sampled_from(
    " \n\r\t\0\x0b\x1c\x85\xa0\xad\u200b\u200d\u2028\u202e\ufeff\u0306\u0308иИіїёЁ’ʼ-…İßΣﬁ"
)
ANY_TEXT = st.text(ANY_CHARACTER)
MARKUP = st.lists(
    st.sampled_from(
        [
            *("<p>", "</p>", "<br/>", "<a href='u'>", "<a href=", "</a>", "<script>", "</script>", "<svg/>", "<title>", "<!--"),
            *("-->", "<![CDATA[", "]]>", "<![", "<![x[", "<!", "<?", "</", "<", ">", "&", "&lt;", "&#", "&#1055;", "&#xD800;"),
            *("&#99999999999;", "&laquo;", "'", '"', "=", "Паром ", "вышел\n", " "),
        ]
    ),
    max_size=25,
).map("".join)
URL_PIECES = st.lists(
    st.sampled_from(
        [
            *("http://", "https://", "//", "bereg.example", "берег.рф", "[::1]", "[", "]", ":", "80", "443", "99999", "@", "/"),
            *("news", "порт", "..", "?", "&", "=", "#", "utm_source", "from", "id", "1", "%CF", "%D0%BF", "%", "+", ";", " ", "\n"),
            *("a" * 64, ".", "\0", "\ud800", "\u2100", "İ"),
        ]
    ),
    max_size=12,
).map("".join)


@given(ANY_TEXT)
def test_a_clean_line_is_one_line_without_edges_that_cleaning_leaves_alone(raw: str) -> None:
    cleaned = clean_line(raw)

    assert cleaned == " ".join(cleaned.split())
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in cleaned)
    assert cleaned == clean_line(cleaned)


@given(ANY_TEXT)
def test_a_clean_block_has_no_empty_line_and_cleaning_leaves_it_alone(raw: str) -> None:
    cleaned = clean_block(raw)

    assert cleaned == cleaned.strip()
    assert "" not in cleaned.split("\n") or cleaned == ""
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in cleaned if char != "\n")
    assert cleaned == clean_block(cleaned)


@given(ANY_TEXT | st.text("иІ\u0306\u0308\u200b\xad "))
def test_clean_text_is_composed(raw: str) -> None:
    assert unicodedata.is_normalized("NFC", clean_line(raw))
    assert unicodedata.is_normalized("NFC", clean_block(raw))


@given(ANY_TEXT)
def test_folding_keeps_every_offset(text: str) -> None:
    folded = fold(text)

    assert len(folded) == len(text)
    assert all(fold(char) == folded[at] for at, char in enumerate(text))


@given(ANY_TEXT)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text("абвёЁАБВабвїЇ -'"))
def test_folding_makes_no_difference_of_case(text: str) -> None:
    assert fold(text.upper()) == fold(text.lower())


@given(ANY_TEXT, st.integers(1, 50))
def test_a_truncated_text_is_short_and_begins_as_the_whole(text: str, max_chars: int) -> None:
    shown = truncate(text, max_chars)

    assert len(shown) <= max_chars
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))


@given(st.lists(st.from_regex(r"[а-я]{1,8}", fullmatch=True)))
def test_as_many_words_are_counted_as_were_written(words: list[str]) -> None:
    assert count_words(", ".join(words)) == len(words)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_hashes_are_equal_only_where_all_parts_are(parts: list[str], others: list[str]) -> None:
    assert (hash_texts(*parts) == hash_texts(*others)) == (parts == others)


@given(MARKUP | ANY_TEXT)
def test_any_fragment_gives_clean_text(fragment: str) -> None:
    text = strip_markup(fragment, own_url="u")

    assert text == clean_block(text)


@given(st.lists(st.text("абвг ", min_size=1).filter(str.strip), min_size=1))
def test_every_paragraph_becomes_a_line(paragraphs: list[str]) -> None:
    fragment = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    assert strip_markup(fragment).split("\n") == [clean_line(paragraph) for paragraph in paragraphs]


@given(URL_PIECES | ANY_TEXT)
def test_a_resolved_link_has_one_stable_canonical_form(link: str) -> None:
    url = resolve_link(link, "https://bereg.example/rss/all.xml")
    if url is None:
        return

    canonical = canonicalize_url(url)

    assert is_web_url(url)
    assert is_web_url(canonical)
    assert canonicalize_url(canonical) == canonical
    assert canonical.encode("utf-8")


DATE_PIECES = st.lists(
    st.sampled_from(
        [
            *("12", "03", "2024", "24", "0001", "9999", "31", "99", ".", "-", "/", ":", " ", ", ", "T", "Z", "+", "+0300", "(MSK)"),
            *("марта", "березня", "Mar", "Вт", "г.", "року", "в", "10:00", "10:00:00", "МСК", "EET", "GMT", "UTC+3", "1710230400"),
        ]
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Kyiv", "Asia/Tokyo", "America/Los_Angeles"])
@given(raw=DATE_PIECES | ANY_TEXT)
def test_any_date_string_gives_a_believable_time_in_utc(raw: str, zone: str) -> None:
    dated = resolve_date(raw, default_zone=zone, fetched_at=NOW)

    assert dated.at.utcoffset() == timedelta(0)
    assert EARLIEST <= dated.at <= NOW + MAX_AHEAD
    assert dated.how


@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2026, 5, 13)).map(lambda at: at.replace(microsecond=0)),  # noqa: DTZ001
    st.integers(-12 * 60, 14 * 60),
)
def test_a_time_with_an_offset_is_read_back_from_every_shape(at: datetime, minutes: int) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    local = (at + timedelta(minutes=minutes)).replace(tzinfo=UTC)
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][local.month - 1]
    shapes = (
        f"{local:%Y-%m-%dT%H:%M:%S}{sign}{hours:02}:{rest:02}",
        f"{local:%d.%m.%Y %H:%M:%S} {sign}{hours:02}{rest:02}",
        f"{local.day} {month} {local:%Y %H:%M:%S} {sign}{hours:02}{rest:02}",
    )

    for raw in shapes:
        assert resolve_date(raw, default_zone="Asia/Tokyo", fetched_at=NOW).at == at.replace(tzinfo=UTC)
