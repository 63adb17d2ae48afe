"""Assessments as plain values, for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.records import (
        Assessment,
        NarrativeScore,
    )


def make_answer(identifier: object, assessment: Assessment, bundle: str) -> dict[str, Any]:
    """One output object of `monitor classify`. ``identifier`` is given back as it came."""
    return {
        "id": identifier,
        "lang": assessment.lang,
        "flagged": assessment.flagged,
        "bundle": bundle,
        "narratives": [make_score(score) for score in assessment.narratives],
    }


def make_score(score: NarrativeScore) -> dict[str, Any]:
    """One narrative of an answer or a digest row."""
    return {
        "id": score.id,
        "score": score.score,
        "stance": score.stance,
        "stance_score": score.stance_score,
        "flagged": score.flagged,
        "evidence": [asdict(e) for e in score.evidence],
    }
