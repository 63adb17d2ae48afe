"""What the store and the archive hold, read again: a day's digest, an article's way, a document, the state of it all."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from monitor.digests import check_writable
from monitor.errors import UsageError
from monitor.wiring.parts import Clock, Places, open_classifier, open_codebook, open_config, open_store, read_answers

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    from monitor.archive.verify import Verification
    from monitor.doctor import Finding
    from monitor.pipeline.parts import Progress


def write_digest_again(places: Places, clock: Clock, day: date | None, *, since: date | None = None) -> Path:
    """Write a day's digest (today's by default), or that of all days since another, from the store; gives its folder."""
    from monitor.digestfiles import write_files  # noqa: PLC0415

    config = open_config(places)
    chosen = day or clock.read().astimezone(ZoneInfo(config.settings.timezone)).date()
    if since is not None and since > chosen:
        raise UsageError(f"--since {since}: lies after {chosen}; give an earlier day, or a later --day")
    bundle, facts = read_answers(places)
    check_writable(places.digests)
    with open_store(places, must_exist=True) as store:
        digest = store.load_digest(chosen, timezone=config.settings.timezone, bundle=bundle, since=since, facts=facts)
    return write_files(digest, places.digests, open_codebook(places))


def explain_article(places: Places, reference: str) -> tuple[str, dict[str, Any]]:
    """The report on one article, as text and as plain values. Raises `UsageError` where the store has none."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.stages.explain import render_history  # noqa: PLC0415

    with open_store(places, must_exist=True) as store:
        history = store.load_history(reference)
    if history is None:
        raise UsageError(f"{reference}: no such article in the store; give a URL, an article's id or a guid (see the digest)")
    thresholds = open_classifier(places).thresholds
    return render_history(history, open_codebook(places).name_of, thresholds), asdict(history)


def examine(places: Places, clock: Clock) -> list[Finding]:
    """What `monitor doctor` finds."""
    from monitor.doctor import examine as examine_parts  # noqa: PLC0415

    return examine_parts(
        config=lambda: open_config(places),
        store=lambda: open_store(places, must_exist=True),
        classifier=lambda: open_classifier(places),
        environment=os.environ,
        feeds_file=places.feeds_file,
        digests=places.digests,
        now=clock.read(),
        free_bytes=shutil.disk_usage(places.working_folder).free,
    )


def verify_evidence(places: Places, report_progress: Callable[[Progress], None]) -> Verification:
    """Check the archive, against the store's memory of its end where there is a store."""
    from monitor.archive.verify import verify_archive  # noqa: PLC0415
    from monitor.archive.writer import keep_writers_out  # noqa: PLC0415
    from monitor.errors import StoreError  # noqa: PLC0415
    from monitor.pipeline.parts import Progress  # noqa: PLC0415

    try:
        with open_store(places, must_exist=True) as store:
            head = store.load_archive_head(str(places.archive.resolve()))
    except StoreError:
        head = None  # the archive can be checked alone, where the store is elsewhere or lost
    with keep_writers_out(places.archive):
        return verify_archive(
            places.archive,
            expected_head=head,
            report_progress=lambda done, total: report_progress(Progress("verify", done, total)),
        )


def read_evidence(places: Places, sequence: int, *, body_only: bool = False) -> bytes:
    """A document's record as it lies in the archive: WARC headers, HTTP headers, the bytes as fetched.

    With ``body_only`` the document alone, decompressed.
    """
    from monitor.archive.reader import read_record, read_warc  # noqa: PLC0415
    from monitor.fetch.decompress import decompress_entity  # noqa: PLC0415

    if body_only:
        return read_record(places.archive, sequence, decode=decompress_entity).body
    return read_warc(places.archive, sequence)
