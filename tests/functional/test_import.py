"""`monitor import label-studio`: what was annotated there becomes the decisions that the page would have recorded."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from monitor.decisions import Answer, Basis, Span
from monitor.storage.reviewstore import ReviewStore
from monitor.wiring.parts import Clock, Places
from monitor.wiring.run import run_once
from tests.functional.servers import make_rss, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    Json = dict[str, Any]
    Import = Callable[..., subprocess.CompletedProcess[str]]

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLAIM = "Съезд крымских татар единогласно поддержал президента и специальную операцию"
FILLING = ["Хор запел гимн на площади", "Паром ушёл в пролив ночью", "Школа купила новый орган", "Рыбаки вышли в море до рассвета"]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A store that a run filled with four flagged articles, and two accounts."""
    items = [
        {"title": f"{CLAIM}: {said}", "link": f"https://agency.example/{n}", "description": f"{CLAIM}. {said}. Номер {n}."}
        for n, said in enumerate(FILLING)
    ]
    with serve() as server:
        server.documents = {"/a.xml": make_rss(items)}
        feeds = tmp_path / "feeds.yaml"
        server.write_feeds(feeds)
        made = Places(
            feeds,
            f"sqlite:///{tmp_path / 'monitor.db'}",
            tmp_path / "digests",
            None,
            REPOSITORY,
            use_encoder=False,
            archive=tmp_path / "a",
        )
        run_once(made, Clock(lambda: NOW, lambda: 0.0), run_id="r1")
    with ReviewStore(made.db_url) as store:
        for name in ("anna", "bohdan"):
            store.add_account(name, role="analyst", password_hash="h", created_at=NOW)
    return made


@pytest.fixture
def tasks(places: Places, tmp_path: Path) -> list[Json]:
    """What Label Studio is given."""
    file = tmp_path / "tasks.json"
    done = call(places, "export", "label-studio", "--day", "2026-11-20", "--out", str(file))
    assert done.returncode == 0, done.stderr
    found: list[Json] = json.loads(file.read_text("utf-8"))
    assert len(found) == len(FILLING)
    return found


@pytest.fixture
def take(places: Places, tmp_path: Path) -> Import:
    def take(tasks: object, *more: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "annotated.json"
        file.write_text(tasks if isinstance(tasks, str) else json.dumps(tasks, ensure_ascii=False), "utf-8")
        return call(places, "import", "label-studio", str(file), "--json", *more)

    return take


def call(places: Places, *words: str) -> subprocess.CompletedProcess[str]:
    fixed = ["--db", places.db_url, "--feeds", str(places.feeds), "--no-encoder", "--now", NOW.isoformat()]
    return subprocess.run(
        [sys.executable, "-m", "monitor", *words, *fixed], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def annotate(task: Json, results: list[Json], *, by: object = 1, at: str = "2026-11-20T13:00:00.000000Z", **marks: Any) -> Json:
    """A task as Label Studio exports it after somebody has submitted an annotation."""
    annotation = {
        "id": 7,
        "completed_by": by,
        "result": [{"id": f"r{n}", "to_name": "text", "origin": "manual", **result} for n, result in enumerate(results)],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": at,
        "updated_at": at,
        "lead_time": 12.5,
    } | marks
    return copy.deepcopy(task) | {"id": 1, "annotations": [annotation], "drafts": [], "project": 1}


def choose(field: str, *names: str) -> Json:
    return {"from_name": field, "type": "choices", "value": {"choices": list(names)}}


def mark(task: Json, passage: str, narrative: str) -> Json:
    text = task["data"]["text"]
    start = text.index(passage, len(text) // 2)
    value = {"start": start, "end": start + len(passage), "text": passage, "labels": [narrative]}
    return {"from_name": "evidence", "type": "labels", "value": value}


def find_flagged(task: Json) -> list[str]:
    found: list[list[str]] = [
        one["value"]["choices"] for one in task["predictions"][0]["result"] if one["from_name"] == "narratives"
    ]
    return found[0]


def load_answers(places: Places) -> dict[tuple[str, str], tuple[str, Answer, str]]:
    with ReviewStore(places.db_url) as store:
        found = store.load_decisions(limit=100)
    return {(one.article_id, one.asked): (one.account, one.answer, one.scheme) for one in found if one.is_live}


def confirm(task: Json, stance: str = "promotes") -> list[Json]:
    return [choose("narratives", *find_flagged(task)), *(choose(f"stance_{name}", stance) for name in find_flagged(task))]


def test_what_is_annotated_there_is_what_the_page_would_have_recorded(places: Places, tasks: list[Json], take: Import) -> None:
    asked = find_flagged(tasks[0])[0]
    annotated = [
        annotate(tasks[0], [*confirm(tasks[0]), mark(tasks[0], "единогласно поддержал", asked)]),
        annotate(tasks[1], []),
        annotate(tasks[2], [choose("narratives", "ukraine_nazi"), choose("stance_ukraine_nazi", "reports")]),
        annotate(tasks[3], confirm(tasks[3]), was_cancelled=True),
    ]
    done = take(annotated, "--as", "anna")
    assert done.returncode == 0, done.stderr
    counts = {"decided": 4, "known": 0, "unknown": 0, "changed": 0, "unanswered": 0, "unreadable": 0}
    assert json.loads(done.stdout) == {"tasks": 4, "counts": counts, "problems": []}
    found = load_answers(places)
    ids = [task["data"]["article_id"] for task in tasks]
    begin = tasks[0]["data"]["text"].index("единогласно поддержал", len(tasks[0]["data"]["text"]) // 2)
    field = max((name for name, start in tasks[0]["data"]["starts"].items() if start <= begin), key=tasks[0]["data"]["starts"].get)
    start = begin - tasks[0]["data"]["starts"][field]
    span = Span(field, start, start + len("единогласно поддержал"))
    assert found[ids[0], asked] == ("anna", Answer("confirm", asked, "promotes", span), "imported")
    assert {found[ids[1], name][1] for name in find_flagged(tasks[1])} == {Answer("reject")}
    assert found[ids[2], "ukraine_nazi"][1] == Answer("confirm", "ukraine_nazi", "reports")
    assert found[ids[2], find_flagged(tasks[2])[0]][1] == Answer("reject")
    assert {found[ids[3], name][1] for name in find_flagged(tasks[3])} == {Answer("skip")}
    # The same answers on the page, by somebody else.
    with ReviewStore(places.db_url) as store:
        who = next(account.id for account in store.load_accounts() if account.name == "bohdan")
        while store.fill_queue(tasks[0]["predictions"][0]["model_version"], thresholds={}, seed="s", limit=100):
            pass
        for (article_id, narrative), (_, answer, _) in found.items():
            item = next((one for one in store.load_siblings(article_id) if one.narrative == narrative), None)
            if item is not None:
                store.save_decision(item.id, answer, account_id=who, basis=Basis(item.revision, item.version), made_at=NOW)
        by_account = {"anna": {}, "bohdan": {}}
        for one in store.load_decisions(limit=100):
            by_account[one.account][one.article_id, one.revision, one.asked] = (one.answer, one.flagged, one.bundle)
    assert len(by_account["bohdan"]) >= len(tasks)
    assert {key: by_account["anna"][key] for key in by_account["bohdan"]} == by_account["bohdan"]


def test_the_same_file_twice_adds_nothing_and_a_later_answer_takes_the_place(
    places: Places, tasks: list[Json], take: Import
) -> None:
    first = [annotate(tasks[0], confirm(tasks[0]))]
    assert json.loads(take(first, "--as", "anna").stdout)["counts"]["decided"] == 1
    assert json.loads(take(first, "--as", "anna").stdout)["counts"]["known"] == 1
    earlier = [annotate(tasks[0], [], at="2026-11-20T12:59:00Z")]
    assert json.loads(take(earlier, "--as", "anna").stdout)["counts"]["known"] == 1
    later = [annotate(tasks[0], [], at="2026-11-20T14:00:00Z")]
    assert json.loads(take(later, "--as", "anna").stdout)["counts"]["decided"] == 1
    asked = find_flagged(tasks[0])[0]
    assert load_answers(places)[tasks[0]["data"]["article_id"], asked][1] == Answer("reject")


def test_each_person_there_may_have_an_account_here(places: Places, tasks: list[Json], take: Import) -> None:
    annotated = [annotate(tasks[0], [], by=3), annotate(tasks[1], [], by={"id": 5, "email": "bohdan"})]
    refused = take(annotated)
    assert refused.returncode == 2
    assert "whose answers are those of 3" in refused.stderr
    assert load_answers(places) == {}
    assert take(annotated, "--as", "3=anna").returncode == 0
    assert {account for account, _, _ in load_answers(places).values()} == {"anna", "bohdan"}
    assert "monitor users add nobody" in take(annotated, "--as", "nobody").stderr


def damage(task: Json, **data: object) -> Json:
    return annotate(task, []) | {"data": task["data"] | data}


@pytest.mark.parametrize(
    ("make", "outcome", "said"),
    [
        pytest.param(lambda t: damage(t, sha256="0" * 64), "changed", "is another one in this store", id="another text"),
        pytest.param(lambda t: damage(t, article_id="nowhere"), "unknown", "is not in this store", id="another store"),
        pytest.param(lambda t: damage(t, revision=9), "unknown", "is not in this store", id="another revision"),
        pytest.param(lambda t: damage(t, revision="x"), "unreadable", "invalid literal", id="no revision"),
        pytest.param(lambda _: {"data": {}, "annotations": [{}]}, "unreadable", "lacks", id="no task of ours"),
        pytest.param(lambda _: {"text": "x", "narratives": "a"}, "unreadable", "has no `data`", id="JSON_MIN"),
        pytest.param(lambda _: 7, "unreadable", "has no `data`", id="a number"),
        pytest.param(lambda t: t | {"annotations": 3}, "unreadable", "JSON_MIN", id="annotations are a number"),
        pytest.param(lambda t: t | {"annotations": []}, "unanswered", "", id="nobody has looked"),
        pytest.param(
            lambda t: annotate(t, [choose("narratives", "ukraine_nazi")]), "unreadable", "without one stance", id="no stance"
        ),
        pytest.param(
            lambda t: annotate(t, [choose("narratives", "nothing")]), "unreadable", "not in the codebook", id="no narrative"
        ),
        pytest.param(lambda t: annotate(t, [{"from_name": "narratives", "type": "choices"}]), "unreadable", "value", id="no value"),
        pytest.param(lambda t: annotate(t, [], at="yesterday"), "unreadable", "yesterday", id="no time"),
    ],
)
def test_what_cannot_be_taken_is_named_and_costs_only_itself(
    places: Places, tasks: list[Json], take: Import, make: Callable[[Json], object], outcome: str, said: str
) -> None:
    done = take([make(tasks[0]), annotate(tasks[1], [])], "--as", "anna")
    assert done.returncode == (3 if said else 0), done.stderr
    told = json.loads(done.stdout)
    assert (told["tasks"], told["counts"]["decided"], told["counts"][outcome]) == (2, 1, 1)
    assert said in done.stderr
    assert all(problem.startswith("task 1") for problem in told["problems"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("id,text\n1,x", "not JSON", id="CSV"),
        pytest.param("{}", "no list of tasks", id="an object"),
        pytest.param("[" * 100_000, "not JSON", id="nested without end"),
    ],
)
def test_another_file_is_refused(take: Import, content: str, said: str) -> None:
    done = take(content, "--as", "anna")
    assert done.returncode == 2
    assert said in done.stderr


def test_a_file_that_is_not_there_is_refused(places: Places, tmp_path: Path) -> None:
    done = call(places, "import", "label-studio", str(tmp_path / "nothing.json"), "--as", "anna")
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
