"""A store of any size, filled without a run: articles of many outlets over many days, assessed as a plan says.

Everything follows from the seed. Rows go straight into the store's tables, so that a million articles take a minute or two.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from monitor.storage.engine import open_engine
from monitor.storage.schema import articles, assessments, entries, feeds, narrative_scores, revisions, runs, visits
from tests.factories import BUNDLE, make_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

ZONE = "Europe/Kyiv"
NARRATIVES = tuple(f"narrative_{n:02}" for n in range(27))
CLAIMS = ("Жители района единогласно поддержали решение.", "Всё идёт по плану, сообщили в городе.", "Other places do worse.")
WORDS = [
    "город",
    "мост",
    "школа",
    "порт",
    "рынок",
    "парк",
    "театр",
    "дорога",
    "суд",
    "завод",
    "музей",
    "берег",
    "вокзал",
    "площадь",
    "район",
    "сад",
    "река",
    "дом",
    "поле",
    "лес",
]


@dataclass(frozen=True)
class Burst:
    """More flagged articles of one narrative on one day (counted from 0)."""

    narrative: str
    day: int
    articles: int


@dataclass(frozen=True)
class Plan:
    """What happens in the store. ``silent``: outlet and the day from which it gives nothing more. ``edited``: article and days."""

    first_day: date = date(2026, 5, 1)
    days: int = 30
    per_day: int = 2_000
    outlets: int = 40
    seed: int = 20140227
    dispersion: float = 0.2
    bursts: tuple[Burst, ...] = ()
    silent: tuple[int, int] | None = None
    edited: tuple[str, int, int] | None = None
    visits_a_day: int = 8
    body_words: int = 40
    bundle: str = BUNDLE
    narratives: tuple[str, ...] = NARRATIVES
    words: tuple[str, ...] = tuple(WORDS)
    weights: tuple[float, ...] | None = None
    rates: tuple[float, ...] = field(default=tuple(0.3 * 1.18**n for n in range(len(NARRATIVES))))

    @property
    def last_day(self) -> date:
        """The last day that has anything."""
        return self.first_day + timedelta(days=self.days - 1)


class _Filler:
    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection, self._plan = connection, plan
        self._random = random.Random(plan.seed)
        self._rows: dict[Any, list[dict[str, Any]]] = {}
        self._last = 0
        self._summed = list(accumulate(plan.weights)) if plan.weights else None

    def fill(self) -> None:
        plan = self._plan
        self._connection.execute(insert(feeds), [_feed_row(n) for n in range(plan.outlets)])
        for day in range(plan.days):
            self._fill_day(day)
        if plan.edited is not None:
            self._edit(*plan.edited)
        self._flush()

    def _choose(self, count: int) -> list[str]:
        return self._random.choices(self._plan.words, cum_weights=self._summed, k=count)

    def _add(self, table: Any, **row: Any) -> None:
        self._rows.setdefault(table, []).append(row)

    def _flush(self) -> None:
        for table in (articles, revisions, entries, assessments, narrative_scores, visits, runs):
            if rows := self._rows.pop(table, []):
                self._connection.execute(insert(table), rows)

    def _start(self, day: int) -> datetime:
        return datetime.combine(self._plan.first_day + timedelta(days=day), time(), ZoneInfo(ZONE)).astimezone(UTC)

    def _speaking(self, day: int) -> list[int]:
        silent = self._plan.silent
        return [n for n in range(self._plan.outlets) if silent is None or n != silent[0] or day < silent[1]]

    def _fill_day(self, day: int) -> None:
        plan, speaking = self._plan, self._speaking(day)
        flagged = list(self._draw_flagged(day))
        amount = int(plan.per_day * (0.65 if (plan.first_day + timedelta(days=day)).weekday() > 4 else 1.0))
        slots = [None] * max(0, amount - len(flagged)) + flagged
        self._random.shuffle(slots)
        first_of_day = self._last + 1
        for place, narrative in enumerate(slots):
            # Some articles are near copies of one of the hour before.
            can_copy = narrative is None and place > 60 and self._random.random() < 0.1
            cluster = first_of_day + place - self._random.randrange(1, 60) if can_copy else None
            at = self._start(day) + timedelta(seconds=int(86_000 * place / len(slots)))
            self._add_article(self._random.choice(speaking), at, narrative, cluster)
        self._add_visits(day, set(speaking))
        if len(self._rows[articles]) > 20_000:
            self._flush()

    def _draw_flagged(self, day: int) -> Iterator[str]:
        plan = self._plan
        share = plan.per_day / 2_000
        for narrative, rate in zip(plan.narratives, plan.rates, strict=True):
            mean = share * rate * self._random.gammavariate(1 / plan.dispersion, plan.dispersion)
            yield from [narrative] * _draw_poisson(self._random, mean)
        for burst in plan.bursts:
            if burst.day == day:
                yield from [burst.narrative] * burst.articles

    def _add_article(self, feed: int, at: datetime, narrative: str | None, cluster: int | None) -> None:
        self._last += 1
        row = self._last
        article_id = hashlib.sha256(f"article {row}".encode()).hexdigest()[:16]
        title = f"{' '.join(self._choose(5)).capitalize()} {row}"
        text = " ".join(self._choose(self._plan.body_words))
        sha256 = hashlib.sha256(title.encode()).hexdigest()
        feed_id, url = f"feed-{feed:02}", f"https://feed-{feed:02}.example/{row}"
        self._add(
            articles, id=row, article_id=article_id, identity=url, feed_id=feed_id, first_seen_at=at, current_revision=1,
            content_sha256=sha256, body_chars=len(text), cluster=cluster or row,
        )  # fmt: skip
        self._add(
            entries, feed_id=feed_id, key=url, article_id=article_id, owns_article=True, url=url, content_sha256=sha256,
            first_seen_at=at,
        )  # fmt: skip
        self._add_revision(row, article_id, 1, feed_id, at=at, texts=(title, text), narrative=narrative)

    def _add_revision(
        self,
        revision: int,
        article_id: str,
        number: int,
        feed_id: str,
        *,
        at: datetime,
        texts: tuple[str, str],
        narrative: str | None,
    ) -> None:
        title, text = texts
        claim = CLAIMS[revision % len(CLAIMS)]
        body = f"{claim} {text}" if narrative else text
        self._add(
            revisions, id=revision, article_id=article_id, number=number, feed_id=feed_id, is_variant=False,
            url=f"https://{feed_id}.example/{revision}", title=title, summary="", text=body,
            content_sha256=hashlib.sha256(body.encode()).hexdigest(), published_at=at, published_how="stated", fetched_at=at,
            source="feed",
        )  # fmt: skip
        self._add(
            assessments, revision_id=revision, bundle=self._plan.bundle, made_at=at, language="ru", flagged=narrative is not None
        )
        if narrative is not None:
            evidence = [{"field": "text", "start": 0, "end": len(claim), "text": claim}]
            self._add_score(revision, narrative, 0.9 + 0.09 * self._random.random(), "promotes", evidence, flagged=True)
        elif self._random.random() < 0.02:
            stance = self._random.choice(("reports", "refutes"))
            self._add_score(revision, self._random.choice(self._plan.narratives), 0.9, stance, [], flagged=False)
        self._add_score(revision, "unlikely", 0.05, "promotes", [], flagged=False)

    def _add_score(
        self, revision: int, narrative: str, score: float, stance: str, evidence: list[dict[str, Any]], *, flagged: bool
    ) -> None:
        self._add(
            narrative_scores, revision_id=revision, bundle=self._plan.bundle, narrative=narrative, score=round(score, 4),
            stance=stance, stance_score=0.9, is_carried=score > 0.5, flagged=flagged, evidence=evidence, terms=[],
        )  # fmt: skip

    def _add_visits(self, day: int, speaking: set[int]) -> None:
        plan, run_id = self._plan, f"run-{day}"
        for visit in range(plan.visits_a_day):
            at = self._start(day) + timedelta(hours=24 * visit / plan.visits_a_day)
            for feed in range(plan.outlets):
                gave = feed in speaking
                self._add(
                    visits, feed_id=f"feed-{feed:02}", run_id=run_id, visited_at=at, is_failure=False,
                    outcome="fetched" if gave else "not_modified", entries=20 if gave else 0, clipped=0, was_forced=False,
                )  # fmt: skip
        report = make_report(run_id, bundle=plan.bundle)
        values = {"started_at": report.started_at.isoformat(), "finished_at": report.finished_at.isoformat()}
        self._add(
            runs, run_id=run_id, started_at=self._start(day), finished_at=self._start(day) + timedelta(hours=23),
            day=plan.first_day + timedelta(days=day), bundle=plan.bundle, report=_report_values(report) | values,
        )  # fmt: skip

    def _edit(self, narrative: str, first: int, later: int) -> None:
        """An article that says nothing at first, and promotes a narrative after an edit."""
        at = self._start(first) + timedelta(hours=9)
        self._add_article(1, at, None, None)
        row = self._last
        article = self._rows[articles][-1]
        article["current_revision"] = 2
        title, text = self._rows[revisions][-1]["title"], self._rows[revisions][-1]["text"]
        self._last += 1
        later_at = self._start(later) + timedelta(hours=10)
        self._add_revision(self._last, article["article_id"], 2, "feed-01", at=later_at, texts=(title, text), narrative=narrative)
        assert row + 1 == self._last


def _report_values(report: Any) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415

    return asdict(report)


def _feed_row(number: int) -> dict[str, Any]:
    feed_id = f"feed-{number:02}"
    return {
        "feed_id": feed_id, "url": f"https://{feed_id}.example/rss", "outlet": f"Outlet {number:02}", "language": "ru",
        "kind": ("state", "occupation", "contrast")[number % 3], "enabled": True,
    }  # fmt: skip


def _draw_poisson(source: random.Random, mean: float) -> int:
    """By waiting times; means here are small."""
    count, waited = 0, source.expovariate(1.0)
    while waited < mean:
        count += 1
        waited += source.expovariate(1.0)
    return count


def fill_store(db_url: str, plan: Plan) -> None:
    """Make a store at ``db_url`` and fill it."""
    engine = open_engine(db_url)
    try:
        with engine.begin() as connection:
            _Filler(connection, plan).fill()
    finally:
        engine.dispose()
