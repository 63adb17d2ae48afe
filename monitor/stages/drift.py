"""What has changed since the bundle was trained or the weeks before: scores, words, languages, and narratives that fell silent.

A model cannot know what it has not seen. None of these figures says that it errs; each says where to look.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from monitor.dayreports import SCORE_BOUNDS, NewTerm, ScoreShift, Silent
from monitor.stages.features import PREFIX_CHARS, fold_word
from monitor.text import WORD, find_tokens

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from datetime import date

    from monitor.records import Document

# From here on a distribution counts as moved: the usual bound for a population stability index that needs looking at.
MIN_MOVED = 0.1
MIN_ARTICLES = 100
MIN_TERM_ARTICLES = 5
MIN_TERM_Z = 4.0
MAX_TERMS = 30
MIN_TERM_CHARS = 4


def compare_scores(
    now: Mapping[str, Sequence[int]], before: Mapping[str, Sequence[int]], *, assessed: tuple[int, int]
) -> tuple[ScoreShift, ...]:
    """Every narrative's shift, the widest first.

    The mappings count the listed scores of each narrative by class (`SCORE_BOUNDS`); ``assessed`` are the articles of both times.
    """
    classes = len(SCORE_BOUNDS)
    shifts = []
    for narrative in sorted({*now, *before}):
        counts = [
            (total - sum(listed), *listed)
            for listed, total in (
                (tuple(now.get(narrative, (0,) * classes)), assessed[0]),
                (tuple(before.get(narrative, (0,) * classes)), assessed[1]),
            )
        ]
        index = measure_shift(counts[0], counts[1])
        shares = [tuple(round(n / max(total, 1), 4) for n in row) for row, total in zip(counts, assessed, strict=True)]
        shifts.append(ScoreShift(narrative, shares[0], shares[1], index, index >= MIN_MOVED))
    return tuple(sorted(shifts, key=lambda shift: (-shift.index, shift.narrative)))


def measure_shift(now: Sequence[int], before: Sequence[int]) -> float:
    """The population stability index of two histograms, less its expectation when nothing moved; at least 0.

    Half a count is added to every class, so that an empty one is no infinity. Expectation: (classes - 1) * (1/n + 1/m), as in
    Yurdakul, B. (2018): Statistical Properties of Population Stability Index.
    """
    totals = [sum(row) + len(row) / 2 for row in (now, before)]
    pairs = [((a + 0.5) / totals[0], (b + 0.5) / totals[1]) for a, b in zip(now, before, strict=True)]
    index = sum((p - q) * math.log(p / q) for p, q in pairs)
    chance = (len(now) - 1) * (1 / totals[0] + 1 / totals[1])
    return round(max(0.0, index - chance), 4)


def count_terms(documents: Iterable[Document]) -> tuple[Counter[str], int]:
    """In how many texts each word stands, by its folded form, and how many texts there were."""
    counts: Counter[str] = Counter()
    texts = 0
    for document in documents:
        texts += 1
        words = find_tokens("\n".join((document.title, document.summary, document.text)))
        counts.update({fold_word(word) for word in words if len(word) >= MIN_TERM_CHARS and WORD.fullmatch(word)})
    return counts, texts


def measure_burst(now: int, before: int, texts: tuple[int, int]) -> float:
    """How unlikely it is that a word stands in a larger share of the texts now by chance: the root of the log-likelihood ratio.

    It is about standard normal where nothing changed, also for rare words; 0 where the share sank. ``texts`` are those of now and
    of before. Dunning, T. (1993): Accurate Methods for the Statistics of Surprise and Coincidence. Computational Linguistics 19.
    """
    share = (now + before) / sum(texts)
    if now <= share * texts[0]:
        return 0.0
    cells = [(now, texts[0] * share), (texts[0] - now, texts[0] * (1 - share))]
    cells += [(before, texts[1] * share), (texts[1] - before, texts[1] * (1 - share))]
    return math.sqrt(max(0.0, 2 * sum(seen * math.log(seen / expected) for seen, expected in cells if seen)))


def find_new_terms(
    now: Counter[str], before: Counter[str], *, texts: tuple[int, int], known_prefixes: Container[str]
) -> tuple[NewTerm, ...]:
    """Words in a larger share of the texts than before, the surest first."""
    found = []
    for term, count in now.items():
        if count < MIN_TERM_ARTICLES:
            continue
        earlier = before.get(term, 0)
        z = measure_burst(count, earlier, texts)
        if z >= MIN_TERM_Z:
            found.append(NewTerm(term, count, earlier, round(z, 2), term[:PREFIX_CHARS] in known_prefixes))
    return tuple(sorted(found, key=lambda one: (-one.z, one.term))[:MAX_TERMS])


def measure_unknown(counts: Counter[str], known_prefixes: Container[str]) -> float | None:
    """Which share of the words (each counted once a text) begins like none that the model knows; None of nothing."""
    total = sum(counts.values())
    unknown = sum(count for term, count in counts.items() if term[:PREFIX_CHARS] not in known_prefixes)
    return round(unknown / total, 4) if total else None


def find_silent(narratives: Iterable[str], last_flags: Mapping[str, date], *, since: date) -> tuple[Silent, ...]:
    """Narratives that the model knows and that nothing was flagged with since a day."""
    silent = [Silent(one, last_flags.get(one)) for one in narratives if last_flags.get(one) is None or last_flags[one] < since]
    return tuple(sorted(silent, key=lambda one: one.narrative))
