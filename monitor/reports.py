"""What is told of runs, days and articles: the values behind ``run.json``, the digest and `monitor explain`.

All are frozen. Times are aware datetimes in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.dayreports import Comparison, Gaps, Trends

if TYPE_CHECKING:
    from datetime import date, datetime

    from monitor.dayreports import FeedNote, Mention, Precision
    from monitor.records import NarrativeScore


@dataclass(frozen=True, slots=True)
class RunError:
    """One thing that went wrong in a run without stopping it."""

    feed_id: str | None
    url: str | None
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """What else a found text must be; empty and None do not filter.

    ``since`` and ``until`` (itself left out) bound when it was fetched.
    """

    narratives: tuple[str, ...] = ()
    stance: str | None = None
    outlets: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    flagged: bool | None = None
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class SearchHit:
    """The newest text of an article that fits a search, with the bundle's answer; ``narratives`` are those at their threshold."""

    revision_id: int
    article_id: str
    revision: int
    url: str | None
    title: str
    summary: str
    text: str
    outlet: str
    feed_id: str
    language: str | None
    fetched_at: datetime
    flagged: bool
    narratives: tuple[NarrativeScore, ...]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Some of the articles found. ``total`` counts articles, up to a limit (``is_more``); ``next`` asks for the following page."""

    total: int
    is_more: bool
    hits: tuple[SearchHit, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class UntoldArticle:
    """A flagged article that a channel was not told of yet, with its best narrative."""

    article_id: str
    title: str
    outlet: str
    narrative: str
    score: float


@dataclass(frozen=True, slots=True)
class FeedCounts:
    """Feeds of a run: ``due = fetched + not_modified + failed``; ``skipped`` asked to be left alone for now."""

    due: int = 0
    fetched: int = 0
    not_modified: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class EntryCounts:
    """Entries of a run: ``parsed = new + updated + seen + rejected``."""

    parsed: int = 0
    new: int = 0
    updated: int = 0
    seen: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class ArticleCounts:
    """``stored + duplicates`` equals the run's new and updated entries."""

    stored: int = 0
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class PageCounts:
    """Article pages of a run: ``due = fetched + failed``; ``revised`` of the fetched ones gave their article a richer text."""

    due: int = 0
    fetched: int = 0
    failed: int = 0
    revised: int = 0


@dataclass(frozen=True, slots=True)
class AssessmentCounts:
    """``pending`` and ``failed`` are what the store holds at the end of the run, for the bundle in use.

    ``rescored`` of those made were of earlier days, and made after the digest was written.
    """

    made: int = 0
    pending: int = 0
    failed: int = 0
    rescored: int = 0


@dataclass(frozen=True, slots=True)
class BackfillCounts:
    """What a file held: each row is new, an update, seen before, a copy of another article, or rejected."""

    rows: int = 0
    new: int = 0
    updated: int = 0
    seen: int = 0
    copies: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How many lines or records of a file are done, and what they held."""

    units: int = 0
    is_finished: bool = False
    counts: BackfillCounts = BackfillCounts()


@dataclass(frozen=True, slots=True)
class ScoringReport:
    """What was assessed outside of a run. ``pending`` still wait, of those that do not are ``failed`` in the whole store."""

    bundle: str
    engine: str
    jobs: int
    assessed: int
    flagged: int
    pending: int
    failed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """What was done with each file, how long reading took, and what was assessed. ``rejects`` name the first rows rejected."""

    files: dict[str, BackfillProgress]
    rejects: tuple[str, ...]
    read_seconds: float
    scoring: ScoringReport | None


@dataclass(frozen=True, slots=True)
class RunReport:
    """What one run did; it adds up, and is ``run.json`` in the digest folder."""

    run_id: str
    started_at: datetime
    finished_at: datetime
    bundle: str
    feeds: FeedCounts = FeedCounts()
    entries: EntryCounts = EntryCounts()
    articles: ArticleCounts = ArticleCounts()
    pages: PageCounts = PageCounts()
    assessments: AssessmentCounts = AssessmentCounts()
    flagged: int = 0
    errors: tuple[RunError, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """One feed on one day: how its visits went and what is known of it."""

    feed_id: str
    outlet: str
    url: str
    language: str | None
    enabled: bool
    visits: int
    failures: int
    last_outcome: str | None
    last_message: str | None
    entries: int


@dataclass(frozen=True, slots=True)
class Copy:
    """One place where an article was seen."""

    feed_id: str
    outlet: str
    url: str | None
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class DigestRow:
    """One article of a day as the digest shows it.

    ``copies`` are all sights of it and its near copies, the first one first; ``cluster_id`` is the id of the article of that one.
    ``archive_sequence``: the archive's record of the document that first held this text. ``decision``: what analysts say of the
    cluster's first article, ``confirmed``, ``rejected``, ``unsure`` or ``disputed``; None where nobody decided.
    """

    article_id: str
    revision: int
    url: str | None
    title: str
    summary: str
    text: str
    outlet: str
    feed_id: str
    kind: str | None
    language: str
    published_at: datetime
    published_how: str
    fetched_at: datetime
    sha256: str
    copies: tuple[Copy, ...]
    narratives: tuple[NarrativeScore, ...]
    cluster_id: str = ""
    archive_sequence: int | None = None
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class RankedRevision:
    """A revision that an export is going to hold, and when it was fetched."""

    revision_id: int
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An article of a day for other programs. ``bundle`` is None where no assessment of it is there."""

    day: date
    article: DigestRow
    bundle: str | None


@dataclass(frozen=True, slots=True)
class DayCounts:
    """Articles of a day: ``articles = flagged + unflagged + pending + failed``."""

    articles: int
    flagged: int
    unflagged: int
    pending: int
    failed: int
    copies: int


@dataclass(frozen=True, slots=True)
class StanceCount:
    """How many articles of a day carry a narrative at or above its threshold, by stance."""

    narrative: str
    promotes: int
    reports: int
    refutes: int


@dataclass(frozen=True, slots=True)
class NarrativeEdit:
    """An edit after which an article promotes other narratives than before. Both texts are revisions from the same source."""

    article_id: str
    title: str
    url: str | None
    outlet: str
    edited_at: datetime
    before_revision: int
    revision: int
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    before_text: str
    text: str


@dataclass(frozen=True, slots=True)
class Removal:
    """An article that its feed no longer lists although it lists older ones, or whose page is gone (``is_page``)."""

    article_id: str
    title: str
    url: str | None
    outlet: str
    removed_at: datetime
    is_page: bool
    narratives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What outlets did to their articles on one day. ``removals`` are those of flagged articles, ``removed`` counts all."""

    edits: tuple[NarrativeEdit, ...] = ()
    removals: tuple[Removal, ...] = ()
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """One cluster with its flagged articles of the day.

    ``rows`` has them best first, ``copies`` every sight of the cluster up to the end of the day, the first one first;
    ``new_copies`` of these were first seen on the day.
    """

    id: str
    rows: tuple[DigestRow, ...]
    copies: tuple[Copy, ...]
    new_copies: int

    @property
    def lead(self) -> DigestRow:
        """The article with the highest flagged score, which stands for the story."""
        return self.rows[0]

    @property
    def narrative(self) -> str:
        """The strongest flagged narrative of the lead."""
        return next(score.id for score in self.lead.narratives if score.flagged)


@dataclass(frozen=True, slots=True)
class Digest:
    """Everything that a day's digest says; rendering adds nothing to it. With ``since`` it is of all days from then to ``day``."""

    day: date
    timezone: str
    bundle: str
    counts: DayCounts
    stances: tuple[StanceCount, ...]
    rows: tuple[DigestRow, ...]
    health: tuple[FeedHealth, ...]
    runs: int
    last_run: RunReport | None
    changes: Changes = Changes()
    since: date | None = None
    stories: tuple[Story, ...] = ()
    trends: Trends = field(default_factory=Trends)
    comparison: Comparison = field(default_factory=Comparison)
    near: tuple[Mention, ...] = ()
    counters: tuple[Mention, ...] = ()
    feed_notes: tuple[FeedNote, ...] = ()
    gaps: Gaps = field(default_factory=Gaps)
    precision: tuple[Precision, ...] = ()
    # Articles of the days before that trends are held against, which the bundle has not seen.
    waiting: int = 0

    @property
    def span(self) -> str:
        """The day, or first and last day with ``_`` between: the name of the digest's folder."""
        return f"{self.since.isoformat()}_{self.day.isoformat()}" if self.since else self.day.isoformat()


@dataclass(frozen=True, slots=True)
class StoredAssessment:
    """What one bundle said of one revision, or why it could not say anything."""

    bundle: str
    made_at: datetime
    language: str | None
    failure: str | None
    narratives: tuple[NarrativeScore, ...]


@dataclass(frozen=True, slots=True)
class RevisionHistory:
    """One text that an article had. ``document_sha256`` is the fetched document's that first held it."""

    number: int
    feed_id: str
    outlet: str
    is_variant: bool
    url: str | None
    title: str
    summary: str
    text: str
    sha256: str
    document_sha256: str | None
    published_at: datetime
    published_how: str
    fetched_at: datetime
    assessments: tuple[StoredAssessment, ...]
    source: str = "feed"
    repairs: tuple[str, ...] = ()
    archive_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class PageState:
    """How the last try to fetch an article's page went."""

    tried_at: datetime
    outcome: str
    message: str | None
    tries: int


@dataclass(frozen=True, slots=True)
class ArticleHistory:
    """One article's whole way: where it was seen, every text it had, and what was said of each."""

    article_id: str
    identity: str
    current_revision: int
    copies: tuple[Copy, ...]
    revisions: tuple[RevisionHistory, ...]
    vanished_at: datetime | None = None
    gone_at: datetime | None = None
    page: PageState | None = None
