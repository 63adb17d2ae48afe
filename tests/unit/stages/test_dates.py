from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.stages.dates import resolve_date

NOW = datetime(2024, 3, 13, 12, 0, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


TEN = (2024, 3, 12, 10, 0)
AT_SEVEN = utc(2024, 3, 12, 7, 0)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("Tue, 12 Mar 2024 10:00:00 +0300", AT_SEVEN, id="RFC 822 offset"),
        pytest.param("Tue, 12 Mar 2024 10:00:00 GMT", utc(*TEN), id="RFC 822 GMT"),
        pytest.param("12 Mar 2024 10:00 Z", utc(*TEN), id="no weekday, no seconds"),
        pytest.param("Tue, 12-Mar-24 10:00:00 GMT", utc(*TEN), id="two-digit year"),
        pytest.param("Sat, 12 Mar 94 10:00:00 GMT", utc(1994, 3, 12, 10, 0), id="two-digit year of the last century"),
        pytest.param("2024-03-12T10:00:00Z", utc(*TEN), id="ISO Z"),
        pytest.param("2024-03-12T10:00:00.123456+03:00", AT_SEVEN, id="ISO fraction and offset"),
        pytest.param("2024-03-12T10:00:00+03", AT_SEVEN, id="ISO offset in hours"),
        pytest.param("2024-03-12 10:00:00 -0130", utc(2024, 3, 12, 11, 30), id="offset west with minutes"),
        pytest.param("2024-03-12T10:00:00 UTC+3", AT_SEVEN, id="UTC+3"),
        pytest.param("2024-03-12T10:00:00 GMT+03:00", AT_SEVEN, id="GMT+03:00"),
        pytest.param("12.03.2024 10:00 +0300", AT_SEVEN, id="points and offset"),
        pytest.param("  Tue,\n 12 Mar 2024\t10:00:00 +0300 ", AT_SEVEN, id="white space everywhere"),
        pytest.param("1710230400", utc(2024, 3, 12, 8, 0), id="epoch seconds"),
        pytest.param("1710230400000", utc(2024, 3, 12, 8, 0), id="epoch milliseconds"),
    ],
)
def test_a_stated_zone_wins_over_the_default(raw: str, expected: datetime) -> None:
    dated = resolve_date(raw, default_zone="Asia/Tokyo", fetched_at=NOW)

    assert dated.at == expected
    assert dated.how.startswith("stated")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("Tue, 12 Mar 2024 10:00:00 MSK", AT_SEVEN, id="MSK"),
        pytest.param("12.03.2024 10:00 мск", AT_SEVEN, id="мск"),
        pytest.param("12.03.2024, 10:00 (МСК)", AT_SEVEN, id="(МСК)"),
        pytest.param("Sat, 12 Mar 2011 10:00:00 MSK", utc(2011, 3, 12, 7, 0), id="MSK in winter 2011"),
        pytest.param("Thu, 12 Jul 2012 10:00:00 MSK", utc(2012, 7, 12, 6, 0), id="MSK while it was UTC+4"),
        pytest.param("Tue, 12 Mar 2024 10:00:00 EET", utc(2024, 3, 12, 8, 0), id="EET"),
        pytest.param("Wed, 12 Jul 2023 10:00:00 EEST", utc(2023, 7, 12, 7, 0), id="EEST"),
        pytest.param("Tue, 12 Mar 2024 10:00:00 CET", utc(2024, 3, 12, 9, 0), id="CET"),
        pytest.param("Tue, 12 Mar 2024 10:00:00 EST", utc(2024, 3, 12, 15, 0), id="EST"),
    ],
)
def test_zone_names_of_the_region_are_not_read_as_utc(raw: str, expected: datetime) -> None:
    dated = resolve_date(raw, default_zone="Asia/Tokyo", fetched_at=NOW)

    assert dated.at == expected
    assert dated.how.startswith("zone name ")


def test_moscow_time_plus_two_is_counted_from_moscow() -> None:
    dated = resolve_date("12.03.2024 10:00 МСК+2", default_zone="Europe/Kyiv", fetched_at=NOW)

    assert dated.at == utc(2024, 3, 12, 5, 0)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("Tue, 12 Mar 2024 10:00:00", utc(2024, 3, 12, 8, 0), id="RFC 822"),
        pytest.param("2024-03-12T10:00:00", utc(2024, 3, 12, 8, 0), id="ISO"),
        pytest.param("2024/03/12 10:00:00", utc(2024, 3, 12, 8, 0), id="slashes, year first"),
        pytest.param("12.03.2024 10:00", utc(2024, 3, 12, 8, 0), id="points"),
        pytest.param("12.03.2024", utc(2024, 3, 11, 22, 0), id="a day alone begins at local midnight"),
        pytest.param("12.07.2023 10:00", utc(2023, 7, 12, 7, 0), id="summer time"),
    ],
)
def test_without_a_zone_the_default_is_assumed_and_named(raw: str, expected: datetime) -> None:
    dated = resolve_date(raw, default_zone="Europe/Kyiv", fetched_at=NOW)

    assert dated.at == expected
    assert dated.how == "no zone: Europe/Kyiv assumed"


@pytest.mark.parametrize(
    ("number", "name"),
    [
        *enumerate(
            ["января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"],
            1,
        ),
        *enumerate(
            [
                "січня",
                "лютого",
                "березня",
                "квітня",
                "травня",
                "червня",
                "липня",
                "серпня",
                "вересня",
                "жовтня",
                "листопада",
                "грудня",
            ],
            1,
        ),
        *enumerate(["янв", "фев", "мар", "апр", "май", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"], 1),
        *enumerate(["січ", "лют", "бер", "кві", "тра", "чер", "лип", "сер", "вер", "жов", "лис", "гру"], 1),
        *enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1),
    ],
)
def test_months_are_read_in_three_languages(number: int, name: str) -> None:
    dated = resolve_date(f"12 {name} 2023, 10:00 +0000", default_zone="UTC", fetched_at=NOW)

    assert dated.at == utc(2023, number, 12, 10, 0)


@pytest.mark.parametrize(
    "raw",
    [
        "вторник, 12 марта 2024 10:00",
        "Вт, 12 мар. 2024 10:00:00",
        "12 марта 2024 г., 10:00",
        "12 марта 2024 года в 10:00",
        "12 МАРТА 2024 10:00",
        "вівторок, 12 березня 2024, 10:00",
        "12 березня 2024 р., 10:00",
        "12 березня 2024 року о 10:00",
        "Tuesday, 12 March 2024 at 10:00",
    ],
)
def test_written_out_dates_are_read(raw: str) -> None:
    dated = resolve_date(raw, default_zone="Europe/Moscow", fetched_at=NOW)

    assert dated.at == AT_SEVEN


@pytest.mark.parametrize("friday", ["п'ятниця", "п’ятниця", "пʼятниця", "пятница", "Пт"])
def test_friday_is_a_day_like_the_others(friday: str) -> None:
    dated = resolve_date(f"{friday}, 8 березня 2024, 10:00", default_zone="Europe/Kyiv", fetched_at=NOW)

    assert dated.at == utc(2024, 3, 8, 8, 0)


@pytest.mark.parametrize(
    ("raw", "case"),
    [
        pytest.param(None, "no date", id="none"),
        pytest.param("", "no date", id="empty"),
        pytest.param(" \n ", "no date", id="blank"),
        pytest.param("сегодня утром", "date unreadable", id="words"),
        pytest.param("30 февраля 2024", "date unreadable", id="no such day"),
        pytest.param("2024-13-01T10:00:00Z", "date unreadable", id="no such month"),
        pytest.param("2024-03-12T25:00:00Z", "date unreadable", id="no such hour"),
        pytest.param("0000-00-00 00:00:00", "date unreadable", id="zeros"),
        pytest.param("12.03.2024 10:00 XYZT", "date unreadable", id="a zone that nobody knows is not guessed"),
        pytest.param("12.03.2024 10:00 +9999", "date unreadable", id="no such offset"),
        pytest.param("9999-12-31T23:59:59-12:00", "date unreadable", id="beyond the calendar"),
        pytest.param("2024-03-12T10:00:00Z и ещё", "date unreadable", id="words after it"),
        pytest.param("0000000000", "date absurdly old", id="epoch zero"),
        pytest.param("1970-01-01T00:00:00Z", "date absurdly old", id="1970"),
        pytest.param("1710-03-12T10:00:00Z", "date absurdly old", id="three centuries back"),
        pytest.param("0001-01-01T00:00:00Z", "date absurdly old", id="the year one"),
        pytest.param("Mon, 01 Jan 0001 00:00:00 GMT", "date absurdly old", id="the year one, RFC 822"),
        pytest.param("2124-03-12T10:00:00Z", "date in the future", id="a century ahead"),
        pytest.param("2024-03-14T12:00:01Z", "date in the future", id="a second more than a day ahead"),
    ],
)
def test_a_date_that_cannot_be_right_gives_the_time_of_fetching_and_says_why(raw: str | None, case: str) -> None:
    dated = resolve_date(raw, default_zone="Europe/Kyiv", fetched_at=NOW)

    assert (dated.at, dated.how) == (NOW, f"time of fetching: {case}")


def test_a_clock_that_is_a_day_ahead_is_believed() -> None:
    dated = resolve_date("2024-03-14T12:00:00Z", default_zone="UTC", fetched_at=NOW)

    assert dated.at == NOW + timedelta(days=1)


def test_the_first_moment_of_1990_is_believed() -> None:
    dated = resolve_date("1990-01-01T00:00:00Z", default_zone="UTC", fetched_at=NOW)

    assert dated.at == utc(1990, 1, 1)


@pytest.mark.parametrize("raw", ["12.03.2024 10:00 MSK", "12 марта 2024 10:00", "2024-03-12T10:00:00+05:30", "1710230400"])
def test_times_are_given_in_utc(raw: str) -> None:
    assert resolve_date(raw, default_zone="Europe/Kyiv", fetched_at=NOW).at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("raw", "expected", "repair"),
    [
        pytest.param("сегодня, 10:00", utc(2024, 3, 13, 8, 0), "date_relative", id="today in Russian"),
        pytest.param("Вчера в 10:00", utc(2024, 3, 12, 8, 0), "date_relative", id="yesterday in Russian"),
        pytest.param("сьогодні 10:00", utc(2024, 3, 13, 8, 0), "date_relative", id="today in Ukrainian"),
        pytest.param("вчора о 10:00", utc(2024, 3, 12, 8, 0), "date_relative", id="yesterday in Ukrainian"),
        pytest.param("10:00, вчера", utc(2024, 3, 12, 8, 0), "date_relative", id="the clock first"),
        pytest.param("вчера", utc(2024, 3, 11, 22, 0), "date_relative", id="the day alone"),
        pytest.param("вчера 10:00 МСК", utc(2024, 3, 12, 7, 0), "date_relative", id="with a zone"),
        pytest.param("12 марта, 10:00", utc(2024, 3, 12, 8, 0), "date_year", id="no year"),
        pytest.param("12 березня", utc(2024, 3, 11, 22, 0), "date_year", id="no year, no clock"),
        pytest.param("вт, 12 марта 10:00", utc(2024, 3, 12, 8, 0), "date_year", id="no year, weekday"),
        pytest.param("31 декабря, 10:00", utc(2023, 12, 31, 8, 0), "date_year", id="the year that has been"),
        pytest.param("10:00, 12 марта 2024", utc(2024, 3, 12, 8, 0), "date_zone", id="the clock first, a year"),
        pytest.param("10:00 12.03.2024", utc(2024, 3, 12, 8, 0), "date_zone", id="the clock first, points"),
        pytest.param("Tue, 12 Mar 2024 10:00:00 GMT", utc(*TEN), None, id="nothing assumed"),
        pytest.param("2024-03-12T10:00:00.123Z", utc(*TEN), None, id="milliseconds"),
        pytest.param("31 февраля", NOW, "date_unreadable", id="no such day in any year"),
        pytest.param("12 кота", NOW, "date_unreadable", id="no such month"),
        pytest.param("Tue, 32 Mar 2024 10:00:00 GMT", NOW, "date_unreadable", id="no such day"),
        pytest.param(None, NOW, "date_missing", id="none"),
        pytest.param("2124-03-12T10:00:00Z", NOW, "date_absurd", id="absurd"),
    ],
)
def test_what_was_assumed_has_a_word(raw: str | None, expected: datetime, repair: str | None) -> None:
    dated = resolve_date(raw, default_zone="Europe/Kyiv", fetched_at=NOW)

    assert (dated.at, dated.repair) == (expected, repair)


def test_a_leap_day_without_a_year_is_of_the_last_leap_year() -> None:
    dated = resolve_date("29 февраля, 10:00", default_zone="UTC", fetched_at=utc(2025, 2, 1))

    assert dated.at == utc(2024, 2, 29, 10, 0)
