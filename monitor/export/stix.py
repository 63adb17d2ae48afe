"""STIX 2.1 bundles, with the objects for information manipulation as OpenCTI names them.

Ids are UUIDv5 of what identifies the thing; those of narratives, channels and articles are OpenCTI's, so that it finds them again.
Times come from the rows, so the same rows give the same bytes. ``start_time`` binds a flag to the revision that it was seen in.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from monitor.export.decisions import read_verdict
from monitor.export.disarm import suggest_techniques
from monitor.export.ids import make_own_uuid, make_uuid
from monitor.export.selection import SOURCE, DayRows, Selection, describe_score, list_flagged, make_headline, make_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from monitor.codebook import Codebook
    from monitor.records import NarrativeScore
    from monitor.reports import DigestRow, ExportRow

    StixObject = dict[str, Any]

NEW_SDO = {"extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba": {"extension_type": "new-sdo"}}
SCO_EXTENSION = "extension-definition--f93e2c80-4231-4f9a-af8b-95c9bd566a82"
# What does not come from a row has no time of its own. It must be the same in every export.
TIMELESS = "2014-02-27T00:00:00.000Z"
NOT_A_FACT = (
    "The DISARM techniques among the labels are suggested for the narrative, not found; a text shows no coordination or intent."
)


def export_stix(selection: Selection, days: Iterable[DayRows]) -> Iterator[bytes]:
    """A bundle: the producer, then day by day what is new in it, and the day's report. Give the latest day first.

    An article that stands in several days is one media-content, as in the day that came first.
    """
    bundle_id = make_own_uuid("stix", selection.span, selection.bundle, selection.title)
    yield f'{{"type":"bundle","id":"bundle--{bundle_id}","objects":[\n'.encode()
    yield _dump(PRODUCER)
    writer = _Writer(selection)
    for day in days:
        for found in writer.write_day(day):
            yield b",\n" + _dump(found)
    yield b"\n]}\n"


def _dump(found: StixObject) -> bytes:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def make_named_id(kind: str, name: str) -> str:
    """The id of a thing that its name identifies."""
    return f"{kind}--{make_uuid({'name': name.lower().strip()})}"


def _make(kind: str, identifier: str, at: str, **properties: Any) -> StixObject:
    """A domain or relationship object. Properties without a value are left out."""
    head = {"type": kind, "spec_version": "2.1", "id": identifier}
    by = {} if kind == "identity" else {"created_by_ref": PRODUCER_ID}
    return head | by | {"created": at, "modified": at} | {name: value for name, value in properties.items() if value}


PRODUCER_ID = f"identity--{make_uuid({'identity_class': 'system', 'name': SOURCE})}"
PRODUCER = _make(
    "identity",
    PRODUCER_ID,
    TIMELESS,
    name=SOURCE,
    identity_class="system",
    description="Finds known narratives in news feeds. Scores and stances are a model's answers; opinions are analysts' decisions.",
)


def make_relationship(source: str, kind: str, target: str, at: str, **properties: Any) -> StixObject:
    """``source`` ``kind`` ``target``, as seen first at ``at``; a timeless one has no ``start_time``."""
    ends = {"relationship_type": kind, "source_ref": source, "target_ref": target}
    start = {} if at == TIMELESS else {"start_time": at}
    return _make("relationship", f"relationship--{make_uuid(ends | start)}", at, **ends, **start, **properties)


def make_narrative(codebook: Codebook, narrative: str) -> Iterator[StixObject]:
    """A narrative of the codebook, the group that it belongs to, and how they hang together."""
    known = next((one for one in codebook.narratives if one.id == narrative), None)
    techniques = suggest_techniques(narrative)
    names = [name for name in (known.names.values() if known else ()) if name != codebook.name_of(narrative)]
    made = _make(
        "narrative",
        make_named_id("narrative", codebook.name_of(narrative)),
        TIMELESS,
        name=codebook.name_of(narrative),
        description=" ".join([known.definition if known else "", *([NOT_A_FACT] if techniques else [])]).strip(),
        aliases=[narrative, *names],
        labels=list(techniques),
        extensions=NEW_SDO,
    )
    yield made
    if known and known.group in codebook.groups:
        name = codebook.groups[known.group].get("en", known.group)
        parent = make_named_id("narrative", name)
        yield _make("narrative", parent, TIMELESS, name=name, aliases=[known.group], extensions=NEW_SDO)
        yield make_relationship(made["id"], "subnarrative-of", parent, TIMELESS)


def make_channel(article: DigestRow) -> StixObject:
    """The outlet."""
    name = article.outlet.strip() or article.feed_id
    return _make("channel", make_named_id("channel", name), TIMELESS, name=name, channel_types=["website"], extensions=NEW_SDO)


def make_media_content(row: ExportRow) -> StixObject:
    """The article. OpenCTI tells them apart by their address; one without gets a URN of its id."""
    article = row.article
    url = article.url or f"urn:{SOURCE}:article:{article.article_id}"
    reference = {"source_name": SOURCE, "external_id": f"{article.article_id}/{article.revision}"}
    extension = {
        "extension_type": "new-sco",
        "created_by_ref": PRODUCER_ID,
        "labels": [f"language:{article.language}", *([f"outlet:{article.kind}"] if article.kind else [])],
        "description": f"Revision {article.revision}; SHA-256 of title, summary and text: {article.sha256}",
        "external_references": [reference],
    }
    content = {
        "type": "media-content",
        "spec_version": "2.1",
        "id": f"media-content--{make_uuid({'url': url})}",
        "title": article.title,
        "content": "\n\n".join(part for part in (article.summary, article.text) if part),
        "media_category": "article",
        "url": url,
        "publication_date": _stamp(article.published_at),
        "extensions": {SCO_EXTENSION: extension},
    }
    return {name: value for name, value in content.items() if value}


def make_opinion(row: ExportRow, values: Mapping[str, Any], refs: list[str]) -> StixObject | None:
    """An analyst's decision on what the model said of the article; None where there is none."""
    verdict = read_verdict(values)
    if verdict is None:
        return None
    at = _stamp(datetime.fromisoformat(verdict.at).astimezone(UTC) if verdict.at else row.article.fetched_at)
    identifier = make_own_uuid("opinion", row.article.article_id, row.article.revision, verdict.author, at)
    return _make(
        "opinion",
        f"opinion--{identifier}",
        at,
        opinion=verdict.opinion,
        explanation=": ".join(part for part in (verdict.verdict, verdict.note) if part),
        authors=[verdict.author] if verdict.author else [],
        object_refs=refs,
    )


class _Writer:
    """Gives each object once, and to every day its report on all that the day holds."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._given: set[str] = set()
        self._narratives = {
            narrative.id: tuple(make_narrative(selection.codebook, narrative.id)) for narrative in selection.codebook.narratives
        }

    def write_day(self, day: DayRows) -> Iterator[StixObject]:
        """The objects of one day that were not given before, its report last. A day without rows has none."""
        refs: dict[str, None] = {}
        for row in day.rows:
            for found in self._make_row(row):
                refs[found["id"]] = None
                if found["id"] not in self._given:
                    self._given.add(found["id"])
                    yield found
        if refs:
            yield self._make_report(day, list(refs))

    def _make_row(self, row: ExportRow) -> Iterator[StixObject]:
        article = row.article
        channel, content = make_channel(article), make_media_content(row)
        yield channel
        yield content
        yield make_relationship(channel["id"], "publishes", content["id"], _stamp(article.published_at))
        claims = []
        for score in list_flagged(row):
            narrative = self._find_narrative(score.id)
            yield from narrative
            claim = self._make_claim(row, score, content["id"], narrative[0]["id"])
            claims.append(claim["id"])
            yield claim
            yield make_relationship(channel["id"], "uses", narrative[0]["id"], TIMELESS)
        opinion = make_opinion(row, make_values(row), claims or [content["id"]])
        if opinion is not None:
            yield opinion

    def _find_narrative(self, narrative: str) -> tuple[StixObject, ...]:
        if narrative not in self._narratives:
            self._narratives[narrative] = tuple(make_narrative(self._selection.codebook, narrative))
        return self._narratives[narrative]

    def _make_claim(self, row: ExportRow, score: NarrativeScore, content: str, narrative: str) -> StixObject:
        return make_relationship(
            content,
            "uses",
            narrative,
            _stamp(row.article.fetched_at),
            confidence=round(100 * score.score),
            description=f"{make_headline(row.article)}\n{describe_score(score, score.id)}",
            labels=[f"stance:{score.stance}", f"bundle:{row.bundle}"],
        )

    def _make_report(self, day: DayRows, refs: list[str]) -> StixObject:
        selection = self._selection
        name = f"{selection.title}, {day.day}"
        published = _stamp(day.starts_at)
        report = _make(
            "report",
            f"report--{make_uuid({'name': name.lower().strip(), 'published': published})}",
            published,
            name=name,
            description=f"{day.count} articles of {day.day} ({selection.timezone}), by bundle {selection.bundle}. "
            "A model's answers; where an analyst decided, there is an opinion.",
            report_types=["observed-data"],
            published=published,
            object_refs=refs,
        )
        return report | {"modified": _stamp(max(day.latest_at or day.starts_at, day.starts_at))}
