"""What changed between two texts, and what vanished between two documents of a feed."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Block = tuple[int, int, int]
Part = tuple[int, int, int, int]
# Parts without a word in common that stands once in each are compared pair by pair up to this many pairs, else taken as replaced.
MAX_PAIRS = 1_600
# How often a part is cut again at the words that stand once in it; so the work stays in proportion to the text.
MAX_CUTS = 8
# In a shuffled feed nothing can be told from places: so much of what both documents hold must have kept its order.
MIN_IN_ORDER = 0.9
_CONTEXT_WORDS = 6


@dataclass(frozen=True, slots=True)
class Change:
    """A run of words that stayed, was cut, or was put in."""

    kind: Literal["same", "removed", "added"]
    text: str


def diff_texts(before: str, after: str) -> tuple[Change, ...]:
    """The way from one text to the other, word by word: what was replaced comes as removed, then added.

    Joined with spaces, what is not added gives the words of ``before`` again, and what is not removed those of ``after``.
    Takes time in proportion to the texts; parts too unlike for that count as replaced whole.
    """
    old, new = before.split(), after.split()
    return tuple(_list_changes(old, new, _join_blocks(_match(old, new, (0, len(old), 0, len(new)), MAX_CUTS), old, new)))


def _list_changes(old: list[str], new: list[str], blocks: Iterable[Block]) -> Iterator[Change]:
    at_old = at_new = 0
    for i, j, length in (*blocks, (len(old), len(new), 0)):
        yield from _make_change("removed", old[at_old:i])
        yield from _make_change("added", new[at_new:j])
        yield from _make_change("same", old[i : i + length])
        at_old, at_new = i + length, j + length


def _make_change(kind: Literal["same", "removed", "added"], words: list[str]) -> Iterator[Change]:
    if words:
        yield Change(kind, " ".join(words))


def _join_blocks(blocks: Iterator[Block], old: Sequence[str], new: Sequence[str]) -> Iterator[Block]:
    """Neighbouring blocks as one. Punctuation alone between two changes is no island: it goes with them."""
    joined: list[Block] = []
    for i, j, length in blocks:
        if joined and joined[-1][0] + joined[-1][2] == i and joined[-1][1] + joined[-1][2] == j:
            first_i, first_j, first_length = joined.pop()
            joined.append((first_i, first_j, first_length + length))
        else:
            joined.append((i, j, length))
    for i, j, length in joined:
        is_edge = i == j == 0 or (i + length, j + length) == (len(old), len(new))
        if is_edge or any(map(_has_letter, old[i : i + length])):
            yield i, j, length


def _has_letter(word: str) -> bool:
    return any(map(str.isalnum, word))


def _match(old: Sequence[str], new: Sequence[str], part: Part, cuts: int) -> Iterator[Block]:
    """Runs that both parts hold, in order: where in ``old``, where in ``new``, how many words."""
    low_i, high_i, low_j, high_j = part
    head = _count_equal(old, new, (low_i, low_j), min(high_i - low_i, high_j - low_j), step=1)
    if head:
        yield low_i, low_j, head
    low_i, low_j = low_i + head, low_j + head
    tail = _count_equal(old, new, (high_i - 1, high_j - 1), min(high_i - low_i, high_j - low_j), step=-1)
    high_i, high_j = high_i - tail, high_j - tail
    if low_i < high_i and low_j < high_j:
        yield from _match_middle(old, new, (low_i, high_i, low_j, high_j), cuts)
    if tail:
        yield high_i, high_j, tail


def _count_equal(old: Sequence[str], new: Sequence[str], start: tuple[int, int], most: int, *, step: int) -> int:
    i, j = start
    count = 0
    while count < most and old[i + step * count] == new[j + step * count]:
        count += 1
    return count


def _match_middle(old: Sequence[str], new: Sequence[str], part: Part, cuts: int) -> Iterator[Block]:
    """Cut at the words that stand once in each part, and match what lies between them."""
    low_i, high_i, low_j, high_j = part
    anchors = _find_anchors(old, new, part) if cuts else []
    if not anchors:
        if (high_i - low_i) * (high_j - low_j) <= MAX_PAIRS:
            matcher = SequenceMatcher(None, old[low_i:high_i], new[low_j:high_j], autojunk=False)
            yield from ((low_i + i, low_j + j, length) for i, j, length in matcher.get_matching_blocks() if length)
        return
    for i, j in anchors:
        yield from _match(old, new, (low_i, i, low_j, j), cuts - 1)
        yield i, j, 1
        low_i, low_j = i + 1, j + 1
    yield from _match(old, new, (low_i, high_i, low_j, high_j), cuts - 1)


def _find_anchors(old: Sequence[str], new: Sequence[str], part: Part) -> list[tuple[int, int]]:
    """The words that stand once in both parts, as many as keep their order."""
    low_i, high_i, low_j, high_j = part
    in_old, in_new = Counter(old[low_i:high_i]), Counter(new[low_j:high_j])
    place = {word: j for j in range(low_j, high_j) if in_new[word := new[j]] == 1}
    pairs = [(i, place[word]) for i in range(low_i, high_i) if in_old[word := old[i]] == 1 and word in place]
    return [pairs[number] for number in find_rising([j for _, j in pairs])]


def find_rising(values: Sequence[int]) -> list[int]:
    """The numbers of a longest run of rising values, not necessarily side by side. ``values`` are all different."""
    tops: list[int] = []  # the lowest value in which a run of each length can end
    ends: list[int] = []  # and its number
    previous: list[int] = []
    for number, value in enumerate(values):
        length = bisect_left(tops, value)
        previous.append(ends[length - 1] if length else -1)
        tops[length : length + 1] = [value]
        ends[length : length + 1] = [number]
    run: list[int] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        run.append(number)
        number = previous[number]
    return run[::-1]


def shorten_diff(changes: Sequence[Change], *, max_chars: int) -> tuple[Change, ...]:
    """The changes with a few words around each, ``max_chars`` characters at most or a little more."""
    shown: list[Change] = []
    left = max_chars
    for position, change in enumerate(changes):
        if left <= 0:
            shown.append(Change("same", "…"))
            break
        text = _shorten_same(change.text, position, len(changes)) if change.kind == "same" else _cut(change.text, left)
        shown.append(Change(change.kind, text))
        left -= len(text)
    return tuple(shown)


def _shorten_same(text: str, position: int, count: int) -> str:
    words = text.split(" ")
    is_first, is_last = position == 0, position == count - 1
    if len(words) <= 2 * _CONTEXT_WORDS:
        return text
    head = [] if is_first else words[:_CONTEXT_WORDS]
    tail = [] if is_last else words[-_CONTEXT_WORDS:]
    return " ".join([*head, "…", *tail])


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[:max_chars].rpartition(' ')[0] or text[:max_chars]} …"


def find_vanished(previous_keys: Sequence[str], current_keys: Sequence[str]) -> tuple[str, ...]:
    """Keys that were taken out of a feed, in the order of the previous document: gone although older ones are still there.

    Which end is the newest is told by where new keys came in; where that does not tell, only keys between others that are
    still there count. A feed that pushes items out may keep one pinned, so then two older ones must be there. Gives nothing
    where more than half is gone (the feed was replaced) or where the order of the rest changed (it is shuffled).
    """
    previous, current = list(dict.fromkeys(previous_keys)), list(dict.fromkeys(current_keys))
    place = {key: number for number, key in enumerate(current)}
    gone = [number for number, key in enumerate(previous) if key not in place]
    kept = [number for number, key in enumerate(previous) if key in place]
    if not gone or 2 * len(gone) > len(previous):
        return ()
    in_order = [kept[number] for number in find_rising([place[previous[number]] for number in kept])]
    if len(in_order) < MIN_IN_ORDER * len(kept):
        return ()
    known = set(previous)
    lead, trail = _find_new_ends(current, known)
    need = 2 if len(current) > len(kept) else 1
    # Neighbours wanted before and behind: the newest end needs none, the oldest end is where items are pushed out.
    wanted = (0, need) if lead and not trail else (need, 0) if trail and not lead else (need, need)
    vanished = []
    for number in gone:
        before = bisect_left(in_order, number)
        if before >= wanted[0] and len(in_order) - before >= wanted[1]:
            vanished.append(previous[number])
    return tuple(vanished)


def _find_new_ends(current: Sequence[str], known: set[str]) -> tuple[bool, bool]:
    """Whether new keys stand before and behind everything that was known."""
    return current[0] not in known, current[-1] not in known
