"""What users and cron jobs depend on: exit codes, messages, silence, streams."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.functional.conftest import REPOSITORY
from tests.functional.servers import FeedServer, make_rss

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Monitor

MODELS = REPOSITORY / "models"


def current_bundle() -> str:
    return (MODELS / "CURRENT").read_text(encoding="utf-8").strip()


@pytest.fixture
def feeds(tmp_path: Path, feed_server: FeedServer) -> Path:
    feed_server.documents = {"/a.xml": make_rss([{"title": "Погода на завтра: дождь", "link": "https://a.example/1"}])}
    return feed_server.write_feeds(tmp_path / "feeds.yaml")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['monitor', '--help']\nfrom monitor.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert done.code == 0, done.code\n"
        "heavy = {'sklearn', 'pandas', 'sqlalchemy', 'numpy', 'scipy', 'aiohttp', 'pydantic', 'jinja2', 'rich', 'feedparser',\n"
        "         'matplotlib'}\n"
        "loaded = heavy & set(sys.modules)\nassert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("run", "demo", "digest", "classify", "train", "evaluate", "explain", "feeds", "doctor"):
        assert f"\n  {command}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(("run", "--feeds", "nowhere.yaml"), 2, "nowhere.yaml: there is no such file", id="feeds-missing"),
        pytest.param(("run", "--feeds", "empty.yaml"), 2, "empty.yaml:1: the file is empty", id="feeds-empty"),
        pytest.param(("run", "--feeds", "folder"), 2, "folder: cannot be read", id="feeds-is-a-folder"),
        pytest.param(("run", "--feeds", "twice.yaml"), 2, "twice.yaml:4: id 'a' is used twice", id="feeds-contradictory"),
        pytest.param(("run", "--db", "sqlite:///folder"), 4, "store folder: is a folder", id="store-is-a-folder"),
        pytest.param(("run", "--db", "sqlite:///text.txt"), 4, "cannot be opened", id="store-is-no-database"),
        pytest.param(("run", "--db", "sqlite:///no/where.db"), 4, "its folder does not exist", id="store-folder-missing"),
        pytest.param(("run", "--db", "mysql://x/y"), 4, "mysql is not supported", id="store-of-another-kind"),
        pytest.param(("digest", "--db", "sqlite:///none.db"), 4, "there is none", id="store-missing"),
        pytest.param(("run", "--bundle", "nowhere"), 5, "bundle nowhere: neither a folder nor an id", id="bundle-missing"),
        pytest.param(("run", "--bundle", "folder"), 5, "SHA256SUMS cannot be read", id="bundle-empty"),
        pytest.param(("run", "--digests", "text.txt"), 2, "digests text.txt: cannot be written", id="digests-is-a-file"),
        pytest.param(("run", "--now", "yesterday"), 2, "--now 'yesterday' is no ISO 8601 time", id="now-unreadable"),
        pytest.param(("digest", "--day", "tomorrow"), 2, "'tomorrow' is no day", id="day-unreadable"),
        pytest.param(("evaluate", "none.jsonl"), 2, "none.jsonl: no such file", id="evaluate-missing"),
        pytest.param(("evaluate", "text.txt"), 2, "text.txt:1: not JSON", id="evaluate-not-json"),
        pytest.param(("train", "--corpus", "folder"), 2, "no labelled texts", id="corpus-empty"),
        pytest.param(("feeds", "check", "zzz"), 2, "zzz: no such feed", id="feed-unknown"),
        pytest.param(("nonsense",), 2, "No such command", id="command-unknown"),
    ],
)
def test_each_mistake_has_its_exit_code_and_one_clear_message(
    tmp_path: Path, monitor: Monitor, feeds: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "text.txt").write_text("just some words, no database\n" * 50)
    (tmp_path / "twice.yaml").write_text("feeds:\n  - id: a\n    url: https://a.example\n  - id: a\n    url: https://b.example\n")
    before = {path.name for path in tmp_path.iterdir()}
    done = monitor(*arguments)
    assert done.returncode == code, done.stderr.decode()
    assert message in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert done.stdout == b""
    assert {path.name for path in tmp_path.iterdir()} - before <= {"digests"}, "something half-written was left behind"
    assert not list(tmp_path.glob("digests/**/*"))


@pytest.mark.parametrize("name", ["bundle.json", "weights.npz", "prefixes.txt", "SHA256SUMS", "CARD.md"])
def test_a_bundle_with_one_changed_byte_is_refused(tmp_path: Path, monitor: Monitor, name: str) -> None:
    bundle = tmp_path / current_bundle()
    shutil.copytree(MODELS / current_bundle(), bundle)
    changed = bytearray((bundle / name).read_bytes())
    changed[len(changed) // 2] ^= 1
    (bundle / name).write_bytes(bytes(changed))
    done = monitor("classify", "--bundle", str(bundle), stdin=b'{"id": 1, "title": "x"}\n')
    assert (done.returncode, done.stdout) == (5, b"")
    assert name in done.stderr.decode()


def test_cron_hears_nothing_of_a_run_that_went_well(monitor: Monitor, feeds: Path) -> None:
    done = monitor("run")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_run_prints_its_report_as_json_on_request(monitor: Monitor, feeds: Path) -> None:
    report = json.loads(monitor("run", "--json").stdout)
    assert report["entries"]["new"] == 1


def test_settings_come_from_the_environment_too(tmp_path: Path, monitor: Monitor, feeds: Path) -> None:
    feeds.rename(tmp_path / "mine.yaml")
    env = {
        "MONITOR_FEEDS": "mine.yaml",
        "MONITOR_DB": "sqlite:///mine.db",
        "MONITOR_DIGESTS": "mine",
        "MONITOR_BUNDLE": str(MODELS / current_bundle()),
    }
    assert monitor("run", env=env).returncode == 0
    assert (tmp_path / "mine.db").is_file()
    assert list(tmp_path.glob("mine/*/digest.html"))


def test_overlapping_runs_are_refused_and_the_holder_is_named(tmp_path: Path, monitor: Monitor, feeds: Path) -> None:
    code = (
        "import sys\nfrom datetime import UTC, datetime\nfrom pathlib import Path\nfrom monitor.lock import hold_run_lock\n"
        "with hold_run_lock(Path('monitor.db.lock'), started_at=datetime(2026, 11, 20, tzinfo=UTC)):\n"
        "    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        done = monitor("run")
        holder.stdin.close()
    assert done.returncode == 75
    assert f"process {holder.pid}" in done.stderr.decode()
    assert monitor("run").returncode == 0


def test_classify_answers_line_by_line_in_order(monitor: Monitor) -> None:
    lines = [
        json.dumps(
            {"id": "a", "title": "Спецоперация была вынужденной мерой, все её цели будут достигнуты", "lang": "ru"},
            ensure_ascii=False,
        ),
        "not json",
        json.dumps({"id": 7, "title": None, "summary": None, "text": "It rained in Lviv all day.", "lang": None}),
        json.dumps({"title": "no id"}),
        "",
        json.dumps({"id": "e"}),
        json.dumps({"id": "f", "text": 5}),
    ]
    done = monitor("classify", stdin=("\n".join(lines) + "\n").encode())
    assert done.returncode == 3
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [answer.get("id") for answer in answers] == ["a", None, 7, None, None, "e", None]
    assert [answer.get("line") for answer in answers] == [None, 2, None, 4, 5, None, 7]
    first = answers[0]
    assert set(first) == {"id", "lang", "flagged", "bundle", "narratives"}
    assert first["bundle"] == current_bundle()
    best = first["narratives"][0]
    assert set(best) == {"id", "score", "stance", "stance_score", "flagged", "evidence"}
    assert best["id"] == "special_operation"
    assert answers[2]["lang"] == "en"
    assert answers[5]["narratives"] == []


def test_classify_does_not_grow_with_its_input(tmp_path: Path) -> None:
    """10,000 different lines; the memory after the first thousand is that at the end, within 15 MB."""
    words = [
        "рынок",
        "школа",
        "мост",
        "концерт",
        "погода",
        "матч",
        "музей",
        "закон",
        "цена",
        "врач",
        "поезд",
        "книга",
        "сад",
        "театр",
        "бюджет",
        "урожай",
        "порт",
        "завод",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "monitor", "classify"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        sizes: dict[int, float] = {}
        probe = psutil.Process(process.pid)

        def write() -> None:
            assert process.stdin is not None
            for number in range(10_000):
                text = " ".join(f"{words[(number * step) % len(words)]}{number % 977 + step}" for step in range(1, 25))
                process.stdin.write((json.dumps({"id": number, "text": text, "lang": "ru"}) + "\n").encode())
            process.stdin.close()

        writer = threading.Thread(target=write)
        writer.start()
        for count, line in enumerate(process.stdout, 1):
            assert json.loads(line)["id"] == count - 1
            if count in {1_000, 9_900}:
                sizes[count] = probe.memory_info().rss / 1e6
        writer.join()
    assert process.returncode == 0
    assert count == 10_000
    assert sizes[9_900] - sizes[1_000] < 15, sizes


def test_evaluate_gives_figures_as_json(tmp_path: Path, monitor: Monitor) -> None:
    rows = [
        {
            "id": "1",
            "lang": "ru",
            "title": "Спецоперация вынужденная, её цели будут достигнуты",
            "labels": [{"id": "special_operation", "stance": "promotes"}],
        },
        {"id": "2", "lang": "ru", "title": "Завтра в Ялте обещают дождь и ветер", "labels": []},
    ]
    (tmp_path / "gold.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    metrics = json.loads(monitor("evaluate", "gold.jsonl", "--json").stdout)
    assert metrics["texts"] == 2
    assert metrics["narratives"]["special_operation"]["average_precision"] == 1.0
    assert metrics["flagged_by_kind"]["none"] == {"texts": 1, "flagged": 0, "share": 0.0}


def test_doctor_names_what_is_wrong_and_what_to_do(tmp_path: Path, monitor: Monitor, feeds: Path, feed_server: FeedServer) -> None:
    before = monitor("doctor")
    assert before.returncode == 3
    assert "`monitor run` makes it" in before.stdout.decode()
    feed_server.documents["/bad.xml"] = b""
    feed_server.write_feeds(feeds)
    assert monitor("run").returncode == 0
    findings = {finding["subject"]: finding for finding in json.loads(monitor("doctor", "--json").stdout)}
    assert findings["bundle"]["level"] == "ok"
    assert findings["feed bad"]["level"] == "warning"
    assert "monitor feeds check" in findings["feed bad"]["remedy"]


def test_feeds_check_explains_each_feed(monitor: Monitor, feeds: Path, feed_server: FeedServer) -> None:
    feed_server.documents["/page.xml"] = b"<html><body>Access denied</body></html>"
    feed_server.write_feeds(feeds)
    checks = {check["feed_id"]: check for check in json.loads(monitor("feeds", "check", "--json").stdout)}
    assert checks["a"] == checks["a"] | {"is_ok": True, "outcome": "ok", "entries": 1}
    assert checks["page"]["outcome"] == "block_page"
    assert monitor("feeds", "check", "page").returncode == 3


def test_feeds_list_falls_back_on_the_shipped_feeds(tmp_path: Path, monitor: Monitor) -> None:
    listed = json.loads(monitor("feeds", "list", "--json").stdout)
    assert len(listed) >= 35
    assert listed[0]["kind"] == "occupation"


def test_explain_of_something_unknown_says_so(monitor: Monitor, feeds: Path) -> None:
    assert monitor("run").returncode == 0
    done = monitor("explain", "https://nowhere.example/")
    assert done.returncode == 2
    assert "no such article" in done.stderr.decode()


def test_a_trained_bundle_can_be_verified_shown_and_used(tmp_path: Path, monitor: Monitor) -> None:
    (tmp_path / "models").mkdir()
    shutil.copytree(MODELS / current_bundle(), tmp_path / "models" / current_bundle())
    (tmp_path / "models/CURRENT").write_text(current_bundle() + "\n")
    shutil.copy(MODELS / "codebook.yaml", tmp_path / "models")
    corpus = [
        MODELS / "corpus" / f"{name}.jsonl" for name in ("special_operation.en", "special_operation.more.en", "general_life.en")
    ]
    done = monitor("train", *(part for path in corpus for part in ("--corpus", str(path))), "--jobs", "1", "--json")
    assert done.returncode == 0, done.stderr.decode()
    made = json.loads(done.stdout)
    assert made["bundle"] != current_bundle()
    assert json.loads(monitor("bundle", "verify", "--bundle", made["bundle"], "--json").stdout)["intact"] is True
    refused = monitor("bundle", "use", made["bundle"])
    assert refused.returncode == 5
    assert "not adopted" in refused.stderr.decode()
    assert "it no longer knows fake_loyalty" in refused.stderr.decode()
    assert (tmp_path / "models/CURRENT").read_text() == current_bundle() + "\n"
    assert f"{made['bundle']} is in use" in monitor("bundle", "use", made["bundle"], "--force").stdout.decode()
    (noted,) = map(json.loads, (tmp_path / "models/ADOPTIONS.jsonl").read_text().splitlines())
    assert (noted["from"], noted["to"], noted["forced"]) == (current_bundle(), made["bundle"], True)
    assert monitor("bundle", "show").stdout.decode().startswith(made["bundle"])
    assert json.loads(monitor("classify", stdin=b'{"id": 1, "title": "Rain"}\n').stdout)["bundle"] == made["bundle"]
