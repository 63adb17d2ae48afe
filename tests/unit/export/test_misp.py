import json
from datetime import timedelta

from pymisp import MISPEvent

from monitor.export.misp import MAX_VALUE_CHARS, TEMPLATES, export_misp
from monitor.export.selection import list_flagged
from monitor.text import show_controls
from tests.unit.export.texts import CODEBOOK, DAY, export_bytes, make_export_row, make_hostile_rows


def read_events(content: bytes) -> list[MISPEvent]:
    events = []
    for found in json.loads(content)["response"]:
        event = MISPEvent()
        event.load(found)
        events.append(event)
    return events


def read_value(found, relation: str) -> str:
    attributes = found.get_attributes_by_relation(relation)
    attached = [a for a in found.get_attributes_by_relation("attachment") if a.value == f"{relation}.txt"]
    if attached:
        return attached[0].data.getvalue().decode()
    return attributes[0].value if attributes else ""


def test_every_row_comes_back_through_pymisp_with_its_narratives():
    rows = make_hostile_rows()
    (event,) = read_events(export_bytes(export_misp, rows))
    news, narratives = event.get_objects_by_name("news-media"), event.get_objects_by_name("narrative")
    names = {found.uuid: read_value(found, "narrative-summary") for found in narratives}
    assert len(news) == len(rows)
    assert len(narratives) == 2
    for row, found in zip(rows, news, strict=True):
        article = row.article
        assert read_value(found, "title") == show_controls(article.title).strip()
        assert read_value(found, "content") == show_controls(article.text).strip()
        assert read_value(found, "source") == show_controls(article.outlet).strip()
        assert read_value(found, "link") == article.url
        assert f"language {article.language}" in found.comment
        told = {names[reference.referenced_uuid] for reference in found.ObjectReference}
        assert told == {
            f"{CODEBOOK.name_of(score.id)} ({score.id}). {next(n for n in CODEBOOK.narratives if n.id == score.id).definition}"
            for score in list_flagged(row)
        }


def test_objects_are_of_the_templates_that_pymisp_ships():
    (event,) = read_events(export_bytes(export_misp, make_hostile_rows()))
    folder = event.misp_objects_path
    for name, (uuid, version) in TEMPLATES.items():
        template = json.loads((folder / name / "definition.json").read_text(encoding="utf-8"))
        assert (template["uuid"], str(template["version"])) == (uuid, version)
        for found in event.get_objects_by_name(name):
            assert {a.object_relation for a in found.Attribute} <= set(template["attributes"])
            assert {a.object_relation for a in found.Attribute} & set(template["requiredOneOf"])
            assert all(a.type == template["attributes"][a.object_relation]["misp-attribute"] for a in found.Attribute)


def test_nothing_is_made_public_or_a_detection():
    (event,) = read_events(export_bytes(export_misp, [make_export_row()]))
    assert (str(event.distribution), event.published) == ("0", False)
    assert not [a for found in event.objects for a in found.Attribute if a.to_ids]


def test_a_day_is_an_event_that_states_its_count():
    later = DAY + timedelta(days=1)
    rows = [make_export_row("a1"), make_export_row("a2"), make_export_row("a1", day=later, revision=2)]
    first, second = read_events(export_bytes(export_misp, rows, last=later))
    assert "2026-05-14: 2 articles" in first.info
    assert "2026-05-15: 1 articles" in second.info
    assert (str(first.date), str(second.date)) == ("2026-05-14", "2026-05-15")
    ids = [one.uuid for event in (first, second) for found in event.objects for one in (event, found, *found.Attribute)]
    assert len(set(ids)) == len(ids) - (len(first.objects) + len(second.objects) - 2)


def test_a_value_too_long_for_misp_is_attached_whole():
    text = "слово " * 5_000
    (event,) = read_events(export_bytes(export_misp, [make_export_row(text=text)]))
    (news,) = event.get_objects_by_name("news-media")
    (content,) = news.get_attributes_by_relation("content")
    assert len(content.value) <= MAX_VALUE_CHARS
    assert content.comment == "shortened: the whole has 29999 characters and is attached"
    assert read_value(news, "content") == text.strip()


def test_what_is_no_web_address_is_no_link():
    (event,) = read_events(export_bytes(export_misp, [make_export_row(url="javascript:alert(1)")]))
    assert not event.get_objects_by_name("news-media")[0].get_attributes_by_relation("link")


def test_techniques_are_named_as_suggestions():
    (event,) = read_events(export_bytes(export_misp, [make_export_row()]))
    (narrative,) = event.get_objects_by_name("narrative")
    assert narrative.comment == "suggested DISARM T0076 Distort (not a finding on coordination or intent)"


def test_the_same_rows_give_the_same_bytes_and_none_gives_no_event():
    rows = make_hostile_rows()
    assert export_bytes(export_misp, rows) == export_bytes(export_misp, rows)
    assert read_events(export_bytes(export_misp, [])) == []
