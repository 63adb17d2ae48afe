"""Values for tests: each function gives a valid record; what a test is about, it names."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.records import (
    STANCES,
    Document,
    Entry,
    Evidence,
    Feed,
    FetchedFeed,
    LabelledText,
    NarrativeScore,
    Stance,
)
from monitor.reports import (
    Copy,
    DayCounts,
    Digest,
    DigestRow,
    FeedHealth,
    RunReport,
)
from monitor.stages.classify import STANCE_CUES, Calibration, Model, SecondStage
from monitor.stages.features import Vocabulary, fold_word, learn_vocabulary
from monitor.stages.stories import group_stories
from monitor.stages.windows import read_document
from monitor.text import hash_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.records import (
        Stance,
    )

NOON = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)
BUNDLE = "cb1-0123456789ab"


def make_feed(feed_id: str = "crimea-agency", **changes: Any) -> Feed:
    feed = Feed(feed_id, f"https://{feed_id}.example/rss", outlet=f"Outlet {feed_id}", language="ru", kind="occupation")
    return replace(feed, **changes)


def make_fetched(feed_id: str = "crimea-agency", body: bytes = b"<rss/>", **changes: Any) -> FetchedFeed:
    fetched = FetchedFeed(
        feed_id=feed_id,
        url=f"https://{feed_id}.example/rss",
        status=200,
        content_type="application/rss+xml",
        body=body,
        sha256=hashlib.sha256(body).hexdigest(),
        etag=None,
        last_modified=None,
        fetched_at=NOON,
    )
    return replace(fetched, **changes)


def make_entry(key: str = "e1", *, feed_id: str = "crimea-agency", title: str = "В Керчи открыли мост", **changes: Any) -> Entry:
    """An entry whose hash follows from its texts unless one is given."""
    url = changes.pop("url", f"https://{feed_id}.example/{key}")
    entry = Entry(
        feed_id=feed_id,
        key=key,
        identity=url or f"{feed_id} {key}",
        url=url,
        title=title,
        summary="",
        text="",
        published_at=NOON,
        published_how="feed",
        content_sha256="",
    )
    entry = replace(entry, **changes)
    return replace(entry, content_sha256=changes.get("content_sha256") or hash_texts(entry.title, entry.summary, entry.text))


def make_document(identifier: str = "d1", **fields: Any) -> Document:
    return Document(identifier, **fields)


def make_labelled(identifier: str = "t1", labels: dict[str, Stance] | None = None, **changes: Any) -> LabelledText:
    """A Russian headline, in a group of its own unless one is given; fields of the document are given by their names."""
    marks = {name: changes.pop(name) for name in ("group", "kind") if name in changes}
    document = Document(identifier, **{"title": f"Заголовок {identifier}", "lang": "ru", **changes})
    return LabelledText(document, labels or {}, **{"group": identifier, **marks})


def make_score(narrative: str = "fake_loyalty", score: float = 0.9, **changes: Any) -> NarrativeScore:
    """A flagged score."""
    return replace(NarrativeScore(narrative, score, "promotes", 0.8, is_carried=True, flagged=True), **changes)


def make_row(article_id: str = "a1", *, title: str = "Жители единогласно поддержали", **changes: Any) -> DigestRow:
    """A flagged article whose evidence is its whole title."""
    row = DigestRow(
        article_id=article_id,
        revision=1,
        url=f"https://crimea-agency.example/{article_id}",
        title=title,
        summary="",
        text="",
        outlet="Вести полуострова",
        feed_id="crimea-agency",
        kind="occupation",
        language="ru",
        published_at=NOON,
        published_how="feed",
        fetched_at=NOON,
        sha256="0" * 64,
        copies=(Copy("crimea-agency", "Вести полуострова", f"https://crimea-agency.example/{article_id}", NOON),),
        narratives=(make_score(evidence=(Evidence("title", 0, len(title), title),)),),
    )
    return replace(row, **changes)


def make_health(feed_id: str = "crimea-agency", *, visits: int = 1, failures: int = 0, **changes: Any) -> FeedHealth:
    health = FeedHealth(
        feed_id=feed_id,
        outlet=f"Outlet {feed_id}",
        url=f"https://{feed_id}.example/rss",
        language="ru",
        enabled=True,
        visits=visits,
        failures=failures,
        last_outcome="fetched" if visits else None,
        last_message=None,
        entries=3,
    )
    return replace(health, **changes)


def make_report(run_id: str = "r1", **changes: Any) -> RunReport:
    return replace(RunReport(run_id, NOON, NOON, BUNDLE), **changes)


def make_digest(*rows: DigestRow, **changes: Any) -> Digest:
    digest = Digest(
        day=date(2026, 5, 14),
        timezone="Europe/Kyiv",
        bundle=BUNDLE,
        counts=DayCounts(len(rows), len(rows), 0, 0, 0, 0),
        stances=(),
        rows=rows,
        stories=group_stories(rows, start=NOON - timedelta(hours=12)),
        health=(make_health(),),
        runs=1,
        last_run=make_report(),
    )
    return replace(digest, **changes)


def make_vocabulary(prefixes: tuple[str, ...] = (), groups: tuple[str, ...] = (), idf: Sequence[float] | None = None) -> Vocabulary:
    """Features that weigh 1 each unless ``idf`` says otherwise."""
    return Vocabulary(prefixes, groups, np.array(idf or [1.0] * (len(prefixes) + len(groups)), dtype=np.float32))


def make_model(
    narratives: dict[str, tuple[str, ...]] | None = None,
    *,
    refuting: tuple[str, ...] = ("фейк",),
    threshold: float = 0.5,
    bundle_id: str = BUNDLE,
    second: SecondStage | None = None,
) -> Model:
    """A model that knows a few five-letter prefixes: alone in a window, each adds 6 to its narrative's margin of -3.

    Texts with a ``refuting`` prefix refute, all others promote.
    """
    chosen = narratives or {"fake_loyalty": ("едино",), "crimea_always_russian": ("исток", "гаван")}
    prefixes = tuple(sorted({prefix for known in chosen.values() for prefix in known} | set(refuting)))
    claims = [[6.0 if prefix in known else 0.0 for known in chosen.values()] for prefix in prefixes]
    stances = [[0.0, 0.0, 9.0 if prefix in refuting else 0.0] for prefix in prefixes]
    return Model(
        bundle_id=bundle_id,
        narratives=tuple(chosen),
        vocabulary=make_vocabulary(prefixes),
        weights=np.hstack([np.array(claims), np.array(stances)]).astype(np.float32),
        claims_intercept=np.full(len(chosen), -3, dtype=np.float32),
        calibration=make_calibration(len(chosen)),
        thresholds=np.full(len(chosen), threshold),
        stance_intercept=np.array([2, 0, 0], dtype=np.float32),
        stance_cues=np.zeros((STANCE_CUES, len(STANCES)), dtype=np.float32),
        min_promotes=0.5,
        min_promotes_contested=0.5,
        second=second,
    )


def make_calibration(narratives: int = 2, *, slope: float = 1.0, offset: float = 0.0) -> Calibration:
    """Leaves margins as they are unless told otherwise."""
    return Calibration(np.full(narratives, slope, dtype=np.float32), np.full(narratives, offset, dtype=np.float32))


def make_second_stage(claims: Sequence[Sequence[float]] = ((0.0, 0.0),), **changes: Any) -> SecondStage:
    """A second stage whose margins (``claims``: dimensions x narratives) count as much as the first one's."""
    weights = np.array(claims, dtype=np.float32)
    count = weights.shape[1]
    stage = SecondStage(
        encoder="fake-encoder",
        claims=weights,
        claims_intercept=np.zeros(count, dtype=np.float32),
        weight=1.0,
        calibration=make_calibration(count),
        thresholds=np.full(count, 0.5),
    )
    return replace(stage, **changes)


def make_random_model(documents: Sequence[Document], seed: int = 1, *, narratives: int = 2, min_texts: int = 1) -> Model:
    """A model that knows every word of some texts, with weights as uneven as trained ones."""
    random = np.random.default_rng(seed)
    readings = [read_document(document) for document in documents]
    folded = [[[fold_word(word) for word in words] for words in reading.words] for reading in readings]
    vocabulary = learn_vocabulary(folded, min_texts=min_texts)

    def draw(*shape: int) -> Any:
        return random.normal(size=shape).astype(np.float32)

    return Model(
        bundle_id=BUNDLE,
        narratives=tuple(f"n{k}" for k in range(narratives)),
        vocabulary=vocabulary,
        weights=3 * draw(len(vocabulary), narratives + len(STANCES)),
        claims_intercept=draw(narratives),
        calibration=make_calibration(narratives),
        thresholds=np.full(narratives, 0.5),
        stance_intercept=draw(len(STANCES)),
        stance_cues=draw(STANCE_CUES, len(STANCES)),
        min_promotes=0.5,
        min_promotes_contested=0.9,
    )


def make_labelled_text(identifier: str, text: str = "", **changes: Any) -> LabelledText:
    """A text without labels, in a group of its own."""
    document = Document(identifier, title=changes.pop("title", ""), text=text, lang=changes.pop("lang", "ru"))
    return replace(LabelledText(document, {}, group=identifier), **changes)


def make_corpus(texts: int = 30) -> tuple[LabelledText, ...]:
    """Two narratives with ``texts`` promoting and half as many reporting and refuting texts each, and as many on neither."""
    said: dict[Stance, str] = {
        "promotes": "{claim} и это навсегда, радуется житель номер {n}.",
        "reports": "Губернатор заявил, что {claim}, передаёт газета номер {n}.",
        "refutes": "Это неправда, что {claim}: снимок номер {n} подделан.",
    }
    claims = {"fake_loyalty": "жители единогласно проголосовали", "crimea_always_russian": "полуостров вернулся в родную гавань"}
    found = [
        make_labelled_text(f"{name}-{stance}-{n}", form.format(claim=claim, n=n * 7), labels={name: stance}, kind=stance)
        for name, claim in claims.items()
        for stance, form in said.items()
        for n in range(texts if stance == "promotes" else texts // 2)
    ]
    found += [make_labelled_text(f"none-{n}", f"Утром дождь, автобус номер {n * 7} опоздал.", kind="general") for n in range(texts)]
    found += [make_labelled_text(f"near-{n}", f"Жители посёлка ждут паром номер {n * 7}.", kind="near_miss") for n in range(texts)]
    return tuple(found)
