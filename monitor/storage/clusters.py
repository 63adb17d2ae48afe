"""SQL about clusters of near copies. Every function works within the caller's transaction.

A cluster is named by the row of the article in it that was seen first. What is needed to find copies of an article is kept for
`MEMORY`; the clusters stay. An article stays in its cluster when it is edited.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from monitor.stages.copies import (
    MIN_SIMILARITY,
    Candidates,
    ShingleSets,
    WordMemo,
    find_candidates,
    make_bands,
    make_shingles,
    measure_similarity,
    merge_clusters,
)
from monitor.storage.bulk import execute_rows, is_any
from monitor.storage.schema import articles, copy_bands, copy_texts, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from monitor.stages.copies import Pairs

MEMORY = timedelta(days=30)
# Enough to make up for what a step costs at least, few enough for some 100 MB.
ARTICLES_AT_ONCE = 2_000
_STORED = np.dtype("<u4")
# Word hashes of this process; holds nothing that could not be made again.
_MEMO = WordMemo()


def cluster_pending(connection: Connection, *, limit: int = ARTICLES_AT_ONCE) -> int:
    """Put up to ``limit`` articles that have no cluster into theirs, in the order in which they came; gives how many.

    How far back copies are looked for depends on first sight alone, so a backlog is clustered as it would have been day by day.
    """
    pending = _load_pending(connection, limit)
    if not pending:
        return 0
    _forget(connection, min(row.first_seen_at for row in pending) - MEMORY)
    made = make_shingles([f"{row.title} {row.summary} {row.text}" for row in pending], _MEMO)
    chosen = np.flatnonzero(made.sizes)
    rows = np.array([row.id for row in pending], dtype=np.int64)[chosen]
    fresh = ShingleSets(made.values, np.append(made.starts[chosen], made.starts[-1]))
    keys = make_bands(fresh)
    candidates = _find_candidates(connection, rows, keys)
    copies = _choose_copies(connection, rows, fresh, candidates.pairs)
    merged = _merge_clusters(connection, copies, fresh={row.id for row in pending})
    clusters = [{"of_row": row.id, "in_cluster": merged.get(row.id, row.id)} for row in pending]
    execute_rows(connection, _SET_CLUSTER, clusters)
    _save_texts(connection, rows, fresh)
    _save_bands(connection, rows, keys, is_kept=candidates.is_kept)
    return len(pending)


_SET_CLUSTER = update(articles).where(articles.c.id == bindparam("of_row")).values(cluster=bindparam("in_cluster"))
_RENAME_CLUSTER = update(articles).where(articles.c.cluster == bindparam("old")).values(cluster=bindparam("kept"))


def _load_pending(connection: Connection, limit: int) -> Sequence[Any]:
    is_current = (revisions.c.article_id == articles.c.article_id) & (revisions.c.number == articles.c.current_revision)
    texts = select(articles.c.id, articles.c.first_seen_at, revisions.c.title, revisions.c.summary, revisions.c.text)
    query = texts.join(revisions, is_current).where(articles.c.cluster.is_(None))
    return connection.execute(query.order_by(articles.c.id).limit(limit)).all()


def _forget(connection: Connection, before: datetime) -> None:
    """Drop what is needed to find copies of articles first seen before a time.

    Rows are mostly in the order of first sight, but not where old articles were added later: all before the first recent one go.
    """
    first_kept = connection.execute(select(func.min(articles.c.id)).where(articles.c.first_seen_at >= before)).scalar()
    if first_kept is not None:
        connection.execute(delete(copy_bands).where(copy_bands.c.article < first_kept))
        connection.execute(delete(copy_texts).where(copy_texts.c.article < first_kept))


def _find_candidates(connection: Connection, rows: NDArray[np.int64], keys: NDArray[np.int64]) -> Candidates:
    """Pairs of new articles and earlier ones with a band in common; ``is_kept`` speaks of the new band rows only."""
    wanted = is_any(connection, copy_bands.c.band, np.unique(keys).tolist())
    found = connection.execute(select(copy_bands.c.band, copy_bands.c.article).where(wanted)).all()
    known = np.array(found, dtype=np.int64).reshape(-1, 2)
    all_keys = np.concatenate([known[:, 0], keys.ravel()])
    all_rows = np.concatenate([known[:, 1], np.repeat(rows, keys.shape[1])])
    candidates = find_candidates(all_keys, all_rows, first_new=int(rows[0]) if len(rows) else 0)
    return replace(candidates, is_kept=candidates.is_kept[len(known) :])


def _choose_copies(connection: Connection, rows: NDArray[np.int64], fresh: ShingleSets, pairs: Pairs) -> Pairs:
    """The near copies among the pairs of rows."""
    named = np.unique(pairs)
    old_rows, old = _load_texts(connection, named[~np.isin(named, rows)])
    all_rows = np.concatenate([old_rows, rows])
    values = np.concatenate([old.values, fresh.values])
    order = np.argsort(all_rows)
    places = order[np.searchsorted(all_rows, pairs, sorter=order)]
    sets = ShingleSets(values, np.concatenate([old.starts[:-1], fresh.starts + old.starts[-1]]))
    return pairs[measure_similarity(sets, places) >= MIN_SIMILARITY]


def _load_texts(connection: Connection, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], ShingleSets]:
    chosen = is_any(connection, copy_texts.c.article, rows.tolist())
    found = connection.execute(select(copy_texts.c.article, copy_texts.c.shingles).where(chosen)).all()
    sets = ShingleSets.join(np.frombuffer(row.shingles, dtype=_STORED).astype(np.uint32, copy=False) for row in found)
    return np.array([row.article for row in found], dtype=np.int64), sets


def _merge_clusters(connection: Connection, copies: Pairs, *, fresh: set[int]) -> dict[int, int]:
    """Which cluster each cluster among the copies is now part of; members of older clusters that changed are moved."""
    rows = np.unique(copies).tolist()
    known = is_any(connection, articles.c.id, [row for row in rows if row not in fresh])
    clusters = {row: row for row in rows if row in fresh}
    clusters |= {row.id: row.cluster for row in connection.execute(select(articles.c.id, articles.c.cluster).where(known))}
    merged = merge_clusters(clusters, copies.tolist())
    moved = [{"old": old, "kept": kept} for old, kept in merged.items() if old != kept and old not in fresh]
    execute_rows(connection, _RENAME_CLUSTER, moved)
    return merged


def _save_texts(connection: Connection, rows: NDArray[np.int64], fresh: ShingleSets) -> None:
    values = fresh.values.astype(_STORED, copy=False)
    bounds = zip(rows.tolist(), fresh.starts[:-1].tolist(), fresh.starts[1:].tolist(), strict=True)
    texts = [{"article": row, "shingles": values[start:end].tobytes()} for row, start, end in bounds]
    execute_rows(connection, insert(copy_texts), texts)


def _save_bands(connection: Connection, rows: NDArray[np.int64], keys: NDArray[np.int64], *, is_kept: NDArray[np.bool_]) -> None:
    """Make the new articles findable, but for the bands whose buckets are full."""
    owners = np.repeat(rows, keys.shape[1])[is_kept].tolist()
    pairs = sorted(set(zip(keys.ravel()[is_kept].tolist(), owners, strict=True)))
    execute_rows(connection, insert(copy_bands), [{"band": band, "article": row} for band, row in pairs])
