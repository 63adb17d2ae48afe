import json

import pytest
from lxml import etree

from monitor.export.labelstudio import export_labelstudio, join_fields, make_config, make_task
from monitor.records import STANCES, Evidence
from monitor.text import show_controls
from tests.factories import BUNDLE, make_score
from tests.unit.export.texts import CODEBOOK, export_bytes, make_export_row, make_hostile_rows


def read_config() -> dict[str, tuple[str, set[str]]]:
    """Each control of the labelling configuration: its kind and what can be chosen."""
    view = etree.fromstring(make_config(CODEBOOK))
    (text,) = view.findall("Text")
    assert text.get("value") == "$text"
    controls = {}
    for control in view.iter("Labels", "Choices"):
        assert control.get("toName") == text.get("name")
        controls[control.get("name")] = control.tag.lower(), {choice.get("value") for choice in control}
    return controls


def check_result(result: dict, text: str, controls: dict[str, tuple[str, set[str]]]) -> None:
    """What Label Studio asks of a predicted result: known controls, choices that they offer, spans within the text."""
    kind, allowed = controls[result["from_name"]]
    assert (result["type"], result["to_name"]) == (kind, "text")
    value = result["value"]
    assert set(value[kind]) <= allowed
    if kind == "labels":
        assert 0 <= value["start"] < value["end"] <= len(text)
        assert text[value["start"] : value["end"]] == value["text"]


def test_every_row_is_a_task_whose_predictions_fit_the_configuration():
    rows = [row for row in make_hostile_rows() if row.article.title]
    tasks = json.loads(export_bytes(export_labelstudio, rows))
    assert len(tasks) == len(rows)
    controls = read_config()
    for row, task in zip(rows, tasks, strict=True):
        article, data = row.article, task["data"]
        assert data["text"] == f"{show_controls(article.title)}\n\n{show_controls(article.text)}"
        assert (data["article_id"], data["revision"], data["sha256"]) == (article.article_id, article.revision, article.sha256)
        assert (data["url"], data["outlet"], data["language"]) == (article.url, article.outlet, article.language)
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == BUNDLE
        assert prediction["score"] == 0.91
        for result in prediction["result"]:
            check_result(result, data["text"], controls)
        assert len({result["id"] for result in prediction["result"]}) == len(prediction["result"])


def test_carried_narratives_are_predicted_with_their_stances_and_evidence():
    scores = (
        make_score(evidence=(Evidence("text", 6, 11, "🌉 мост"),)),
        make_score("biolabs_wmd", 0.7, stance="refutes", flagged=False),
        make_score("other", 0.3, is_carried=False, flagged=False),
    )
    task = make_task(make_export_row(title="Заголовок", summary="Кратко", text="Слово 🌉 мост.", narratives=scores))
    results = task["predictions"][0]["result"]
    assert [(r["from_name"], r["value"].get("choices")) for r in results if r["type"] == "choices"] == [
        ("narratives", ["fake_loyalty", "biolabs_wmd"]),
        ("stance_fake_loyalty", ["promotes"]),
        ("stance_biolabs_wmd", ["refutes"]),
    ]
    (span,) = [r["value"] for r in results if r["type"] == "labels"]
    assert span == {"start": 25, "end": 30, "text": "🌉 мос", "labels": ["fake_loyalty"]}


@pytest.mark.parametrize(
    ("bundle", "scores", "predictions"),
    [
        pytest.param(None, (), [], id="not assessed"),
        pytest.param(BUNDLE, (), [{"model_version": BUNDLE, "score": 0.0, "result": []}], id="nothing found"),
    ],
)
def test_what_was_not_assessed_has_no_prediction_and_what_carries_nothing_an_empty_one(bundle, scores, predictions):
    assert make_task(make_export_row(bundle=bundle, narratives=scores))["predictions"] == predictions


@pytest.mark.parametrize(
    ("fields", "text", "starts"),
    [
        pytest.param(("A", "B", "C"), "A\n\nB\n\nC", {"title": 0, "summary": 3, "text": 6}, id="all"),
        pytest.param(("", "", "C"), "C", {"text": 0}, id="text only"),
        pytest.param(("A\x00", "", "C"), "A␀\n\nC", {"title": 0, "text": 4}, id="control character"),
        pytest.param(("", "", ""), "", {}, id="nothing"),
    ],
)
def test_fields_are_joined_and_their_beginnings_known(fields, text, starts):
    title, summary, body = fields
    assert join_fields(make_export_row(title=title, summary=summary, text=body).article) == (text, starts)


def test_the_configuration_offers_every_narrative_with_its_stances_and_does_not_show_the_outlet():
    controls = read_config()
    narratives = {narrative.id for narrative in CODEBOOK.narratives}
    assert controls["narratives"] == ("choices", narratives)
    assert controls["evidence"] == ("labels", narratives)
    assert all(controls[f"stance_{narrative}"] == ("choices", set(STANCES)) for narrative in narratives)
    assert "$outlet" not in make_config(CODEBOOK)


def test_the_same_rows_give_the_same_bytes_and_none_gives_an_empty_list():
    rows = make_hostile_rows()
    assert export_bytes(export_labelstudio, rows) == export_bytes(export_labelstudio, rows)
    assert json.loads(export_bytes(export_labelstudio, [])) == []
