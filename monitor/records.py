"""The values that the stages hand to each other. All are frozen; a new state is a new value.

``Feed → FetchedFeed | NotModified → ParsedFeed(Entry…) → Fresh | Revised | Duplicate | Seen → Assessment → Digest``

Times are aware datetimes in UTC. Scores are probabilities in 0..1. Offsets count characters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from monitor.errors import FetchError

Stance = Literal["promotes", "reports", "refutes"]
STANCES: tuple[Stance, ...] = ("promotes", "reports", "refutes")
FieldName = Literal["title", "summary", "text"]
FIELD_NAMES: tuple[FieldName, ...] = ("title", "summary", "text")
FullText = Literal["auto", "never", "always"]
OutletKind = Literal["state", "occupation", "pro_kremlin", "fringe", "contrast"]


@dataclass(frozen=True, slots=True)
class Feed:
    """One address to poll, and whose voice it is."""

    id: str
    url: str
    outlet: str
    language: str | None = None
    kind: OutletKind | None = None
    timezone: str | None = None
    proxy: str | None = None
    enabled: bool = True
    headers: tuple[tuple[str, str], ...] = ()
    full_text: FullText | None = None


@dataclass(frozen=True, slots=True)
class FeedState:
    """What the earlier visits to a feed left behind.

    ``etag`` and ``last_modified`` are the server's validators; ``not_before`` is when the next visit is due (None: now).
    ``moved_to`` is where a lasting redirect sends; ``failures`` and ``unchanged`` count the visits since the last one that
    succeeded, or that gave a whole document. ``rhythm_s`` is how many seconds the feed usually lets pass between two new
    items, ``last_new_at`` when it last had one, ``hint_s`` the seconds between visits that the document itself asks for.
    ``lies`` counts the 304 answers that a forced visit showed to be wrong; ``document_sha256`` is the last document's.
    """

    etag: str | None = None
    last_modified: str | None = None
    not_before: datetime | None = None
    moved_to: str | None = None
    failures: int = 0
    unchanged: int = 0
    rhythm_s: float | None = None
    hint_s: float | None = None
    last_new_at: datetime | None = None
    last_success_at: datetime | None = None
    lies: int = 0
    document_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What went over the wire, for the archive: ``body`` is the entity as sent, compressed where it was sent compressed."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class FetchedFeed:
    """A feed document as it came: ``body`` is decompressed, otherwise untouched; ``sha256`` is its hex digest.

    ``moved_to`` is set where every redirect on the way was a lasting one. ``was_forced``: no validators were sent although
    there were some, to see whether the server's 304 answers were true.
    """

    feed_id: str
    url: str
    status: int
    content_type: str | None
    body: bytes
    sha256: str
    etag: str | None
    last_modified: str | None
    fetched_at: datetime
    moved_to: str | None = None
    was_forced: bool = False
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server said 304: nothing new since the last visit."""

    feed_id: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class PageRequest:
    """An article's page to fetch. ``proxy`` and ``headers`` are those of its feed ``feed_id``."""

    article_id: str
    url: str
    proxy: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    feed_id: str = ""


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """An article's page as it came; fields as in `FetchedFeed`."""

    article_id: str
    url: str
    status: int
    content_type: str | None
    body: bytes
    sha256: str
    fetched_at: datetime
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class ExtractedPage:
    """The article in a page, as plain text. ``published_raw`` is the date as written there."""

    title: str
    text: str
    published_raw: str | None = None
    is_paywalled: bool = False
    canonical_url: str | None = None


@dataclass(frozen=True, slots=True)
class ArchiveRef:
    """Where a document lies in the archive: its place in the chain, the file, and the record's bytes in it."""

    sequence: int
    file: str
    offset: int
    length: int
    record_sha256: str


@dataclass(frozen=True, slots=True)
class ArchiveHead:
    """The end of the archive's chain."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One item as its feed gave it, as plain text.

    ``key`` identifies it within its feed. ``url`` is the link as found, made absolute; ``identity`` is what makes two
    entries the same article: the canonical URL, or feed and key where the link tells nothing.
    ``published_how`` says how ``published_at`` was arrived at. ``content_sha256`` covers title, summary and text.
    ``repairs`` names what had to be mended to read it, each with one of the words in the reference.
    """

    feed_id: str
    key: str
    identity: str
    url: str | None
    title: str
    summary: str
    text: str
    published_at: datetime
    published_how: str
    content_sha256: str
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """All entries of one document.

    ``rejected`` gives a reason for each item that held nothing to keep; ``degraded`` says what is wrong with a document
    that was read all the same. ``clipped`` counts the items beyond the cap, which were not read. ``hint_s`` is how many
    seconds the document itself asks to wait between visits (``ttl``, ``sy:updatePeriod``).
    """

    entries: tuple[Entry, ...]
    rejected: tuple[str, ...] = ()
    degraded: str | None = None
    clipped: int = 0
    hint_s: float | None = None


@dataclass(frozen=True, slots=True)
class KnownEntry:
    """What the store knows of an entry that came before."""

    key: str
    article_id: str
    content_sha256: str
    owns_article: bool
    is_vanished: bool = False


@dataclass(frozen=True, slots=True)
class KnownArticle:
    """What the store knows of an article that a new entry may belong to."""

    article_id: str
    content_sha256: str
    body_chars: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows that bears on the entries of some documents.

    ``entries`` by feed and key, ``articles`` by identity, ``by_content`` article ids by content hash; ``last_keys`` by feed are
    the keys of its document before this one, in its order.
    """

    entries: dict[tuple[str, str], KnownEntry] = field(default_factory=dict)
    articles: dict[str, KnownArticle] = field(default_factory=dict)
    by_content: dict[str, str] = field(default_factory=dict)
    last_keys: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """The entry is in the store as it is."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Fresh:
    """The entry is a new article. ``is_update``: the feed had this entry before, as a copy of another article."""

    entry: Entry
    article_id: str
    is_update: bool = False


@dataclass(frozen=True, slots=True)
class Revised:
    """The entry is a new revision of a stored article. ``is_update``: the feed had this entry before."""

    entry: Entry
    article_id: str
    is_update: bool


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The entry is a copy of a stored article. ``differs``: same address, but another (not richer) text, which is kept."""

    entry: Entry
    article_id: str
    is_update: bool
    differs: bool


Decided = Seen | Fresh | Revised | Duplicate


@dataclass(frozen=True, slots=True)
class TakenDocument:
    """A feed document with all that was made of it: what the store keeps in one step.

    ``vanished`` are the keys of entries that are newly missing from it, ``returned`` of those that were missing before.
    """

    fetched: FetchedFeed
    parsed: ParsedFeed
    decided: tuple[Decided, ...]
    vanished: tuple[str, ...]
    returned: tuple[str, ...]
    state: FeedState
    archive_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit that gave no document to keep. ``state`` is what it leaves behind."""

    feed_id: str
    outcome: NotModified | FetchError
    state: FeedState
    visited_at: datetime
    document_sha256: str | None = None
    archive_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class PageText:
    """What an article's page says: the fetched document's hash, and the text in it."""

    title: str
    text: str
    document_sha256: str
    archive_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """How fetching an article's page went. ``page`` is None where ``outcome`` is not ``fetched``.

    ``not_before`` is when to try again; None: this text of the article is done with. ``is_gone``: the page answered 404 or 410.
    """

    request: PageRequest
    at: datetime
    outcome: str
    message: str | None = None
    page: PageText | None = None
    not_before: datetime | None = None
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A text to classify. Absent fields are empty strings; ``lang`` is a hint and may be None."""

    id: str
    title: str = ""
    summary: str = ""
    text: str = ""
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that carried a score: characters ``start`` to ``end`` of the named field."""

    field: FieldName
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class NarrativeScore:
    """The model's answer for one narrative.

    ``is_carried``: its score is at or above the narrative's threshold; ``flagged``: it is carried, and the text promotes it.
    ``terms`` are the words that weighed most.
    """

    id: str
    score: float
    stance: Stance
    stance_score: float
    is_carried: bool
    flagged: bool
    evidence: tuple[Evidence, ...] = ()
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """The model's answer for one text: every narrative with a score worth listing, best first."""

    lang: str
    narratives: tuple[NarrativeScore, ...]

    @property
    def flagged(self) -> bool:
        """Whether any narrative is flagged."""
        return any(n.flagged for n in self.narratives)


@dataclass(frozen=True, slots=True)
class PendingRevision:
    """A stored revision that has no assessment by the bundle in use."""

    revision_id: int
    document: Document


class Mark(NamedTuple):
    """A passage that a person marked: characters ``start`` to ``end`` of the named field."""

    field: FieldName
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with its gold labels: narrative id → stance. ``group`` keeps variants of one text together.

    ``known`` are the narratives of which anything is said, carried or not (None: all); ``weight`` is what the text counts in
    training beside the corpus's 1; ``marks`` has the sentence that carries a narrative, where somebody marked it.
    """

    document: Document
    labels: dict[str, Stance]
    group: str
    kind: str = ""
    known: frozenset[str] | None = None
    weight: float = 1.0
    marks: Mapping[str, Mark] = field(default_factory=dict)
