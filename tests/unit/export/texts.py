"""Hostile texts, and rows that hold them, for the tests of every export."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitor.codebook import Codebook, Narrative
from monitor.export.selection import DayRows, Selection
from monitor.records import Evidence
from monitor.reports import ExportRow
from tests.factories import BUNDLE, NOON, make_row, make_score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DAY = date(2026, 5, 14)
HOSTILE = {
    "formula": '=HYPERLINK("https://evil.example","тут")',
    "plus": "+7 978 000-00-00",
    "at": "@SUM(A1)",
    "tab": "\t=1+1",
    "carriage return": "\r=1+1",
    "NUL": "До\x00 и после\x1b[31m",
    "right to left": "\u202eлатсипорп\u202c \u200f",
    "emoji": "Мост 🌉 открыт 👩‍👩‍👧",
    "end of CDATA": "]]> <script>alert(1)</script> &amp; &lt;b&gt;",
    "quotes": "Он сказал: \"да\", 'нет'; и\nновая строка",
    "Excel escape": "_x0041_ _x000D_",
    "40,000 characters": "слово🌉 " * 5_000,
    "no title": "",
    "no characters": "\ufffe\uffff",
}
CODEBOOK = Codebook(
    2,
    (
        Narrative("fake_loyalty", "occupation", {"en": "Local people freely back Russia", "ru": "Все за"}, "People back Russia."),
        Narrative("biolabs_wmd", "war", {"en": "Secret weapons"}, "Laboratories & <weapons>."),
    ),
    {"occupation": {"en": "Occupation"}, "war": {"en": "Justifying the war"}},
)


def make_export_row(article_id: str = "a1", day: date = DAY, bundle: str | None = BUNDLE, **changes: Any) -> ExportRow:
    return ExportRow(day, make_row(article_id, **changes), bundle)


def make_hostile_rows() -> list[ExportRow]:
    """A row for every hostile text: in the title, the text, the outlet and the evidence, under two narratives."""
    rows = []
    for number, text in enumerate(HOSTILE.values()):
        evidence = (Evidence("title", 0, len(text), text),)
        scores = (make_score(score=0.91, evidence=evidence), make_score("biolabs_wmd", 0.8, evidence=evidence))
        outlet = text[:60] or "Порт"
        rows.append(make_export_row(f"a{number}", title=text, text=f"Текст.\n{text}", outlet=outlet, narratives=scores))
    return rows


def make_selection(rows: list[ExportRow], **changes: Any) -> Selection:
    given: dict[str, Any] = {
        "first": DAY,
        "last": DAY,
        "timezone": "Europe/Kyiv",
        "bundle": BUNDLE,
        "codebook": CODEBOOK,
        "rows": len(rows),
        "latest_at": NOON,
    }
    return Selection(**given | changes)


def make_days(rows: list[ExportRow]) -> Iterator[DayRows]:
    for day in dict.fromkeys(row.day for row in rows):
        of_day = [row for row in rows if row.day == day]
        starts_at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=3)
        yield DayRows(day, starts_at, len(of_day), max(row.article.fetched_at for row in of_day), iter(of_day))


def export_bytes(write: Callable[[Selection, Iterable[DayRows]], Iterator[bytes]], rows: list[ExportRow], **changes: Any) -> bytes:
    return b"".join(write(make_selection(rows, **changes), make_days(rows)))
