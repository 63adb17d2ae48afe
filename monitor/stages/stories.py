"""Flagged articles to stories: one for each cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.reports import DigestRow, Story

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def group_stories(rows: Sequence[DigestRow], *, start: datetime) -> tuple[Story, ...]:
    """One story per cluster, in order of its best row; ``rows`` come best first. Copies from ``start`` on are new."""
    by_cluster: dict[str, list[DigestRow]] = {}
    for row in rows:
        by_cluster.setdefault(row.cluster_id or row.article_id, []).append(row)
    return tuple(_make_story(cluster, members, start) for cluster, members in by_cluster.items())


def _make_story(cluster: str, rows: list[DigestRow], start: datetime) -> Story:
    # All rows of a cluster have the same copies; where one has more, it was looked at when the cluster had grown.
    copies = max((row.copies for row in rows), key=len)
    return Story(cluster, tuple(rows), copies, sum(copy.first_seen_at >= start for copy in copies))
