"""Dates as feeds of this region write them, to UTC, with a word on how each was arrived at.

feedparser reads ``MSK``, ``EET`` and ``UTC+3`` as UTC, and does not read Russian or Ukrainian months, ``12.03.2024 10:00``
or dates without a zone at all; so the raw strings are read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
MAX_AHEAD = timedelta(days=1)

_MONTH_STEMS = {
    1: ("jan", "янв", "січ"),
    2: ("feb", "фев", "лют"),
    3: ("mar", "мар", "берез", "бер"),
    4: ("apr", "апр", "квіт", "кві"),
    5: ("may", "мая", "май", "трав", "тра"),
    6: ("jun", "июн", "черв", "чер"),
    7: ("jul", "июл", "лип"),
    8: ("aug", "авг", "серп", "сер"),
    9: ("sep", "сен", "верес", "вер"),
    10: ("oct", "окт", "жовт", "жов"),
    11: ("nov", "ноя", "листоп", "лис"),
    12: ("dec", "дек", "груд", "гру"),
}
_ZONES: dict[str, tzinfo] = {
    **dict.fromkeys(("z", "ut", "utc", "gmt"), UTC),
    **dict.fromkeys(("msk", "мск"), ZoneInfo("Europe/Moscow")),
    **dict.fromkeys(("eet",), timezone(timedelta(hours=2))),
    **dict.fromkeys(("eest",), timezone(timedelta(hours=3))),
    **dict.fromkeys(("cet",), timezone(timedelta(hours=1))),
    **dict.fromkeys(("cest",), timezone(timedelta(hours=2))),
    **dict.fromkeys(("bst",), timezone(timedelta(hours=1))),
    "est": timezone(timedelta(hours=-5)),
    "edt": timezone(timedelta(hours=-4)),
    "pst": timezone(timedelta(hours=-8)),
    "pdt": timezone(timedelta(hours=-7)),
}
_CLOCK = r"(?:[\sT,]+(?:в|о|об|at)?\s*(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?)?"
_ZONE = r"\s*\(?(?P<zone>(?:UTC|GMT|МСК|MSK)?\s*[+-]\d{1,2}(?::?\d{2})?|[A-Za-zА-Яа-я]{1,5})?\)?\.?$"
_YEAR_WORD = r"(?:\s*(?:г|р|года|року)\.?)?"
_WEEKDAY = r"^(?:[^\W\d]+(?:['’ʼ][^\W\d]+)?\.?,?\s+)?"
_SHAPES = tuple(
    re.compile(pattern + _CLOCK + _ZONE)
    for pattern in (
        r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
        r"^(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})" + _YEAR_WORD,
        _WEEKDAY + r"(?P<day>\d{1,2})[\s-]+(?P<name>[^\W\d]+)\.?,?[\s-]+(?P<year>\d{4}|\d{2})" + _YEAR_WORD,
    )
)
_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})?$")
_EPOCH = re.compile(r"^[0-9]{10}([0-9]{3})?$")
_MONTHS = {stems[0].capitalize(): number for number, stems in _MONTH_STEMS.items()}
_RFC_822 = re.compile(
    r"(?:[A-Z][a-z]{2}, )?([0-9]{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([0-9]{4})"
    r" ([0-9]{2}):([0-9]{2})(?::([0-9]{2}))? (GMT|UTC|Z|[+-][0-9]{4})"
)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3}|\.[0-9]{6})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_CLOCK_FIRST = re.compile(r"^(\d{1,2}:\d{2}(?::\d{2})?)[\s,]+(?:\|\s*)?(\S.*\D.*)$")
_DAYS_BACK = {
    **dict.fromkeys(("сегодня", "сьогодні", "today"), 0),
    **dict.fromkeys(("вчера", "вчора", "учора", "yesterday"), 1),
    **dict.fromkeys(("позавчера", "позавчора"), 2),
}
_RELATIVE = re.compile(rf"^(?P<word>{'|'.join(_DAYS_BACK)})(?P<rest>[\s,].*)?$", re.IGNORECASE)
_NO_YEAR = re.compile(_WEEKDAY + r"(?P<day>\d{1,2})\s(?P<name>[^\W\d]{3,})\.?(?P<rest>(?:[\s,].*)?)$")


@dataclass(frozen=True, slots=True)
class DatedBy:
    """A time in UTC, how it was arrived at, and the word of `Entry.repairs` for it where something had to be assumed."""

    at: datetime
    how: str
    repair: str | None = None


def resolve_date(raw: str | None, *, default_zone: str, fetched_at: datetime) -> DatedBy:
    """The time that a feed's date string means.

    Without a zone, ``default_zone`` (IANA name) is assumed. A missing, unreadable or absurd date (before 1990, or more
    than a day after ``fetched_at``) gives ``fetched_at``; ``how`` always says which case it was.
    """
    if not raw or not raw.strip():
        return DatedBy(fetched_at, "time of fetching: no date", "date_missing")
    read = _read_common(raw) or _read(" ".join(raw.split()), default_zone, fetched_at)
    if read is None:
        return DatedBy(fetched_at, "time of fetching: date unreadable", "date_unreadable")
    if read.at < EARLIEST:
        return DatedBy(fetched_at, "time of fetching: date absurdly old", "date_absurd")
    if read.at > fetched_at + MAX_AHEAD:
        return DatedBy(fetched_at, "time of fetching: date in the future", "date_absurd")
    return read


def _read_common(raw: str) -> DatedBy | None:
    """The two forms that nearly all feeds write; None for all others, and for what is no such time."""
    try:
        if match := _RFC_822.fullmatch(raw):
            day, month, year, hour, minute, second, zone = match.groups()
            at = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second or 0), tzinfo=_fixed(zone))
        elif _ISO.fullmatch(raw):
            at = datetime.fromisoformat(raw).replace(microsecond=0)
        else:
            return None
        return DatedBy(at.astimezone(UTC), "stated")
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=256)
def _fixed(zone: str) -> tzinfo:
    if zone in {"GMT", "UTC", "Z"}:
        return UTC
    delta = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    return timezone(-delta if zone[0] == "-" else delta)


def _read(raw: str, default_zone: str, fetched_at: datetime) -> DatedBy | None:
    if _EPOCH.match(raw):
        return DatedBy(datetime.fromtimestamp(int(raw[:10]), UTC), "stated as seconds since 1970")
    if match := _CLOCK_FIRST.match(raw):
        raw = f"{match[2]} {match[1]}"
    try:
        for shape in _SHAPES:
            if match := shape.match(raw):
                return _from_match(match, default_zone)
        if match := _RELATIVE.match(raw):
            return _from_day(match, default_zone, fetched_at)
        return _without_year(raw, default_zone, fetched_at)
    except (ValueError, OverflowError):
        return None


def _from_day(match: re.Match[str], default_zone: str, fetched_at: datetime) -> DatedBy | None:
    """Today, yesterday or the day before, where the feed is."""
    day = fetched_at.astimezone(ZoneInfo(default_zone)) - timedelta(days=_DAYS_BACK[match["word"].lower()])
    written = f"{day:%Y-%m-%d} {match['rest'] or ''}".strip()
    found = _SHAPES[0].match(written)
    read = _from_match(found, default_zone) if found else None
    return read and DatedBy(read.at, f"told from the day of fetching; {read.how}", "date_relative")


def _without_year(raw: str, default_zone: str, fetched_at: datetime) -> DatedBy | None:
    """A day and a month: in the latest year in which they do not lie ahead."""
    match = _NO_YEAR.match(raw)
    if match is None:
        return None
    this_year = fetched_at.astimezone(ZoneInfo(default_zone)).year
    for year in (this_year, this_year - 1):
        found = _SHAPES[2].match(f"{match['day']} {match['name']} {year} {match['rest']}".strip())
        try:
            read = _from_match(found, default_zone) if found else None
        except ValueError:
            # 29 February of a year that has none.
            continue
        if read and read.at <= fetched_at + MAX_AHEAD:
            return DatedBy(read.at, f"no year: {year} assumed; {read.how}", "date_year")
    return None


def _from_match(match: re.Match[str], default_zone: str) -> DatedBy | None:
    parts = match.groupdict()
    month = int(parts["month"]) if parts.get("month") else _month_number(parts["name"])
    zone = _read_zone(parts["zone"])
    if month is None or zone is None:
        return None
    year = int(parts["year"])
    naive = datetime(  # noqa: DTZ001 - the zone is applied below
        year if len(parts["year"]) == 4 else year + (2000 if year < 70 else 1900),
        month,
        int(parts["day"]),
        int(parts["hour"] or 0),
        int(parts["minute"] or 0),
        int(parts["second"] or 0),
    )
    known, how = zone
    if known is None:
        return DatedBy(
            naive.replace(tzinfo=ZoneInfo(default_zone)).astimezone(UTC), f"no zone: {default_zone} assumed", "date_zone"
        )
    return DatedBy(naive.replace(tzinfo=known).astimezone(UTC), how)


def _month_number(name: str) -> int | None:
    low = name.lower()
    return next((number for number, stems in _MONTH_STEMS.items() if low.startswith(stems)), None)


def _read_zone(raw: str | None) -> tuple[tzinfo | None, str] | None:
    """The zone and how it was stated; ``(None, …)`` where none is given, None where one is given but unknown."""
    if not raw:
        return None, ""
    if offset := _OFFSET.search(raw):
        sign, hours, minutes = offset.groups()
        delta = timedelta(hours=int(hours), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
        # "МСК+2" is two hours ahead of Moscow.
        from_moscow = raw.strip().upper().startswith(("МСК", "MSK"))
        return timezone(delta + timedelta(hours=3) if from_moscow else delta), "stated"
    known = _ZONES.get(raw.strip().lower())
    if known is None:
        return None
    return known, "stated" if known is UTC else f"zone name {raw.strip()}"
