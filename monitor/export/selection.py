"""What an export is of: the days, the rows of each, and what is known of all of them before the first row is read.

A writer takes a `Selection` and its days, and gives the file piece by piece, so that no export is held in memory whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.stages.rows import make_row_values
from monitor.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime

    from monitor.codebook import Codebook
    from monitor.records import NarrativeScore
    from monitor.reports import DigestRow, ExportRow

SOURCE = "narrative-monitor"
MAX_SHOWN_EVIDENCE = 1_000
MAX_SHOWN_BEGINNING = 120


@dataclass(frozen=True, slots=True)
class Selection:
    """What is exported. ``rows`` is how many rows it is in all, ``latest_at`` when the last of them was fetched.

    ``narratives`` are the ids that it is limited to (none: no limit). ``flagged_only`` is False where all articles are in it.
    """

    first: date
    last: date
    timezone: str
    bundle: str
    codebook: Codebook
    rows: int
    latest_at: datetime | None = None
    narratives: tuple[str, ...] = ()
    flagged_only: bool = True

    @property
    def span(self) -> str:
        """The day, or the first and the last."""
        return self.first.isoformat() if self.first == self.last else f"{self.first} to {self.last}"

    @property
    def title(self) -> str:
        """What it is, in a line, without its count."""
        about = ", ".join(map(self.codebook.name_of, self.narratives))
        return f"{'Flagged articles' if self.flagged_only else 'Articles'}{f': {about}' if about else ''}"

    @property
    def summary(self) -> str:
        """What it is, in a sentence, with its count."""
        return f"{self.rows} rows of {self.span} ({self.timezone}), by bundle {self.bundle}. A model's answers, not decisions."


@dataclass(frozen=True, slots=True)
class DayRows:
    """The rows of one day, which can be read once. ``starts_at`` is the day's first moment, ``latest_at`` the last row's fetch."""

    day: date
    starts_at: datetime
    count: int
    latest_at: datetime | None
    rows: Iterator[ExportRow]


def iterate_rows(days: Iterable[DayRows]) -> Iterator[ExportRow]:
    """The rows of all days, one after the other."""
    for day in days:
        yield from day.rows


def make_values(row: ExportRow) -> dict[str, Any]:
    """The row as in ``digest.jsonl``."""
    return make_row_values(row.article, day=row.day, bundle=row.bundle)


def list_flagged(row: ExportRow) -> list[NarrativeScore]:
    """The scores that flag the article, best first."""
    return [score for score in row.article.narratives if score.flagged]


def describe_score(score: NarrativeScore, name: str) -> str:
    """A score in a sentence, with its evidence."""
    evidence = " … ".join(passage.text for passage in score.evidence)
    told = f" Evidence: {truncate(evidence, MAX_SHOWN_EVIDENCE)}" if evidence else ""
    return f"{name}: {score.stance}, score {score.score:.2f} (a model's answer).{told}"


def make_headline(article: DigestRow) -> str:
    """Its title, or how it begins."""
    return article.title or truncate(article.summary or article.text, MAX_SHOWN_BEGINNING) or article.article_id
