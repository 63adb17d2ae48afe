"""Analysts' decisions, as far as other formats can take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# STIX' opinion scale. What is neither confirmed nor rejected (a note, "unsure") is neutral.
OPINIONS = {"confirmed": "agree", "rejected": "strongly-disagree"}
NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an analyst said of an article. ``at`` is ISO 8601 in UTC or empty."""

    verdict: str
    author: str = ""
    note: str = ""
    at: str = ""

    @property
    def opinion(self) -> str:
        """The word of STIX' opinion scale for it."""
        return OPINIONS.get(self.verdict, NEUTRAL)


def read_verdict(values: Mapping[str, Any]) -> Verdict | None:
    """The decision in a row's values: None, a word, or an object with ``verdict`` and perhaps ``author``, ``note`` and ``at``."""
    decision = values.get("decision")
    if not decision:
        return None
    if isinstance(decision, str):
        return Verdict(decision)
    return Verdict(*(str(decision.get(name) or "") for name in ("verdict", "author", "note", "at")))
