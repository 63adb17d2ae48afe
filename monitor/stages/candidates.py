"""Stories that burst and fit no narrative: what a new one may be made of.

Words that suddenly stand in many more articles than in the weeks before, among articles that no narrative fits, are put together
where the same articles hold them. What comes of it is a list for a person to look at, never a label.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from monitor.dayreports import Candidate
from monitor.stages.drift import MIN_TERM_CHARS, measure_burst
from monitor.stages.features import fold_word
from monitor.text import WORD, find_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.dayreports import Unfitting

# Endings are cut off, so that the cases of one word count together.
STEM_CHARS = 6
MIN_STORIES = 5
MIN_OUTLETS = 2
# Among some ten thousand words chance alone reaches this less than once in a hundred days.
MIN_Z = 5.0
# A word joins a story where so many of the rarer one's articles are the other's too.
MIN_OVERLAP = 0.5
MAX_CANDIDATES = 10
MAX_TERMS = 8
MAX_EXAMPLES = 5
MAX_CHARS = 4_000


def find_candidates(now: Sequence[Unfitting], before: Sequence[Unfitting]) -> tuple[Candidate, ...]:
    """Stories among the articles of ``now`` that burst against ``before``, the most told first. Copies count once."""
    recent, former = _read_stories(now), _read_stories(before)
    if not recent or not former:
        return ()
    counts, earlier = _count(recent.values()), _count(former.values())
    texts = (len(recent), len(former))
    strengths = {
        stem: z
        for stem, count in counts.items()
        if count >= MIN_STORIES and (z := measure_burst(count, earlier[stem], texts)) >= MIN_Z
    }
    members = defaultdict(set)
    for story, stems in recent.items():
        for stem in stems & strengths.keys():
            members[stem].add(story)
    by_story: defaultdict[str, list[Unfitting]] = defaultdict(list)
    for one in now:
        by_story[one.story].append(one)
    found = [_describe(terms, members, by_story) for terms in _join_terms(strengths, members)]
    kept = [one for one in found if one.stories >= MIN_STORIES and one.outlets >= MIN_OUTLETS]
    return tuple(sorted(kept, key=lambda one: (-one.stories, one.terms))[:MAX_CANDIDATES])


def _read_stories(articles: Iterable[Unfitting]) -> dict[str, frozenset[str]]:
    """The word stems of each story, by its cluster."""
    return {one.story: _stem_words(f"{one.title}\n{one.text[:MAX_CHARS]}") for one in articles}


def _stem_words(text: str) -> frozenset[str]:
    words = find_tokens(text)
    return frozenset(fold_word(word)[:STEM_CHARS] for word in words if len(word) >= MIN_TERM_CHARS and WORD.fullmatch(word))


def _count(stories: Iterable[frozenset[str]]) -> Counter[str]:
    return Counter(stem for stems in stories for stem in stems)


def _join_terms(strengths: dict[str, float], members: dict[str, set[str]]) -> list[list[str]]:
    """Bursting stems, put together where they stand in the same stories; the strongest ones lead."""
    groups: list[tuple[list[str], set[str]]] = []
    for stem in sorted(strengths, key=lambda one: (-strengths[one], one)):
        stories = members[stem]
        for terms, told in groups:
            if len(stories & told) >= MIN_OVERLAP * min(len(stories), len(told)):
                terms.append(stem)
                break
        else:
            groups.append(([stem], set(stories)))
    return [terms for terms, _ in groups]


def _describe(terms: Sequence[str], members: dict[str, set[str]], by_story: dict[str, list[Unfitting]]) -> Candidate:
    hits = Counter(story for stem in terms for story in members[stem])
    # Of several words at least two must meet: one alone may stand anywhere.
    needed = min(2, len(terms))
    stories = [story for story, count in sorted(hits.items(), key=lambda one: (-one[1], one[0])) if count >= needed]
    articles = [one for story in stories for one in by_story[story]]
    return Candidate(
        terms=tuple(_spell(stem, articles) for stem in terms[:MAX_TERMS]),
        stories=len(stories),
        articles=len(articles),
        outlets=len({one.outlet for one in articles}),
        languages=tuple(sorted({one.language for one in articles})),
        examples=tuple(by_story[story][0] for story in stories[:MAX_EXAMPLES]),
    )


def _spell(stem: str, articles: Iterable[Unfitting]) -> str:
    """The form in which a stem stands there most often."""
    forms: Counter[str] = Counter()
    for one in articles:
        forms.update(
            word.lower() for word in find_tokens(f"{one.title}\n{one.text[:MAX_CHARS]}") if fold_word(word)[:STEM_CHARS] == stem
        )
    return min(forms, key=lambda form: (-forms[form], form), default=stem)
