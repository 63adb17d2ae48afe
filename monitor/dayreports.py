"""What is told of a day beyond its flagged articles: trends, what changed, what to look at again, what was not seen.

All are frozen. Times are aware datetimes in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from monitor.records import Document, Stance

Movement = Literal["new", "growing", "fading", "steady", "unknown"]


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """What a digest needs to know of its bundle: each narrative's threshold, and the languages that it was trained on."""

    thresholds: Mapping[str, float] = field(default_factory=dict)
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Precision:
    """How many of a narrative's flags analysts confirmed, of those drawn at random: a share with its 95 % interval.

    ``decided`` are the draws that it rests on. ``value`` is None where they are too few.
    """

    narrative: str
    decided: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class DayCount:
    """Flagged articles of one subject (a narrative or an outlet) on one day, out of all assessed ones that could have been."""

    day: date
    subject: str
    flagged: int
    assessed: int


@dataclass(frozen=True, slots=True)
class Spike:
    """A day on which a subject had more flagged articles than chance explains. ``chance``: how often a quiet day has as many."""

    day: date
    articles: int
    expected: float
    chance: float


@dataclass(frozen=True, slots=True)
class Trend:
    """How often a narrative, or an outlet, was flagged lately.

    ``daily`` has the flagged articles of each day of the window, the last one last; ``week`` and ``earlier`` are flagged
    articles per 1,000 assessed ones in the last seven days, and in the days of the window before them.
    """

    subject: str
    articles: int
    daily: tuple[int, ...]
    movement: Movement
    week: float
    earlier: float
    spikes: tuple[Spike, ...] = ()


@dataclass(frozen=True, slots=True)
class Trends:
    """Narratives and outlets against their last weeks.

    ``days`` are the days of the window, ``history_days`` those before the digest's on which anything was assessed, of the
    ``wanted_days`` that a trend needs. A month of quiet days raises about ``false_alarms`` spikes among the narratives, and
    as many among the outlets.
    """

    days: tuple[date, ...] = ()
    narratives: tuple[Trend, ...] = ()
    outlets: tuple[Trend, ...] = ()
    history_days: int = 0
    wanted_days: int = 0
    false_alarms: float = 0.0


@dataclass(frozen=True, slots=True)
class GrownStory:
    """A story that is older than the day and was seen in more places on it. ``outlet`` had it first."""

    id: str
    title: str
    url: str | None
    language: str
    outlet: str
    first_seen_at: datetime
    before: int
    added: int
    new_outlets: tuple[str, ...]
    narratives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """A narrative's flagged articles on the day, and on the day before (for a span: in it, and in as many days before)."""

    narrative: str
    before: int
    now: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is other than the day before. ``new_outlets`` are flagged for the first time in the window."""

    shifts: tuple[Shift, ...] = ()
    new_outlets: tuple[str, ...] = ()
    grown: tuple[GrownStory, ...] = ()


@dataclass(frozen=True, slots=True)
class Mention:
    """An article that is not flagged for ``narrative`` and yet worth a look: a refutation, a report, a near miss.

    ``threshold`` is set where the score is just below it.
    """

    article_id: str
    title: str
    url: str | None
    outlet: str
    language: str
    fetched_at: datetime
    narrative: str
    score: float
    stance: Stance
    stance_score: float
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class FeedNote:
    """What is wrong with a feed as of the end of the day, in a sentence, and what to do about it."""

    feed_id: str
    outlet: str
    level: Literal["ok", "warning", "error"]
    state: str
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Gaps:
    """What the day's digest could not judge well.

    ``languages``: articles by language that the bundle was not trained on; ``pages``: pages of the day's articles that were
    not fetched, by outcome.
    """

    languages: tuple[tuple[str, int], ...] = ()
    pages: tuple[tuple[str, int], ...] = ()


# Bounds of the classes in which scores are counted; what is below the first is not listed at all.
SCORE_BOUNDS = (0.01, 0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True, slots=True)
class ScoreShift:
    """How a narrative's scores are spread now and before, as shares of the assessed articles by class of score.

    ``index`` is the population stability index, less what chance alone gives at these numbers of articles (never below 0).
    """

    narrative: str
    now: tuple[float, ...]
    before: tuple[float, ...]
    index: float
    is_moved: bool


@dataclass(frozen=True, slots=True)
class NewTerm:
    """A word in more articles than before: how many of the read ones, and whether the model knows its beginning."""

    term: str
    now: int
    before: int
    z: float
    is_known: bool


@dataclass(frozen=True, slots=True)
class Silent:
    """A narrative without a flag in the whole time; ``last`` is the last day with one that is known."""

    narrative: str
    last: date | None


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included, and the articles assessed in them: all, by language, and those whose text was read for terms."""

    first: date
    last: date
    assessed: int
    languages: Mapping[str, int]
    read: int
    unknown_words: float | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the store knows of a time: assessed articles by language, listed scores by class, and some of its texts."""

    languages: Mapping[str, int]
    scores: Mapping[str, Sequence[int]]
    texts: Sequence[Document]


@dataclass(frozen=True, slots=True)
class Drift:
    """The report. Scores are compared only where both periods have `MIN_ARTICLES`: ``is_comparable``."""

    bundle: str
    now: Period
    before: Period
    is_comparable: bool
    scores: tuple[ScoreShift, ...]
    terms: tuple[NewTerm, ...]
    silent: tuple[Silent, ...]


@dataclass(frozen=True, slots=True)
class Unfitting:
    """An article that no narrative fits; ``story`` is one for all its copies."""

    article_id: str
    story: str
    title: str
    text: str
    url: str
    outlet: str
    language: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A story that bursts and fits no narrative: its words, in how many stories, articles and outlets it stands, and examples."""

    terms: tuple[str, ...]
    stories: int
    articles: int
    outlets: int
    languages: tuple[str, ...]
    examples: tuple[Unfitting, ...]
