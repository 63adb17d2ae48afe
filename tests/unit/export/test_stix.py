import json
import uuid
from collections import Counter
from datetime import timedelta

import pytest
import stix2
import stix2validator
from stix2.canonicalization.Canonicalize import canonicalize

from monitor.export.ids import make_uuid
from monitor.export.selection import list_flagged, make_values
from monitor.export.stix import export_stix, make_named_id, make_opinion
from tests.factories import NOON, make_score
from tests.unit.export.texts import CODEBOOK, DAY, HOSTILE, export_bytes, make_export_row, make_hostile_rows


def read_objects(content: bytes) -> dict[str, dict]:
    objects = json.loads(content)["objects"]
    by_id = {found["id"]: found for found in objects}
    assert len(by_id) == len(objects)
    return by_id


def find(objects: dict[str, dict], kind: str) -> list[dict]:
    return [found for found in objects.values() if found["type"] == kind]


def find_relations(objects: dict[str, dict], kind: str, source: str) -> list[dict]:
    return [
        found
        for found in find(objects, "relationship")
        if found["relationship_type"] == kind and found["source_ref"].startswith(source)
    ]


def test_the_bundle_is_valid_and_stix2_reads_all_of_it():
    content = export_bytes(export_stix, make_hostile_rows())
    options = stix2validator.ValidationOptions(version="2.1")
    result = stix2validator.validate_string(content.decode(), options)
    assert result.is_valid, result.errors
    parsed = stix2.parse(content.decode(), allow_custom=True)
    assert len(parsed.objects) == len(read_objects(content))


def test_every_row_comes_back_with_its_outlet_address_text_and_narratives():
    rows = make_hostile_rows()
    objects = read_objects(export_bytes(export_stix, rows))
    by_url = {found["url"]: found for found in find(objects, "media-content")}
    links = find_relations(objects, "publishes", "channel")
    outlets = {link["target_ref"]: objects[link["source_ref"]]["name"] for link in links}
    claims = find_relations(objects, "uses", "media-content")
    assert len(by_url) == len(rows)
    for row in rows:
        article = row.article
        content = by_url[article.url]
        assert (content.get("title", ""), content["content"]) == (article.title, article.text)
        # An outlet is known by its name in lower case; one without a name by its feed.
        assert outlets[content["id"]].lower() == (article.outlet.strip() or article.feed_id).lower()
        told = {
            (objects[claim["target_ref"]]["name"], claim["confidence"]) for claim in claims if claim["source_ref"] == content["id"]
        }
        assert told == {(CODEBOOK.name_of(score.id), round(100 * score.score)) for score in list_flagged(row)}


def test_the_days_report_states_its_count_and_refers_to_all_of_it():
    rows = make_hostile_rows()
    objects = read_objects(export_bytes(export_stix, rows))
    (report,) = find(objects, "report")
    assert report["description"].startswith(f"{len(rows)} articles of 2026-05-14")
    assert set(report["object_refs"]) == set(objects) - {report["id"], find(objects, "identity")[0]["id"]}
    assert Counter(ref.split("--")[0] for ref in report["object_refs"])["media-content"] == len(rows)


def test_nothing_refers_to_what_is_not_there():
    objects = read_objects(export_bytes(export_stix, make_hostile_rows()))
    refs = [found[name] for found in objects.values() for name in ("source_ref", "target_ref", "created_by_ref") if name in found]
    assert set(refs) <= set(objects)


def test_each_day_has_a_report_and_the_latest_text_of_an_article_stands():
    later = DAY + timedelta(days=1)
    edited = make_export_row("a1", day=later, title="Второй", revision=2, fetched_at=NOON + timedelta(days=1))
    rows = [edited, make_export_row("a1", title="Первый"), make_export_row("a2")]
    objects = read_objects(export_bytes(export_stix, rows, last=later))
    assert [report["published"] for report in find(objects, "report")] == ["2026-05-14T21:00:00.000Z", "2026-05-13T21:00:00.000Z"]
    assert sorted(content["title"] for content in find(objects, "media-content")) == ["Второй", make_export_row().article.title]
    assert len(find_relations(objects, "uses", "media-content")) == 3


def test_narratives_hang_below_their_group_and_techniques_are_named_as_suggestions():
    objects = read_objects(export_bytes(export_stix, make_hostile_rows()))
    by_name = {found["name"]: found for found in find(objects, "narrative")}
    links = find_relations(objects, "subnarrative-of", "narrative")
    below = {(objects[link["source_ref"]]["name"], objects[link["target_ref"]]["name"]) for link in links}
    assert below == {("Local people freely back Russia", "Occupation"), ("Secret weapons", "Justifying the war")}
    secret = by_name["Secret weapons"]
    assert secret["aliases"] == ["biolabs_wmd"]
    assert secret["labels"]
    assert all(label.startswith("suggested DISARM T") for label in secret["labels"])
    assert "suggested for the narrative, not found" in secret["description"]
    assert "labels" not in by_name["Occupation"]
    assert not find(objects, "attack-pattern")


@pytest.mark.parametrize(
    ("decision", "opinion", "explanation", "authors"),
    [
        pytest.param("confirmed", "agree", "confirmed", None, id="confirmed"),
        pytest.param("rejected", "strongly-disagree", "rejected", None, id="rejected"),
        pytest.param("unsure", "neutral", "unsure", None, id="unsure"),
        pytest.param({"verdict": "note", "author": "anna", "note": "Цитата"}, "neutral", "note: Цитата", ["anna"], id="note"),
    ],
)
def test_an_analysts_decision_is_an_opinion_on_what_the_model_said(decision, opinion, explanation, authors):
    row = make_export_row()
    made = make_opinion(row, make_values(row) | {"decision": decision}, ["relationship--" + make_uuid({"a": 1})])
    assert (made["opinion"], made["explanation"], made.get("authors")) == (opinion, explanation, authors)
    assert made["created"] == "2026-05-14T12:00:00.000Z"
    options = stix2validator.ValidationOptions(version="2.1")
    assert stix2validator.validate_instance(made, options).is_valid


def test_the_time_of_a_decision_is_its_own_and_without_one_there_is_no_opinion():
    row = make_export_row()
    decision = {"verdict": "confirmed", "at": "2026-05-15T09:30:00+03:00"}
    assert make_opinion(row, make_values(row) | {"decision": decision}, ["x"])["created"] == "2026-05-15T06:30:00.000Z"
    assert make_opinion(row, make_values(row), ["x"]) is None


def test_an_article_without_an_address_has_a_name_of_its_own():
    objects = read_objects(export_bytes(export_stix, [make_export_row(url=None)]))
    assert find(objects, "media-content")[0]["url"] == "urn:narrative-monitor:article:a1"


def test_a_narrative_that_the_codebook_no_longer_has_is_named_by_its_id():
    row = make_export_row(narratives=(make_score("gone"),))
    assert [found["name"] for found in find(read_objects(export_bytes(export_stix, [row])), "narrative")] == ["gone"]


def test_the_same_rows_give_the_same_bytes_and_another_selection_another_report():
    rows = make_hostile_rows()
    assert export_bytes(export_stix, rows) == export_bytes(export_stix, rows)
    one, other = (read_objects(export_bytes(export_stix, rows, narratives=chosen)) for chosen in ((), ("fake_loyalty",)))
    assert set(one) ^ set(other) == {find(one, "report")[0]["id"], find(other, "report")[0]["id"]}


def test_a_bundle_of_nothing_is_valid():
    content = export_bytes(export_stix, [], latest_at=None)
    assert stix2validator.validate_string(content.decode(), stix2validator.ValidationOptions(version="2.1")).is_valid
    assert [found["type"] for found in read_objects(content).values()] == ["identity"]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_ids_are_of_the_canonical_json_that_the_standard_names(text):
    canonical = canonicalize({"name": text.lower().strip()}, utf8=False)
    expected = uuid.uuid5(uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7"), canonical)
    assert make_named_id("narrative", text) == f"narrative--{expected}"
