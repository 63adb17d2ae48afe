"""What has no assessment by the bundle in use gets one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.pipeline.parts import Parts, Progress, Tally, timed
from monitor.reports import (
    RunError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.ports import Classifier
    from monitor.records import (
        Assessment,
        PendingRevision,
    )

ASSESS_CHUNK = 256


def assess_pending(parts: Parts, tally: Tally, classifier: Classifier, *, since: datetime | None = None) -> None:
    """Assess what waits for this bundle: all of it, or what was fetched ``since`` a time.

    A text that breaks the model costs only itself.
    """
    total = 0 if since else parts.store.count_assessments(classifier.bundle_id).pending
    for chunk in _iterate_pending(parts, classifier.bundle_id, since=since):
        _assess_chunk(parts, tally, classifier, chunk)
        parts.report_progress(Progress("classify", tally.made, max(total, tally.made)))
    parts.store.settle_assessments(classifier.bundle_id)


def rescore_backlog(parts: Parts, tally: Tally, classifier: Classifier, *, max_seconds: float) -> None:
    """Give some time to what is older and still waits for this bundle, newest first. The rest is left to the next run."""
    begun, before = parts.read_timer(), tally.made
    total = parts.store.count_assessments(classifier.bundle_id).pending
    if not total:
        return
    with parts.store.hold("assessments"):
        for chunk in _iterate_pending(parts, classifier.bundle_id):
            _assess_chunk(parts, tally, classifier, chunk)
            tally.rescored = tally.made - before
            parts.report_progress(Progress("rescore", tally.rescored, max(total, tally.rescored)))
            if parts.read_timer() - begun > max_seconds:
                break
        parts.store.settle_assessments(classifier.bundle_id)


def _iterate_pending(parts: Parts, bundle: str, *, since: datetime | None = None) -> Iterator[list[PendingRevision]]:
    """Chunks of what waits, newest first; the next one is read when the last has been assessed."""
    before = None
    while chunk := parts.store.load_pending(bundle, limit=ASSESS_CHUNK, before=before, since=since):
        yield chunk
        before = chunk[-1].revision_id


def _assess_chunk(parts: Parts, tally: Tally, classifier: Classifier, pending: Sequence[PendingRevision]) -> None:
    bundle = classifier.bundle_id
    with timed(parts, tally, "classify"):
        assessed, failures = assess_each(classifier, pending)
    with timed(parts, tally, "store"):
        parts.store.save_assessments(bundle, assessed, made_at=parts.read_clock())
        for revision_id, message in failures:
            parts.store.save_assessment_failure(bundle, revision_id, message, failed_at=parts.read_clock())
            tally.errors.append(RunError(None, None, "assessment", f"revision {revision_id}: {message}"))
    tally.made += len(assessed)
    tally.flagged += sum(assessment.flagged for _, assessment in assessed)


def assess_each(
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
        right, wrong = assess_each(classifier, [one])
        assessed += right
        failures += wrong
    return assessed, failures
