import re
import string
from pathlib import Path

import pytest

from monitor.decisions import ORDERS, ROLES, Conflict, Scheme, Verdict
from monitor.records import STANCES
from monitor.review import messages
from monitor.review.messages import LANGUAGES, MESSAGES, make_translator
from monitor.stages.health import LEVELS

REVIEW = Path(messages.__file__).parent
SOURCES = {path.name: path.read_text("utf-8") for path in [*REVIEW.glob("templates/*.j2"), *REVIEW.glob("*.py")]}
# Keys that are put together: prefix and every end that it can get.
JOINED = {
    "order_": (*ORDERS, *(f"{order}_hint" for order in ORDERS)),
    "stance_": STANCES,
    "role_": ROLES,
    "level_": LEVELS,
    "language_": LANGUAGES,
    "verdict_": Verdict.__args__,
    "scheme_": Scheme.__args__,
    "state_": ("open", "second", "decided", "closed"),
    "conflict_": ("revision", "decision", "closed"),
}


def used_keys():
    keys = {prefix + end for prefix, ends in JOINED.items() for end in ends}
    for name, source in SOURCES.items():
        if name.endswith(".j2"):
            keys |= set(re.findall(r"\bt\('(\w+)'(?! ~)", source)) | set(re.findall(r"'((?:nav|key)_\w+)'", source))
        elif name != "messages.py":
            keys |= {word for word in re.findall(r"\"([a-z_]+)\"", source) if word in MESSAGES}
    return keys


def test_every_key_that_pages_use_has_a_message():
    assert sorted(key for key in used_keys() if key not in MESSAGES) == []


def test_no_message_is_left_over():
    assert sorted(set(MESSAGES) - used_keys()) == []


@pytest.mark.parametrize("key", MESSAGES)
def test_every_message_is_in_both_languages_with_the_same_places(key):
    texts = MESSAGES[key]
    assert len(texts) == len(LANGUAGES)
    assert all(text.strip() == text and text for text in texts)
    places = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in texts]
    assert places[0] == places[1]


@pytest.mark.parametrize("key", [key for key in MESSAGES if not key.startswith("language_")])
def test_ukrainian_is_in_cyrillic_and_english_is_not(key):
    ukrainian, english = MESSAGES[key]
    assert re.search("[а-яіїєґ]", ukrainian.lower())
    assert not re.search("[а-яіїєґё]", english.lower())
    assert not re.search("[ыэёъ]", ukrainian.lower()), "a Russian letter"


def test_places_are_filled():
    assert make_translator("uk")("locked_out", minutes=3) == "Забагато невдалих спроб. Спробуйте ще раз за 3 хв."
    assert make_translator("en")("confirm") == "Confirm"


def test_every_reason_of_a_conflict_has_a_message():
    assert set(re.findall(r'[\'"](\w+)[\'"]', Conflict.__annotations__["reason"])) == set(JOINED["conflict_"])
