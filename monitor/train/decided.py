"""Analysts' decisions as labelled texts.

A decision speaks of one narrative in one revision: what nobody was asked about stays unknown, and is neither learnt as carried
nor as not carried. Where analysts differ, the majority counts for as much as it is one; where they are divided, nothing does.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.records import LabelledText, Mark

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from monitor.decisions import DecidedText, Decision
    from monitor.records import Stance

DECIDED = "decided"
# What a text from the feeds counts beside one of the corpus; measured by `benchmarks/teaching.py`.
DECISION_WEIGHT = 1.0
# Of fewer answers on what was not flagged nothing is concluded.
MIN_UNFLAGGED = 30
ONE_SIDED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Taught:
    """What decisions teach: texts to learn from, and how many questions were left out because analysts were divided or unsure."""

    texts: tuple[LabelledText, ...]
    disputed: int
    unsure: int


def is_decided(text: LabelledText) -> bool:
    """Whether a text comes from analysts' decisions rather than from the corpus."""
    return text.kind == DECIDED


def label_decisions(
    decided: Iterable[DecidedText], *, weight: float = DECISION_WEIGHT, without: Container[str] = frozenset()
) -> Taught:
    """Turn decisions into texts to learn from. All copies of a story have one group, so that no split parts them.

    The answers of the accounts named in ``without`` are left out.
    """
    texts: list[LabelledText] = []
    disputed = unsure = 0
    for one in decided:
        heard = [decision for decision in one.decisions if decision.account not in without]
        opinions = _gather_opinions(heard)
        verdicts = {narrative: _settle(said) for narrative, said in opinions.items()}
        settled = {narrative: verdict for narrative, verdict in verdicts.items() if verdict is not None}
        disputed += len(verdicts) - len(settled)
        unsure += bool(heard) and not opinions
        if settled:
            texts.append(_label(one, heard, settled, weight))
    return Taught(tuple(texts), disputed, unsure)


@dataclass(frozen=True, slots=True)
class OneSided:
    """An account that confirms nearly everything, of what no bundle flagged too; ``text_ids`` are all texts it answered on."""

    account: str
    answered: int
    confirmed: int
    text_ids: frozenset[str]


def find_one_sided(decided: Iterable[DecidedText]) -> tuple[OneSided, ...]:
    """Accounts whose answers on questions without a flag are nearly all "yes, it promotes this": nobody's feeds are like that."""
    answered: Counter[str] = Counter()
    confirmed: Counter[str] = Counter()
    text_ids: defaultdict[str, set[str]] = defaultdict(set)
    for one in decided:
        for decision in one.decisions:
            text_ids[decision.account].add(one.document.id)
            if decision.asked and not decision.flagged and decision.answer.verdict in {"confirm", "reject"}:
                said = (decision.answer.narrative, decision.answer.stance)
                answered[decision.account] += 1
                confirmed[decision.account] += said == (decision.asked, "promotes")
    return tuple(
        OneSided(account, count, confirmed[account], frozenset(text_ids[account]))
        for account, count in sorted(answered.items())
        if count >= MIN_UNFLAGGED and confirmed[account] >= ONE_SIDED_SHARE * count
    )


def hash_taught(texts: Sequence[LabelledText]) -> str:
    """Hex SHA-256 over which texts were learnt from, and what was said of them."""
    rows = [
        [t.document.id, t.group, t.weight, dict(sorted(t.labels.items())), sorted(t.known) if t.known is not None else None]
        for t in texts
    ]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What most analysts say of a narrative (None: not carried), and how far they agree: 0 (evenly divided) to 1."""

    stance: Stance | None
    agreement: float


def _gather_opinions(decisions: Sequence[Decision]) -> dict[str, list[Stance | None]]:
    """Of each narrative what each account says: a stance, or None for "not carried". The empty name stands for any at all."""
    by_account: defaultdict[int, dict[str, Stance | None]] = defaultdict(dict)
    for decision in decisions:
        answer, said = decision.answer, by_account[decision.account_id]
        if answer.verdict == "confirm" and answer.narrative and answer.stance:
            said[answer.narrative] = answer.stance
            if decision.asked and decision.asked != answer.narrative:
                said.setdefault(decision.asked, None)
        elif answer.verdict == "reject":
            said.setdefault(decision.asked, None)
    opinions: defaultdict[str, list[Stance | None]] = defaultdict(list)
    for said in by_account.values():
        # Who found a narrative in a text does not say that it has none, whatever they answered to another question.
        for narrative, stance in said.items():
            if narrative or not any(said.values()):
                opinions[narrative].append(stance)
    return dict(opinions)


def _settle(said: Sequence[Stance | None]) -> _Verdict | None:
    """What the majority says; None where there is none, on whether the narrative is carried or on the stance."""
    carrying = [stance for stance in said if stance is not None]
    lead = 2 * len(carrying) - len(said)
    if lead == 0:
        return None
    if lead < 0:
        return _Verdict(None, -lead / len(said))
    (stance, count), *others = Counter(carrying).most_common(2)
    if others and others[0][1] == count:
        return None
    return _Verdict(stance, lead / len(said))


def _label(one: DecidedText, heard: Sequence[Decision], settled: dict[str, _Verdict], weight: float) -> LabelledText:
    labels = {narrative: verdict.stance for narrative, verdict in settled.items() if verdict.stance is not None}
    has_none = "" in settled and not labels
    return LabelledText(
        document=one.document,
        labels=labels,
        group=one.group,
        kind=DECIDED,
        known=None if has_none else frozenset(settled) - {""},
        weight=weight * min(verdict.agreement for verdict in settled.values()),
        marks={n: mark for n, mark in _find_marks(heard).items() if n in labels},
    )


def _find_marks(decisions: Sequence[Decision]) -> dict[str, Mark]:
    """The passage last marked for each narrative."""
    return {
        d.answer.narrative: Mark(d.answer.span.field, d.answer.span.start, d.answer.span.end)
        for d in decisions
        if d.answer.narrative and d.answer.span
    }
