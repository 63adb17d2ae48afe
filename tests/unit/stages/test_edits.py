"""What changed between two texts, and what vanished from a feed."""

import random
from itertools import pairwise

import pytest

from monitor.stages.edits import Change, diff_texts, find_vanished, shorten_diff

KEYS = [f"k{number:02}" for number in range(20)]


def join(changes, *kinds):
    return " ".join(change.text for change in changes if change.kind in kinds)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("", "", (), id="nothing"),
        pytest.param("порт закрыт", "порт закрыт", (Change("same", "порт закрыт"),), id="equal"),
        pytest.param("", "порт", (Change("added", "порт"),), id="all new"),
        pytest.param("порт", "", (Change("removed", "порт"),), id="all gone"),
        pytest.param(
            "порт закрыт до утра",
            "порт открыт до утра",
            (Change("same", "порт"), Change("removed", "закрыт"), Change("added", "открыт"), Change("same", "до утра")),
            id="one word",
        ),
        pytest.param("порт", "порт открыт", (Change("same", "порт"), Change("added", "открыт")), id="put behind"),
        pytest.param(
            "снег — лёд", "дождь — град",
            (Change("removed", "снег — лёд"), Change("added", "дождь — град")),
            id="a dash is no island",
        ),
        pytest.param(
            "Дождь шёл. Снег таял. Ветер выл.", "Снег таял. Ветер выл. Дождь шёл.",
            (Change("removed", "Дождь шёл."), Change("same", "Снег таял. Ветер выл."), Change("added", "Дождь шёл.")),
            id="a sentence moved",
        ),
    ],
)  # fmt: skip
def test_changes_are_told_word_by_word(before, after, expected):
    assert diff_texts(before, after) == expected


def test_a_long_text_shows_its_few_changes_only():
    source = random.Random(3)
    words = [f"{source.choice('абвгдежз')}{source.randint(0, 800)}" for _ in range(3000)]
    edited = [*words[:400], "вставка", *words[400:1500], "замена", *words[1501:2600], *words[2603:]]
    changes = diff_texts(" ".join(words), " ".join(edited))
    assert [change.text.strip() for change in changes if change.kind == "added"] == ["вставка", "замена"]
    assert sum(len(change.text.split()) for change in changes if change.kind == "removed") == 4


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("а " * 10_000, "б " * 10_000, id="nothing in common"),
        pytest.param("а б " * 5_000, "б б а " * 3_333, id="two words"),
        pytest.param(" ".join(map(str, range(4000))), " ".join(map(str, reversed(range(4000)))), id="backwards"),
        pytest.param(" ".join(f"{n} а" for n in range(3000)), " ".join(f"{n} б" for n in range(3000)), id="every other word"),
        pytest.param(
            " ".join(f"{n + 1} {n}" for n in range(3000)), " ".join(f"{n} {n + 2}" for n in range(3000)), id="one at a time"
        ),
        pytest.param("да да нет нет да нет да", "нет нет да да нет да да", id="no word stands once"),
        pytest.param("!?" * 10_000, "?!" * 10_000, id="no words"),
    ],
)  # fmt: skip
def test_hostile_texts_are_told_apart_all_the_same(before, after):
    changes = diff_texts(before, after)
    assert join(changes, "same", "removed").split() == before.split()
    assert join(changes, "same", "added").split() == after.split()
    assert all(one.kind != other.kind for one, other in pairwise(changes))


def test_a_shortened_diff_shows_a_few_words_around_each_change():
    before = " ".join(f"слово{n}" for n in range(60))
    shown = shorten_diff(diff_texts(before, before.replace("слово30", "другое")), max_chars=1000)
    assert [change.kind for change in shown] == ["same", "removed", "added", "same"]
    assert shown[0].text == "… слово24 слово25 слово26 слово27 слово28 слово29"
    assert shown[-1].text.endswith("слово36 …")


def test_a_shortened_diff_holds_its_limit():
    shown = shorten_diff(diff_texts("а " * 900, "б " * 900), max_chars=100)
    assert sum(len(change.text) for change in shown) < 120
    assert shown[-1] == Change("same", "…")


def without(keys, *gone):
    return [key for key in keys if key not in gone]


NEW = ["n1", "n2"]


@pytest.mark.parametrize(
    ("previous", "current", "expected"),
    [
        pytest.param(KEYS, KEYS, (), id="nothing changed"),
        pytest.param([], KEYS, (), id="nothing known"),
        pytest.param(KEYS, [], (), id="empty now"),
        pytest.param(KEYS, [*NEW, *KEYS[:-2]], (), id="scrolled off"),
        pytest.param(KEYS, KEYS[:-5], (), id="aged off with nothing new"),
        pytest.param(KEYS, [*NEW, *without(KEYS[:-1], "k07")], ("k07",), id="taken out of the middle"),
        pytest.param(KEYS, without(KEYS, "k07", "k03"), ("k03", "k07"), id="two taken out, nothing new"),
        pytest.param(KEYS, [*NEW, *KEYS[2:]], ("k00", "k01"), id="taken out at the newest end"),
        pytest.param(KEYS, KEYS[2:], (), id="gone at an end, and which is the newest is not known"),
        pytest.param(KEYS, [*KEYS[2:], *NEW], (), id="oldest first: scrolled off"),
        pytest.param(KEYS, [*without(KEYS[1:], "k11"), *NEW], ("k11",), id="oldest first: taken out of the middle"),
        pytest.param(KEYS, [*KEYS[:-1], *NEW], ("k19",), id="oldest first: taken out at the newest end"),
        pytest.param(KEYS, [*NEW, *KEYS[:15], "k19"], (), id="pushed out above a pinned item"),
        pytest.param(KEYS, ["k00", *NEW, *KEYS[1:15]], (), id="scrolled off below a pinned item"),
        pytest.param(KEYS, ["n1", *without(KEYS, "k05"), "n2"], ("k05",), id="new ones at both ends"),
        pytest.param(KEYS, ["n1", *KEYS[1:-1], "n2"], (), id="new ones at both ends tell no newest end"),
        pytest.param(KEYS, ["k18", "n1", *KEYS[:15]], (), id="an old item put on top, those above it scrolled off"),
        pytest.param(KEYS, [*NEW, *KEYS[11:]], (), id="more than half gone"),
        pytest.param(KEYS, [f"other{number}" for number in range(20)], (), id="replaced"),
        pytest.param(KEYS, list(reversed(without(KEYS, "k07"))), (), id="turned round"),
        pytest.param([*KEYS[:5], *KEYS], without(KEYS, "k07"), ("k07",), id="keys that stand twice"),
        pytest.param(["a", "b", "c"], ["a", "c"], ("b",), id="a tiny feed"),
    ],
)
def test_what_was_taken_out_of_a_feed(previous, current, expected):
    assert find_vanished(previous, current) == expected
