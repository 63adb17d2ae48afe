"""What analysts do: accounts, the items they are asked about, and their decisions.

All are frozen. Times are aware datetimes in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date, datetime

    from monitor.records import Document, FieldName, Stance

Role = Literal["analyst", "lead"]
ROLES: tuple[Role, ...] = ("analyst", "lead")
# `undo` takes back the decision that it supersedes; it is never an answer.
Verdict = Literal["confirm", "reject", "unsure", "skip", "undo"]
ANSWERS: tuple[Verdict, ...] = ("confirm", "reject", "unsure", "skip")
# `certain` and `uncertain` are the queue's orders, `sample` its random share, `second` a second opinion, `chosen` what an analyst
# looked up, `imported` what was decided elsewhere.
Scheme = Literal["certain", "uncertain", "sample", "second", "chosen", "imported"]
Order = Literal["certain", "uncertain", "sample", "second"]
ORDERS: tuple[Order, ...] = ("certain", "uncertain", "sample", "second")
ItemState = Literal["open", "second", "decided", "closed"]


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in; ``disabled_at`` is when that ended."""

    id: int
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in that still holds."""

    account: Account
    language: str
    expires_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """A passage that an analyst marked: characters ``start`` to ``end`` of the named field of the revision."""

    field: FieldName
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """What an analyst is asked of a text: whether it carries ``narrative`` (empty: any), and with this stance.

    The ranks order the queue, the smallest first. ``probability`` is that of being in the random share by its rank 1.
    """

    narrative: str
    score: float
    stance: Stance | None
    flagged: bool
    rank_certain: float
    rank_uncertain: float
    rank_sample: float
    probability: float
    is_sampled: bool
    wants_second: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One question on one revision of one article. ``version`` is the id of the last decision on it, 0 where there is none."""

    id: int
    article_id: str
    revision: int
    bundle: str
    narrative: str
    score: float
    stance: Stance | None
    flagged: bool
    is_sampled: bool
    probability: float
    state: ItemState
    version: int


@dataclass(frozen=True, slots=True)
class QueueRow:
    """An item as the queue lists it. ``rank`` and ``id`` say where the next page begins; ``copies`` counts its cluster."""

    id: int
    article_id: str
    title: str
    outlet: str
    language: str | None
    narrative: str
    score: float
    stance: Stance | None
    flagged: bool
    first_seen_at: datetime
    rank: float
    copies: int


@dataclass(frozen=True, slots=True)
class Filters:
    """Which items a queue holds. None: all."""

    narrative: str | None = None
    language: str | None = None
    feed_id: str | None = None
    day: date | None = None
    flagged: bool = False

    @property
    def is_selective(self) -> bool:
        """Whether what is left is no longer a fair draw of a narrative's items."""
        return any((self.language, self.feed_id, self.day))


@dataclass(frozen=True, slots=True)
class Answer:
    """What an analyst says of an item. ``narrative`` and ``stance`` are set with the verdict ``confirm`` only."""

    verdict: Verdict
    narrative: str | None = None
    stance: Stance | None = None
    span: Span | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer as it was recorded.

    ``asked`` is the narrative that was asked about; ``is_live``: no later one takes its place; ``flagged``: the text was flagged
    with it when it was asked.
    """

    id: int
    article_id: str
    revision: int
    asked: str
    bundle: str
    account_id: int
    account: str
    made_at: datetime
    answer: Answer
    scheme: Scheme
    probability: float | None
    supersedes: int | None
    is_live: bool = True
    title: str = ""
    item_id: int | None = None
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class DecidedText:
    """A revision of an article with its live decisions, the earliest first. ``group`` is one for all copies of its story."""

    document: Document
    group: str
    decisions: tuple[Decision, ...]


# Of what was answered elsewhere: recorded; recorded before; the article or revision is not stored; its text is another one.
ImportOutcome = Literal["decided", "known", "unknown", "changed"]


@dataclass(frozen=True, slots=True)
class ImportedAnswers:
    """One person's answers, given elsewhere, on one revision: each narrative asked about, with what they said.

    ``where`` names them for messages; ``author`` is the person as the other program names them; ``sha256`` is the hash of the
    text that they saw.
    """

    where: str
    article_id: str
    revision: int
    sha256: str
    bundle: str
    author: str
    made_at: datetime
    answers: tuple[tuple[str, Answer], ...]


@dataclass(frozen=True, slots=True)
class Basis:
    """What the analyst had before their eyes: the number of the revision, and the last decision on the item (0: none)."""

    revision: int
    version: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision was recorded under this id."""

    decision_id: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing was recorded: the item changed after the analyst saw it."""

    reason: Literal["revision", "decision", "closed"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A decided item of the random share: what was asked, the answer, and the chance that it had to be drawn."""

    asked: str
    flagged: bool
    answer: Answer
    probability: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its 95 % interval, from ``count`` decisions."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two analysts' answers on the same items of a narrative: Cohen's kappa (None where it is not defined)."""

    narrative: str
    pairs: int
    agreed: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class DayCount:
    """Items of a narrative first seen on a day: how many were flagged, and how many of these are decided, and confirmed."""

    day: date
    narrative: str
    flagged: int
    decided: int
    confirmed: int
