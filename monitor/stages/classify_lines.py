"""The output lines of `monitor classify`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.records import Assessment


def make_answer(identifier: object, assessment: Assessment, bundle: str) -> dict[str, Any]:
    """One output object. ``identifier`` is given back as it came."""
    return {
        "id": identifier,
        "lang": assessment.lang,
        "flagged": assessment.flagged,
        "bundle": bundle,
        "narratives": [
            {
                "id": score.id,
                "score": score.score,
                "stance": score.stance,
                "stance_score": score.stance_score,
                "flagged": score.flagged,
                "evidence": [asdict(e) for e in score.evidence],
            }
            for score in assessment.narratives
        ],
    }
