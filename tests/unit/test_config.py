from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from monitor.config import MAX_BYTES, load_config, render_schema
from monitor.errors import ConfigError
from monitor.records import (
    Feed,
)

SHIPPED = Path(__file__).parents[2] / "feeds.yaml"
FEED = "feeds:\n  - id: bereg\n    url: https://bereg.example/rss\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feeds.yaml"


def find_problems(path: Path, written: str | bytes) -> list[str]:
    """The messages without the folder, so that they begin with a line number or the text."""
    path.write_bytes(written if isinstance(written, bytes) else written.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert all(problem.startswith(f"{path}:") for problem in caught.value.problems)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


def find_lines(path: Path, written: str) -> list[tuple[int, str]]:
    """Line number and the name between the first backticks, or the first word, of every message."""
    found = []
    for problem in find_problems(path, written):
        line, _, what = problem.partition(": ")
        found.append((int(line), what.split("`")[1] if "`" in what else what.split()[0]))
    return found


def test_id_and_url_are_enough(path: Path) -> None:
    path.write_text(FEED, encoding="utf-8")

    config = load_config(path)

    assert config.feeds == (
        Feed("bereg", "https://bereg.example/rss", outlet="bereg", language=None, kind=None, timezone="Europe/Kyiv"),
    )
    assert config.settings.model_dump() == {
        "contact": None,
        "timezone": "Europe/Kyiv",
        "fetch": {
            "concurrency": 32,
            "per_host": 1,
            "min_delay_s": 1.0,
            "timeout_s": 30,
            "max_bytes": 10_485_760,
            "allow_private_networks": False,
            "full_text": "auto",
        },
        "archive": {"enabled": True, "keep_days": 365, "max_bytes": 20_000_000_000},
        "assess": {"rescore_s": 300},
        "notify": {"channels": [], "digest_url": None, "min_flagged": 1, "on_failure": True},
        "metrics": {"textfile": None},
        "healthcheck": None,
        "retention": {"visits_days": 90, "runs_days": 400},
    }


def test_everything_that_can_be_said_is_kept(path: Path) -> None:
    path.write_text(
        """
settings:
  contact: https://desk.example/bot
  timezone: Europe/Simferopol
  fetch:
    {concurrency: 4, per_host: 2, min_delay_s: 0, timeout_s: 5, max_bytes: 2048, allow_private_networks: true, full_text: never}
feeds:
  - id: bereg.1_a-b
    url: http://bereg.example/rss
    outlet: Берег
    language: uk
    kind: contrast
    timezone: Europe/Moscow
    proxy: http://proxy.example:3128
    enabled: false
  - {id: mayak, url: https://mayak.example/rss}
""",
        encoding="utf-8",
    )

    config = load_config(path)

    assert config.feeds == (
        Feed(
            "bereg.1_a-b",
            "http://bereg.example/rss",
            outlet="Берег",
            language="uk",
            kind="contrast",
            timezone="Europe/Moscow",
            proxy="http://proxy.example:3128",
            enabled=False,
        ),
        Feed("mayak", "https://mayak.example/rss", outlet="mayak", timezone="Europe/Simferopol"),
    )
    fetch = config.settings.fetch
    assert (config.settings.contact, fetch.concurrency, fetch.per_host, fetch.min_delay_s) == (
        "https://desk.example/bot",
        4,
        2,
        0,
    )
    assert (fetch.timeout_s, fetch.max_bytes, fetch.allow_private_networks, fetch.full_text) == (5, 2048, True, "never")


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(FEED.replace("\n", "\r\n").encode(), id="Windows line ends"),
        pytest.param(b"\xef\xbb\xbf" + FEED.encode(), id="byte order mark"),
        pytest.param(f"# Берег\n---\n{FEED}".encode(), id="comment and document start"),
    ],
)
def test_what_editors_do_to_a_file_is_no_mistake(path: Path, written: bytes) -> None:
    path.write_bytes(written)

    assert [feed.id for feed in load_config(path).feeds] == ["bereg"]


def test_a_feed_can_take_over_what_another_says(path: Path) -> None:
    path.write_text(
        "feeds:\n"
        "  - &bereg\n    id: bereg\n    url: https://bereg.example/rss\n    language: ru\n"
        "  - <<: *bereg\n    id: bereg-2\n    url: https://bereg.example/rss/2\n",
        encoding="utf-8",
    )

    assert [(feed.id, feed.language) for feed in load_config(path).feeds] == [("bereg", "ru"), ("bereg-2", "ru")]


def test_an_address_taken_over_from_another_feed_is_a_mistake_like_any_other(path: Path) -> None:
    written = "feeds:\n  - &bereg\n    id: bereg\n    url: https://bereg.example/rss\n  - <<: *bereg\n    id: bereg-2\n"

    assert any("used twice" in problem for problem in find_problems(path, written))


# --- one mistake, one line ---


@pytest.mark.parametrize(
    ("value", "what"),
    [
        pytest.param("id: 'Берег'", "feeds.id", id="letters of an id"),
        pytest.param("id: -bereg", "feeds.id", id="first character of an id"),
        pytest.param("id: " + "a" * 65, "feeds.id", id="length of an id"),
        pytest.param("id: 5", "feeds.id", id="type of an id"),
        pytest.param("url: bereg.example/rss", "feeds.url", id="url without scheme"),
        pytest.param("url: ftp://bereg.example/rss", "feeds.url", id="scheme of a url"),
        pytest.param("url: https://bereg.example:99999/rss", "feeds.url", id="port of a url"),
        pytest.param("url: file:///etc/hostname", "feeds.url", id="file as url"),
        pytest.param("url: [https://bereg.example/rss]", "feeds.url", id="type of a url"),
        pytest.param("outlet: ''", "feeds.outlet", id="empty outlet"),
        pytest.param("outlet: 2024-13-45", "feeds.outlet", id="a date that does not exist"),
        pytest.param("language: Russian", "feeds.language", id="language in words"),
        pytest.param("kind: neutral", "feeds.kind", id="kind"),
        pytest.param("timezone: Europe/Atlantis", "feeds.timezone", id="zone"),
        pytest.param("timezone: 3", "feeds.timezone", id="type of a zone"),
        pytest.param("proxy: ftp://proxy.example", "feeds.proxy", id="kind of proxy"),
        pytest.param("enabled: 'yes'", "feeds.enabled", id="text instead of yes or no"),
        pytest.param("enabled: 1", "feeds.enabled", id="number instead of yes or no"),
        pytest.param("adress: https://bereg.example/", "feeds.adress", id="unknown key"),
    ],
)
def test_a_mistake_in_a_feed_is_named_by_its_line(path: Path, value: str, what: str) -> None:
    key = value.partition(":")[0]
    right = {"id": "id: bereg", "url": "url: https://bereg.example/rss", key: value}
    written = "feeds:\n  - {id: mayak, url: 'https://mayak.example/rss'}\n  -\n" + "".join(f"    {one}\n" for one in right.values())

    assert find_lines(path, written) == [(4 + list(right).index(key), what)]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        pytest.param("contact: desk@bereg.example", "settings.contact", id="contact without scheme"),
        pytest.param("contact: 'mailto:desk @bereg.example'", "settings.contact", id="space in a contact"),
        pytest.param('contact: "mailto:a@b.example\\r\\nX: y"', "settings.contact", id="header smuggled into a contact"),
        pytest.param("timezone: Kyiv", "settings.timezone", id="zone"),
        pytest.param("fetch: {concurrency: 0}", "settings.fetch.concurrency", id="nothing at once"),
        pytest.param("fetch: {concurrency: 513}", "settings.fetch.concurrency", id="too much at once"),
        pytest.param("fetch: {concurrency: '32'}", "settings.fetch.concurrency", id="number as text"),
        pytest.param("fetch: {concurrency: 3.5}", "settings.fetch.concurrency", id="half a request"),
        pytest.param("fetch: {concurrency: true}", "settings.fetch.concurrency", id="yes as number"),
        pytest.param("fetch: {per_host: 0}", "settings.fetch.per_host", id="nothing per host"),
        pytest.param("fetch: {min_delay_s: -1}", "settings.fetch.min_delay_s", id="negative delay"),
        pytest.param("fetch: {timeout_s: 0}", "settings.fetch.timeout_s", id="no time"),
        pytest.param("fetch: {timeout_s: .nan}", "settings.fetch.timeout_s", id="not a number"),
        pytest.param("fetch: {max_bytes: 10}", "settings.fetch.max_bytes", id="hardly a document"),
        pytest.param("fetch: {full_text: sometimes}", "settings.fetch.full_text", id="full text"),
        pytest.param("fetch: {speed: 9}", "settings.fetch.speed", id="unknown key"),
        pytest.param("fetch: fast", "settings.fetch", id="text instead of a section"),
        pytest.param("colour: red", "settings.colour", id="unknown key in settings"),
    ],
)
def test_a_mistake_in_the_settings_is_named_by_its_line(path: Path, value: str, what: str) -> None:
    assert find_lines(path, f"{FEED}settings:\n  {value}\n") == [(5, what)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("feeds:\n  - id: bereg\n", [(2, "feeds.url")], id="url missing"),
        pytest.param("feeds:\n  - url: https://bereg.example/\n", [(2, "feeds.id")], id="id missing"),
        pytest.param("feeds:\n  - bereg\n", [(2, "feeds")], id="feed is no mapping"),
        pytest.param("feeds: []\n", [(1, "feeds")], id="no feed in the list"),
        pytest.param("\nfeeds:\n", [(2, "feeds")], id="nothing under feeds"),
        pytest.param("feeds: {bereg: 1}\n", [(1, "feeds")], id="feeds is no list"),
        pytest.param("settings: {}\n", [(1, "feeds")], id="feeds missing"),
        pytest.param("[]\n", [(1, "the file")], id="a list at the top"),
        pytest.param("bereg\n", [(1, "the file")], id="a word at the top"),
        pytest.param(f"{FEED}settings:\n", [(4, "settings")], id="nothing under settings"),
        pytest.param(f"{FEED}extra: 1\n", [(4, "extra")], id="unknown section"),
        pytest.param(f"{FEED}    url: https://more.example/\n", [(3, "url"), (4, "url")], id="repeated key"),
        pytest.param(f"{FEED}{FEED}", [(1, "feeds"), (4, "feeds")], id="repeated section"),
    ],
)
def test_a_mistake_in_the_shape_is_named_by_its_line(path: Path, written: str, expected: list[tuple[int, str]]) -> None:
    assert find_lines(path, written) == expected


@pytest.mark.parametrize(
    ("written", "line", "what"),
    [
        pytest.param("", 1, "empty", id="empty"),
        pytest.param("# feeds come later\n", 1, "empty", id="comments alone"),
        pytest.param("feeds:\n  - id: bereg\n   url: x\n", 3, "not YAML", id="indentation"),
        pytest.param("feeds:\n\t- id: bereg\n", 2, "not YAML", id="tab"),
        pytest.param("feeds: [bereg\n", 2, "not YAML", id="open bracket"),
        pytest.param(f"{FEED}---\n{FEED}", 4, "not YAML", id="two documents"),
        pytest.param(b"\x00\x01\x02\x03", 1, "not YAML", id="binary"),
        pytest.param(FEED.encode("utf-16"), 1, "not UTF-8", id="utf-16"),
        pytest.param(f"{FEED}    outlet: Берег\n".encode("cp1251"), 4, "not UTF-8", id="cp1251"),
        pytest.param(f"{FEED}    outlet: *nobody\n", 4, "not YAML", id="alias of nothing"),
        pytest.param(f"{FEED}    outlet: !!python/object:os.system {{}}\n", 4, "", id="a tag that builds objects"),
        pytest.param(f"{FEED}? [a]\n: b\n", 4, "", id="a list as key"),
        pytest.param(f"{FEED}extra: &a [*a]\n", 4, "", id="a list that holds itself"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_message_with_a_line(path: Path, written: str | bytes, line: int, what: str) -> None:
    (problem,) = find_problems(path, written)

    assert problem.startswith(f"{line}: ")
    assert what in problem


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file") as caught:
        load_config(path)

    assert str(path) in str(caught.value)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_config(tmp_path)

    assert str(tmp_path) in str(caught.value)


def test_a_huge_file_is_not_parsed(path: Path) -> None:
    path.write_bytes(b"#" * (MAX_BYTES + 1))

    with pytest.raises(ConfigError, match="no list of feeds"):
        load_config(path)


# --- all mistakes at once ---


def test_every_mistake_is_reported_at_once_in_order_of_lines(path: Path) -> None:
    written = """feeds:
  - id: Bereg
    url: bereg.example
    colour: red
  - {id: mayak,
     url: 'https://mayak.example/',
     url: 'https://mayak.example/'}
  - id: volna
settings:
  timezone: Mars
  fetch:
    concurrency: many
"""

    assert find_lines(path, written) == [
        (2, "feeds.id"),
        (3, "feeds.url"),
        (4, "feeds.colour"),
        (6, "url"),
        (7, "url"),
        (8, "feeds.url"),
        (10, "settings.timezone"),
        (12, "settings.fetch.concurrency"),
    ]


def test_a_repeated_id_or_url_names_both_places(path: Path) -> None:
    written = """feeds:
  - {id: bereg, url: 'https://bereg.example/rss'}
  - {id: bereg, url: 'https://more.example/rss'}
  - {id: mayak, url: 'https://more.example/rss'}
"""

    problems = find_problems(path, written)

    assert [problem.partition(":")[0] for problem in problems] == ["3", "4"]
    assert "id 'bereg'" in problems[0]
    assert "in line 2" in problems[0]
    assert "url 'https://more.example/rss'" in problems[1]
    assert "in line 3" in problems[1]


def test_a_repeated_id_is_reported_beside_other_mistakes(path: Path) -> None:
    written = """feeds:
  - {id: bereg, url: 'https://bereg.example/rss'}
  - {id: bereg, url: 'https://bereg.example/rss', timezone: Mars}
"""

    problems = find_problems(path, written)

    assert len(problems) == 3
    assert sum("used twice" in problem for problem in problems) == 2


# --- what is shipped ---


def test_the_shipped_feeds_are_valid_and_enough() -> None:
    config = load_config(SHIPPED)
    kinds = Counter(feed.kind for feed in config.feeds)

    assert len(config.feeds) >= 35
    assert 4 <= kinds["contrast"] <= 5
    assert kinds["occupation"] >= 1


def test_the_shipped_feeds_are_polite() -> None:
    fetch = load_config(SHIPPED).settings.fetch

    assert fetch.per_host == 1
    assert fetch.min_delay_s >= 1
    assert not fetch.allow_private_networks


def test_the_schema_names_every_key_with_a_description() -> None:
    schema = render_schema()

    assert schema.endswith("}\n")
    for key in ("contact", "timezone", "concurrency", "full_text", "outlet", "language", "kind", "proxy", "enabled"):
        assert f'"{key}"' in schema
