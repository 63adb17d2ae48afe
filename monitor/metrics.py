"""Figures of the last run for Prometheus, as a file that node_exporter's textfile collector reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.errors import MetricsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from prometheus_client.core import GaugeMetricFamily

    from monitor.records import FeedState
    from monitor.reports import RunReport

LAST_SUCCESS = "monitor_run_last_success_timestamp_seconds"


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to tell after a run. Without a ``report`` the run broke off; ``feeds`` are the enabled ones."""

    version: str
    ended_at: datetime
    is_success: bool
    last_success: float | None = None
    report: RunReport | None = None
    feeds: Mapping[str, FeedState] = field(default_factory=dict)
    store_bytes: int | None = None
    archive_bytes: int | None = None


def write_metrics(path: Path, facts: Facts) -> None:
    """Write the file aside and rename it. Raises `MetricsError` where that cannot be done."""
    from prometheus_client import CollectorRegistry, write_to_textfile  # noqa: PLC0415 - most runs write none

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(facts))
    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        raise MetricsError(
            f"metrics {path}: cannot be written ({error.strerror}); make its folder, and let this user write there"
        ) from error


def read_last_success(path: Path) -> float | None:
    """When a run last succeeded, in seconds, as an earlier file says; None where it says nothing."""
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - as above

    try:
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
            for sample in family.samples:
                if sample.name == LAST_SUCCESS:
                    return float(sample.value)
    except (OSError, ValueError):
        pass  # there is none yet, or it is not ours: the next success says it
    return None


class _Collector:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All figures, in a fixed order."""
        yield from _tell_run(self._facts)
        if self._facts.report is not None:
            yield from _tell_report(self._facts.report)
        if self._facts.feeds:
            yield from _tell_feeds(self._facts.feeds)
        yield from _tell_sizes(self._facts)


def _tell_run(facts: Facts) -> Iterator[GaugeMetricFamily]:
    ended = facts.ended_at.timestamp()
    yield _make_gauge("monitor_build_info", "Version of the program.", "version", {facts.version: 1})
    yield _make_gauge("monitor_run_last_timestamp_seconds", "When the last run ended.", value=ended)
    yield _make_gauge("monitor_run_success", "Whether the last run succeeded.", value=int(facts.is_success))
    last = ended if facts.is_success else facts.last_success
    if last is not None:
        yield _make_gauge(LAST_SUCCESS, "When a run last succeeded.", value=last)


def _tell_report(report: RunReport) -> Iterator[GaugeMetricFamily]:
    feeds, entries, articles, pages = report.feeds, report.entries, report.articles, report.pages
    seconds = (report.finished_at - report.started_at).total_seconds()
    yield _make_gauge("monitor_bundle_info", "Bundle of the last run.", "bundle", {report.bundle: 1})
    yield _make_gauge("monitor_run_duration_seconds", "How long the last run took.", value=seconds)
    yield _make_gauge("monitor_run_stage_duration_seconds", "Of that, each stage.", "stage", report.seconds)
    visited = {"due": feeds.due, "fetched": feeds.fetched, "not_modified": feeds.not_modified}
    counted = visited | {"failed": feeds.failed, "skipped": feeds.skipped}
    yield _make_gauge("monitor_run_feeds", "Feeds of the last run; due = fetched + not_modified + failed.", "outcome", counted)
    known = {"new": entries.new, "updated": entries.updated, "seen": entries.seen, "rejected": entries.rejected}
    yield _make_gauge("monitor_run_entries", "Entries of the last run.", "outcome", known)
    kept = {"stored": articles.stored, "duplicate": articles.duplicates}
    yield _make_gauge("monitor_run_articles", "New and updated entries of the last run.", "outcome", kept)
    read = {"fetched": pages.fetched, "failed": pages.failed}
    yield _make_gauge("monitor_run_pages", "Article pages of the last run.", "outcome", read)
    yield _make_gauge("monitor_run_assessments", "Assessments made by the last run.", value=report.assessments.made)
    yield _make_gauge("monitor_run_flagged", "Of these, flagged.", value=report.flagged)
    yield _make_gauge("monitor_assessments_pending", "Texts that wait to be assessed.", value=report.assessments.pending)
    yield _make_gauge("monitor_assessments_failed", "Texts that the model failed on.", value=report.assessments.failed)
    kinds = sorted({error.kind for error in report.errors})
    errors = {kind: sum(error.kind == kind for error in report.errors) for kind in kinds}
    yield _make_gauge("monitor_run_errors", "Errors in the last run's report.", "kind", errors)


def _tell_feeds(feeds: Mapping[str, FeedState]) -> Iterator[GaugeMetricFamily]:
    failures = {one: state.failures for one, state in sorted(feeds.items())}
    failing = {one: int(count > 0) for one, count in failures.items()}
    seen = {one: at.timestamp() for one, state in sorted(feeds.items()) if (at := state.last_success_at) is not None}
    yield _make_gauge("monitor_feed_failing", "Whether the last visit to the feed failed.", "feed_id", failing)
    yield _make_gauge("monitor_feed_consecutive_failures", "Visits that failed since one succeeded.", "feed_id", failures)
    yield _make_gauge("monitor_feed_last_success_timestamp_seconds", "When a visit last succeeded.", "feed_id", seen)


def _tell_sizes(facts: Facts) -> Iterator[GaugeMetricFamily]:
    for name, what, size in (
        ("monitor_store_bytes", "Room that the store takes.", facts.store_bytes),
        ("monitor_archive_bytes", "Room that the archive of fetched documents takes.", facts.archive_bytes),
    ):
        if size is not None:
            yield _make_gauge(name, what, value=size)


def _make_gauge(
    name: str, what: str, label: str = "", values: Mapping[str, float] | None = None, *, value: float | None = None
) -> GaugeMetricFamily:
    """A figure: one ``value``, or one for each value of a label."""
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - as above

    if values is None:
        return GaugeMetricFamily(name, what, value=value)
    family = GaugeMetricFamily(name, what, labels=[label])
    for one, number in values.items():
        family.add_metric([one], number)
    return family
