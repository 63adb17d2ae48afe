"""`monitor evaluate` and `monitor bundle compare` as a user calls them, on small bundles of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from monitor.bundle import save_bundle
from tests.factories import make_model
from tests.functional.servers import FeedServer, make_rss

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Monitor

CLAIM = "Жители единогласно поддержали решение"
ORIGIN = "Истоки города в родной гавани"
WEATHER = "Завтра в Ялте дождь и ветер"


def save(folder: Path, **model: Any) -> str:
    made = save_bundle(make_model(**model), folder, settings={"codebook_version": 1}, extra_files={"CARD.md": b"# Card\n"})
    return str(made)


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return save(tmp_path / "made")


@pytest.fixture
def other(tmp_path: Path) -> str:
    """Knows one narrative only, and takes the other's words for it."""
    return save(tmp_path / "made", narratives={"fake_loyalty": ("исток",)})


@pytest.fixture
def gold(tmp_path: Path) -> str:
    rows = [
        {"id": "1", "lang": "ru", "title": CLAIM, "labels": [{"id": "fake_loyalty", "stance": "promotes"}]},
        {"id": "2", "lang": "ru", "title": "Фейк дня", "text": CLAIM, "labels": [{"id": "fake_loyalty", "stance": "refutes"}]},
        {"id": "3", "lang": "uk", "title": WEATHER, "summary": "Без опадів", "labels": []},
        {"id": "4", "lang": "ru", "title": ORIGIN, "labels": []},
    ]
    (tmp_path / "gold.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return "gold.jsonl"


def read(monitor: Monitor, *arguments: str) -> dict[str, Any]:
    done = monitor(*arguments, "--json")
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_evaluate_gives_every_figure_as_json(monitor: Monitor, bundle: str, gold: str) -> None:
    metrics = read(monitor, "evaluate", gold, "--bundle", bundle)
    assert bundle.endswith(metrics["bundle"])
    assert (metrics["texts"], metrics["resamples"], metrics["hit_at_1"]) == (4, 200, 1.0)
    assert metrics["narratives"]["fake_loyalty"]["average_precision"] == 1.0
    assert metrics["false_flags"]["none"] == {"texts": 2, "flagged": 1, "share": 0.5}
    assert metrics["false_flags"]["refutes"] == {"texts": 1, "flagged": 0, "share": 0.0}
    assert set(metrics["by_language"]) == {"ru", "uk"}
    assert set(metrics["by_length"]) == {"headline", "summary", "text"}
    assert set(metrics["by_stance"]) == {"promotes", "refutes", "none"}
    low, high = metrics["intervals"]["false_flags_none"]
    assert low <= 0.5 <= high


def test_evaluate_prints_tables_for_people(monitor: Monitor, bundle: str, gold: str) -> None:
    done = monitor("evaluate", gold, "--bundle", bundle)
    assert (done.returncode, done.stderr) == (0, b"")
    printed = done.stdout.decode()
    for expected in ("All 4 texts", "95 % interval", "fake_loyalty", "headline and summary", "Stance of carried narratives"):
        assert expected in printed
    assert "\x1b" not in printed


def test_the_seed_decides_the_intervals_and_boot_their_number(monitor: Monitor, bundle: str, gold: str) -> None:
    one, again = (monitor("evaluate", gold, "--bundle", bundle, "--json", "--seed", "5").stdout for _ in range(2))
    assert one == again
    assert json.loads(one)["seed"] == 5
    none = read(monitor, "evaluate", gold, "--bundle", bundle, "--boot", "0")
    assert (none["resamples"], none["intervals"]) == (0, {})


@pytest.mark.parametrize(("name", "start"), [("p.svg", b"<?xml"), ("p.PNG", b"\x89PNG")])
def test_the_picture_is_the_same_each_time(
    tmp_path: Path, monitor: Monitor, bundle: str, gold: str, name: str, start: bytes
) -> None:
    drawn = []
    for _ in range(2):
        read(monitor, "evaluate", gold, "--bundle", bundle, "--picture", name)
        drawn.append((tmp_path / name).read_bytes())
    assert drawn[0] == drawn[1]
    assert drawn[0].startswith(start)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(("evaluate", "gold.jsonl", "--picture", "p.jpg"), 2, "p.jpg: ends in '.jpg'; give a name that", id="suffix"),
        pytest.param(("evaluate", "gold.jsonl", "--picture", "p"), 2, "p: ends in 'no suffix'", id="no-suffix"),
        pytest.param(("evaluate", "gold.jsonl", "--picture", "no/p.svg"), 2, "its folder does not exist", id="picture-folder"),
        pytest.param(("evaluate", "gold.jsonl", "--picture", "folder.svg"), 2, "folder.svg: is a folder", id="picture-is-a-folder"),
        pytest.param(("evaluate", "gold.jsonl", "--boot", "-1"), 2, "--boot", id="boot-negative"),
        pytest.param(("evaluate", "none.jsonl"), 2, "none.jsonl: no such file", id="gold-missing"),
        pytest.param(("evaluate", "unknown.jsonl"), 2, "unknown.jsonl:1: label 'martians' is not in the codebook", id="label"),
        pytest.param(("evaluate", "plain.jsonl"), 2, "plain.jsonl:1: has no list `labels`", id="no-labels"),
        pytest.param(("evaluate", "gold.jsonl", "--bundle", "nowhere"), 5, "bundle nowhere", id="bundle-missing"),
        pytest.param(("bundle", "compare", "nowhere", "nowhere", "gold.jsonl"), 5, "bundle nowhere", id="compare-bundle"),
        pytest.param(("bundle", "compare", "A", "A", "none.jsonl"), 2, "none.jsonl: no such file", id="compare-file"),
        pytest.param(("bundle", "compare", "A", "A", "unknown.jsonl"), 2, "'martians' is not in", id="compare-label"),
        pytest.param(("bundle", "compare", "A", "A"), 4, "there is none", id="compare-store"),
        pytest.param(("bundle", "compare", "A", "A", "--db", "sqlite:///text.db"), 4, "cannot be opened", id="compare-no-store"),
        pytest.param(("bundle", "compare", "A"), 2, "Missing argument 'B'", id="compare-one"),
        pytest.param(
            ("bundle", "compare", "A", "A", "gold.jsonl", "--db", "sqlite:///x.db"), 2, "exclude each other", id="compare-both"
        ),
    ],
)
@pytest.mark.usefixtures("gold")
def test_each_mistake_has_its_exit_code_and_one_clear_message(
    tmp_path: Path, monitor: Monitor, bundle: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "text.db").write_text("just some words, no database\n" * 50)
    (tmp_path / "plain.jsonl").write_text('{"id": 1, "title": "t"}\n')
    (tmp_path / "unknown.jsonl").write_text('{"id": 1, "labels": [{"id": "martians", "stance": "promotes"}]}\n')
    before = {path.name for path in tmp_path.iterdir()}
    done = monitor(*(bundle if argument == "A" else argument for argument in arguments))
    assert done.returncode == code, done.stderr.decode()
    assert message in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert done.stdout == b""
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_picture_that_cannot_be_written_is_named(tmp_path: Path, monitor: Monitor, bundle: str, gold: str) -> None:
    (tmp_path / "p.svg").symlink_to("/dev/full")
    done = monitor("evaluate", gold, "--bundle", bundle, "--boot", "0", "--picture", "p.svg")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "p.svg: cannot be written (No space left on device)" in done.stderr.decode()


def test_bundles_are_compared_on_labelled_and_unlabelled_texts(
    tmp_path: Path, monitor: Monitor, bundle: str, other: str, gold: str
) -> None:
    (tmp_path / "plain.jsonl").write_text(json.dumps({"id": "p", "title": f"[bold]{CLAIM} :smile: \x07"}) + "\n")
    result = read(monitor, "bundle", "compare", bundle, other, gold, "plain.jsonl")
    assert (result["texts"], result["labelled"]) == (5, 4)
    assert result["flagged"] == {"a": 3, "b": 1, "newly": 0, "no_longer": 2}
    row = result["narratives"]["fake_loyalty"]
    assert (row["newly_flagged"], row["no_longer_flagged"]) == (1, 2)
    assert {example["id"] for example in row["examples"]["no_longer_flagged"]} == {"1", "p"}
    assert row["a"]["average_precision"] == 1.0
    assert row["b"]["precision"] == 0.0
    assert result["narratives"]["crimea_always_russian"]["in_b"] is False
    done = monitor("bundle", "compare", bundle, other, gold, "plain.jsonl", "--examples", "9")
    printed = done.stdout.decode()
    assert "5 texts: 3 flagged by A, 1 by B; 0 newly flagged, 2 no longer" in printed
    assert f"[bold]{CLAIM} :smile:" in printed
    assert "\x07" not in printed


def test_bundles_are_compared_on_the_current_articles_of_the_store(
    tmp_path: Path, monitor: Monitor, feed_server: FeedServer, bundle: str, other: str
) -> None:
    feeds = tmp_path / "feeds.yaml"
    for title in (WEATHER, CLAIM):
        items = [{"title": title, "link": "https://a.example/1"}, {"title": ORIGIN, "link": "https://a.example/2"}]
        feed_server.documents = {"/a.xml": make_rss(items)}
        feed_server.write_feeds(feeds)
        assert monitor("run", "--bundle", bundle).returncode == 0
    result = read(monitor, "bundle", "compare", bundle, other)
    assert (result["texts"], result["labelled"], result["figures"]) == (2, 0, {"a": {}, "b": {}})
    row = result["narratives"]["fake_loyalty"]
    assert [example["title"] for example in row["examples"]["no_longer_flagged"]] == [CLAIM]
    assert [example["title"] for example in row["examples"]["newly_flagged"]] == [ORIGIN]


def test_a_store_without_articles_is_said_to_be_so(tmp_path: Path, monitor: Monitor, feed_server: FeedServer, bundle: str) -> None:
    feed_server.documents = {"/a.xml": make_rss([])}
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    monitor("run", "--bundle", bundle)
    done = monitor("bundle", "compare", bundle, bundle)
    assert (done.returncode, done.stdout) == (2, b"")
    assert "holds no article yet; `monitor run` fetches some" in done.stderr.decode()
