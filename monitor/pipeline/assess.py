"""What has no assessment by the bundle in use gets one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.pipeline.parts import Parts, Progress, Tally, timed
from monitor.reports import (
    RunError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.ports import Classifier
    from monitor.records import (
        Assessment,
        PendingRevision,
    )

ASSESS_CHUNK = 256


def assess_pending(parts: Parts, tally: Tally, classifier: Classifier) -> None:
    """Assess all that is pending. A text that breaks the model costs only itself."""
    bundle = classifier.bundle_id
    total = parts.store.count_assessments(bundle).pending
    while pending := parts.store.load_pending(bundle, limit=ASSESS_CHUNK):
        with timed(parts, tally, "classify"):
            assessed, failures = _assess_all(classifier, pending)
        with timed(parts, tally, "store"):
            parts.store.save_assessments(bundle, assessed, made_at=parts.read_clock())
            for revision_id, message in failures:
                parts.store.save_assessment_failure(bundle, revision_id, message, failed_at=parts.read_clock())
                tally.errors.append(RunError(None, None, "assessment", f"revision {revision_id}: {message}"))
        tally.made += len(assessed)
        tally.flagged += sum(assessment.flagged for _, assessment in assessed)
        parts.report_progress(Progress("classify", tally.made, max(total, tally.made)))


def _assess_all(
    classifier: Classifier, pending: Sequence[PendingRevision]
) -> tuple[list[tuple[int, Assessment]], list[tuple[int, str]]]:
    """Assess together; where that fails, one by one, so that one bad text costs only itself."""
    try:
        answers = classifier.assess([p.document for p in pending])
        return [(p.revision_id, answer) for p, answer in zip(pending, answers, strict=True)], []
    except Exception as error:  # noqa: BLE001 - which text it was shows below
        if len(pending) == 1:
            return [], [(pending[0].revision_id, f"{type(error).__name__}: {error}")]
    assessed: list[tuple[int, Assessment]] = []
    failures: list[tuple[int, str]] = []
    for one in pending:
        right, wrong = _assess_all(classifier, [one])
        assessed += right
        failures += wrong
    return assessed, failures
