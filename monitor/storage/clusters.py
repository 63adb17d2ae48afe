"""SQL about clusters of near copies. Every function works within the caller's transaction.

A cluster is named by the row of the article in it that was seen first. What is needed to find copies of an article is kept for
`MEMORY` days; the clusters stay. An article stays in its cluster when it is edited.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from monitor.stages.copies import MIN_SIMILARITY, Groups, WordHashes, make_band_keys, make_shingles, measure_similarity
from monitor.storage.schema import articles, copy_bands, copy_texts, revisions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

MEMORY = timedelta(days=30)
ARTICLES_AT_ONCE = 2_000
# More in one band than this is boilerplate, or a story that everybody copies: the newest will do.
MAX_IN_BAND = 60
_KEYS_AT_ONCE = 10_000
_known_words = WordHashes()


def cluster_pending(connection: Connection, *, now: datetime, limit: int = ARTICLES_AT_ONCE) -> int:
    """Put up to ``limit`` articles that have no cluster into theirs, in the order in which they came; gives how many."""
    pending = _load_pending(connection, limit)
    if not pending:
        _forget(connection, now - MEMORY)
        return 0
    shingles = {row.id: make_shingles(f"{row.title}\n{row.summary}\n{row.text}", _known_words) for row in pending}
    keys = {row: make_band_keys(found) for row, found in shingles.items()}
    bands = _load_bands(connection, {key for found in keys.values() for key in found})
    candidates = _find_candidates(keys, bands)
    old = {row for found in candidates.values() for row in found if row not in shingles}
    texts = _load_texts(connection, sorted(old)) | shingles
    clusters = _load_clusters(connection, sorted(old))
    groups = _join_copies(candidates, texts, clusters)
    _save(connection, shingles, keys, groups, clusters)
    return len(pending)


def _load_pending(connection: Connection, limit: int) -> Sequence[Any]:
    is_current = (revisions.c.article_id == articles.c.article_id) & (revisions.c.number == articles.c.current_revision)
    query = select(articles.c.id, revisions.c.title, revisions.c.summary, revisions.c.text).join(revisions, is_current)
    return connection.execute(query.where(articles.c.cluster.is_(None)).order_by(articles.c.id).limit(limit)).all()


def _chunks(values: Sequence[int]) -> Iterable[Sequence[int]]:
    return (values[start : start + _KEYS_AT_ONCE] for start in range(0, len(values), _KEYS_AT_ONCE))


def _load_bands(connection: Connection, keys: set[int]) -> defaultdict[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for chunk in _chunks(sorted(keys)):
        query = select(copy_bands.c.band, copy_bands.c.article).where(copy_bands.c.band.in_(chunk))
        for band, row in connection.execute(query.order_by(copy_bands.c.band, copy_bands.c.article)):
            found[band].append(row)
    return found


def _find_candidates(keys: dict[int, list[int]], bands: defaultdict[int, list[int]]) -> dict[int, set[int]]:
    """Earlier rows that share a band with each new one; the new ones are added to ``bands`` on the way."""
    candidates: dict[int, set[int]] = {}
    for row, found in keys.items():
        candidates[row] = {other for key in found for other in bands[key][-MAX_IN_BAND:]}
        for key in found:
            bands[key].append(row)
    return candidates


def _load_texts(connection: Connection, rows: Sequence[int]) -> dict[int, NDArray[np.uint32]]:
    found: dict[int, NDArray[np.uint32]] = {}
    for chunk in _chunks(rows):
        query = select(copy_texts.c.article, copy_texts.c.shingles).where(copy_texts.c.article.in_(chunk))
        found |= {row: np.frombuffer(blob, dtype="<u4") for row, blob in connection.execute(query)}
    return found


def _load_clusters(connection: Connection, rows: Sequence[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for chunk in _chunks(rows):
        query = select(articles.c.id, articles.c.cluster).where(articles.c.id.in_(chunk))
        found |= {row.id: row.cluster for row in connection.execute(query)}
    return found


def _join_copies(candidates: dict[int, set[int]], texts: dict[int, NDArray[np.uint32]], clusters: dict[int, int]) -> Groups:
    groups = Groups()
    for row, found in candidates.items():
        for other in sorted(found, reverse=True):
            cluster = clusters.get(other, other)
            # One member that is a copy is enough.
            if groups.find(cluster) != groups.find(row) and measure_similarity(texts[row], texts[other]) >= MIN_SIMILARITY:
                groups.join(row, cluster)
    return groups


def _save(
    connection: Connection,
    shingles: dict[int, NDArray[np.uint32]],
    keys: dict[int, list[int]],
    groups: Groups,
    clusters: dict[int, int],
) -> None:
    rows = [{"of_row": row, "in_cluster": groups.find(row)} for row in shingles]
    statement = update(articles).where(articles.c.id == bindparam("of_row")).values(cluster=bindparam("in_cluster"))
    connection.execute(statement, rows)
    merged = [{"old": cluster, "new": groups.find(cluster)} for cluster in sorted(set(clusters.values()))]
    if moved := [one for one in merged if one["old"] != one["new"]]:
        connection.execute(update(articles).where(articles.c.cluster == bindparam("old")).values(cluster=bindparam("new")), moved)
    texts = [{"article": row, "shingles": found.astype("<u4").tobytes()} for row, found in shingles.items() if len(found)]
    if texts:
        connection.execute(insert(copy_texts), texts)
        connection.execute(insert(copy_bands), [{"band": key, "article": row} for row, found in keys.items() for key in set(found)])


def _forget(connection: Connection, before: datetime) -> None:
    """Drop what is needed to find copies of articles first seen before a time."""
    last = connection.execute(select(func.max(articles.c.id)).where(articles.c.first_seen_at < before)).scalar()
    if last is not None:
        connection.execute(delete(copy_bands).where(copy_bands.c.article <= last))
        connection.execute(delete(copy_texts).where(copy_texts.c.article <= last))
