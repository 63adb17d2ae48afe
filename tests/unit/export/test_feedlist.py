from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.config import load_config
from monitor.errors import UsageError
from monitor.export.feedlist import add_feeds, is_feed_id, make_feed_id
from tests.factories import make_feed

REPOSITORY = Path(__file__).resolve().parents[3]


def load(tmp_path: Path, text: str):
    path = tmp_path / "feeds.yaml"
    path.write_bytes(text.encode())
    return load_config(path)


@pytest.mark.parametrize(
    ("title", "url", "taken", "expected"),
    [
        pytest.param("Вести Крыма", "https://a.example/", (), "vesti-kryma", id="Russian"),
        pytest.param("Щоденні новини — Їжак Ґалаґан", "https://a.example/", (), "shchodenni-novini-izhak-galagan", id="Ukrainian"),
        pytest.param("L’Été: 24/7", "https://a.example/", (), "lete-24-7", id="accents"),
        pytest.param("Объявления", "https://a.example/", ("obyavleniya",), "obyavleniya-2", id="taken"),
        pytest.param("新聞", "https://www.news.example:8080/rss", (), "news-example", id="host"),
        pytest.param("", "https://user@новини.example/rss", (), "novini-example", id="host in Cyrillic"),
        pytest.param("", "", (), "feed", id="nothing"),
        pytest.param("a" * 80, "", ("a" * 64,), "a" * 62 + "-2", id="long"),
    ],
)
def test_ids_are_made_of_titles(title, url, taken, expected):
    made = make_feed_id(title, url, taken)
    assert made == expected
    assert is_feed_id(made)


@given(st.text(max_size=100), st.text(max_size=50))
def test_any_title_gives_an_id_that_is_free(title, url):
    first = make_feed_id(title, url, ())
    second = make_feed_id(title, url, {first})
    assert is_feed_id(first)
    assert is_feed_id(second)
    assert first != second


OLD = "id: old, url: https://old.example/rss"
TEXTS = {
    "indented": "feeds:\n  - id: old\n    url: https://old.example/rss\n",
    "not indented": "feeds:\n- id: old\n  url: https://old.example/rss\n",
    "no line end": "feeds:\n  - id: old\n    url: https://old.example/rss",
    "Windows": "feeds:\r\n  - id: old\r\n    url: https://old.example/rss\r\n",
    "settings behind": "feeds:\n  - id: old\n    url: https://old.example/rss\n\n# for all\nsettings:\n  timezone: Europe/Kyiv\n",
    "not indented, settings behind": "feeds:\n- id: old\n  url: https://old.example/rss\nsettings:\n  timezone: Europe/Kyiv\n",
    "comments": "# top\nfeeds:   # all\n  # first\n  - id: old  # one\n    url: https://old.example/rss  # two\n  # last\n\n#\n",
    "flow item": "feeds:\n  - {id: old,\n     url: https://old.example/rss\n    } # here\n",
    "quotes": "feeds:\n    - id: 'old'\n      url: \"https://old.example/rss\"\n",
    "block text": "feeds:\n  - id: old\n    url: https://old.example/rss\n    outlet: >-\n      Old\n      News\n",
    "alias": "feeds:\n  - id: old\n    url: https://old.example/rss\n    outlet: &o Old\n"
    "  - id: older\n    url: https://old.example/2\n    outlet: *o\n# end\n",
    "document end": "---\nfeeds:\n  - id: old\n    url: https://old.example/rss\n...\n",
    "byte order mark": "\ufefffeeds:\n  - id: old\n    url: https://old.example/rss\n",
    "no list": "settings:\n  timezone: Europe/Kyiv",
    "nothing in the list": "feeds:  # none yet\nsettings:\n  timezone: Europe/Kyiv\n",
    "empty brackets": "feeds: []  # none yet\nsettings:\n  timezone: Europe/Kyiv\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_feeds_are_added_and_all_else_stays(tmp_path, text):
    new = make_feed(
        "new", outlet="Новости: «Юг» # 1", timezone="Europe/Simferopol", proxy="http://proxy.example:8080", enabled=False
    )
    result = add_feeds(text, [new, make_feed("newer", language=None, kind=None)])
    kept = iter(result.splitlines())
    assert all(line in kept for line in text.replace("[]", "").splitlines())  # in this order
    feeds = load(tmp_path, result).feeds
    assert [feed.id for feed in feeds if not feed.id.startswith("old")] == ["new", "newer"]
    assert next(feed for feed in feeds if feed.id == "new") == new
    assert ("old" in {feed.id for feed in feeds}) is ("old.example" in text)
    assert ("\r\n" in text) is ("\r\n" in result)


def test_the_shipped_file_takes_new_feeds(tmp_path):
    text = (REPOSITORY / "feeds.yaml").read_text(encoding="utf-8")
    before = load(tmp_path, text).feeds
    result = add_feeds(text, [make_feed("one"), make_feed("two")])
    assert [feed.id for feed in load(tmp_path, result).feeds] == [*(feed.id for feed in before), "one", "two"]
    assert result.startswith(text[: text.rindex("- id:")])


def test_known_addresses_are_passed_over_and_known_ids_made_anew(tmp_path):
    new = [
        make_feed("other", url="http://OLD.example/rss?utm_source=x"),
        make_feed("old", url="https://new.example/1", outlet="Old"),
        make_feed("Not An Id", url="https://new.example/2", outlet="Вести"),
        make_feed("again", url="https://new.example/2"),
    ]
    feeds = load(tmp_path, add_feeds(TEXTS["indented"], new)).feeds
    assert [(feed.id, feed.url) for feed in feeds] == [
        ("old", "https://old.example/rss"),
        ("old-2", "https://new.example/1"),
        ("vesti", "https://new.example/2"),
    ]


def test_nothing_new_changes_nothing():
    text = TEXTS["comments"]
    assert add_feeds(text, [make_feed("x", url="https://old.example/rss")]) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(f"feeds: [{{{OLD}}}]\n", "in brackets", id="brackets"),
        pytest.param(f"x: &f\n  - {{{OLD}}}\nfeeds: *f\n", "refers elsewhere", id="alias"),
        pytest.param("feeds: some\n", "no list `feeds`", id="word"),
        pytest.param("- a\n", "no list `feeds`", id="other document"),
        pytest.param("", "no list `feeds`", id="empty"),
        pytest.param("feeds: [\n", "not YAML", id="broken"),
    ],
)
def test_a_file_that_cannot_take_feeds_is_refused(text, message):
    with pytest.raises(UsageError, match=message):
        add_feeds(text, [make_feed("new")])


def test_what_is_no_address_is_refused():
    with pytest.raises(UsageError, match="no web address"):
        add_feeds(TEXTS["indented"], [make_feed("new", url="file:///etc/passwd")])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(outlets=st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=4), text=st.sampled_from(sorted(TEXTS.values())))
def test_any_outlet_can_be_added(tmp_path, outlets, text):
    new = [make_feed(f"new-{number}", outlet=outlet) for number, outlet in enumerate(outlets)]
    feeds = load(tmp_path, add_feeds(text, new)).feeds
    assert [feed.id for feed in feeds if feed.id.startswith("new-")] == [feed.id for feed in new]
