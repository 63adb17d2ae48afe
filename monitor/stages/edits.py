"""What changed between two texts, and what vanished between two documents of a feed."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Word by word only up to here, else sentence by sentence: the comparison's time grows with the square of the length.
MAX_COMPARED_WORDS = 2_000
MAX_COMPARED_LINES = 2_000
_CONTEXT_WORDS = 6


@dataclass(frozen=True, slots=True)
class Change:
    """A run of words that stayed, was cut, or was put in."""

    kind: Literal["same", "removed", "added"]
    text: str


def diff_texts(before: str, after: str) -> tuple[Change, ...]:
    """The way from one text to the other, word by word. Joined with spaces, what is not added gives ``before`` again."""
    return tuple(_diff(before.split(), after.split()))


def _diff(before: list[str], after: list[str]) -> Iterator[Change]:
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    yield from _make_change("same", before[:start])
    yield from _diff_middle(before[start : len(before) - end], after[start : len(after) - end])
    yield from _make_change("same", before[len(before) - end :])


def _diff_middle(before: list[str], after: list[str]) -> Iterator[Change]:
    if max(len(before), len(after)) > MAX_COMPARED_WORDS:
        yield from _make_change("removed", before)
        yield from _make_change("added", after)
        return
    # Without autojunk: it would take frequent words of a long text for noise.
    for tag, b_from, b_to, a_from, a_to in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from _make_change("same", before[b_from:b_to])
        else:
            yield from _make_change("removed", before[b_from:b_to])
            yield from _make_change("added", after[a_from:a_to])


def _make_change(kind: Literal["same", "removed", "added"], words: list[str]) -> Iterator[Change]:
    if words:
        yield Change(kind, " ".join(words))


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
    """Entries that were taken out of a feed: missing now, although entries that stood on both sides of them are there.

    What falls off either end has scrolled off. Where most is missing, or the order is another, the feed was rebuilt and
    nothing can be told.
    """
    before = set(previous_keys)
    now = {key: position for position, key in enumerate(current_keys)}
    kept = [position for position, key in enumerate(previous_keys) if key in now]
    if not kept or len(kept) * 2 < len(previous_keys) or not _is_in_order([now[previous_keys[position]] for position in kept]):
        return ()
    first, last = kept[0], kept[-1]
    arrived = [position for position, key in enumerate(current_keys) if key not in before]
    if all(position < now[previous_keys[first]] for position in arrived):
        first = 0  # it grows on top, as nearly all feeds do: what is missing there did not scroll off
    elif all(position > now[previous_keys[last]] for position in arrived):
        last = len(previous_keys)
    return tuple(key for key in previous_keys[first:last] if key not in now)


def _is_in_order(positions: list[int]) -> bool:
    """Whether hardly any pair of neighbours has changed places."""
    swapped = sum(later < earlier for earlier, later in pairwise(positions))
    return swapped * 10 <= len(positions)
