"""The concrete parts, each opened as the configuration says: store, archive, fetcher, readers, classifier."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.config import Config, load_config
from monitor.places import find_default_feeds, find_models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from monitor.archive.writer import Archive
    from monitor.bundle import BundleClassifier
    from monitor.codebook import Codebook
    from monitor.dayreports import BundleFacts
    from monitor.fetch.client import HttpFetcher
    from monitor.readers import Readers
    from monitor.storage.store import SqlStore

ARTICLES_AT_ONCE = 200
# What reading one document may take. feedparser needs 0.1 s for the largest real feed seen.
PARSE_TIMEOUT_S = 4.0
PARSE_MEMORY_BYTES = 256_000_000


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are. ``feeds`` and ``bundle`` are None where the user named none."""

    feeds: Path | None
    db_url: str
    digests: Path
    bundle: str | None
    working_folder: Path
    use_encoder: bool = True
    archive: Path = Path("archive")

    @property
    def feeds_file(self) -> Path:
        """The feeds file in use."""
        return self.feeds or find_default_feeds(self.working_folder)

    @property
    def models(self) -> Path:
        """The folder of bundles in use."""
        return find_models(self.working_folder)


@dataclass(frozen=True, slots=True)
class Clock:
    """``read`` gives the time now (or the one given with --now), ``timer`` seconds for measuring."""

    read: Callable[[], datetime]
    timer: Callable[[], float]


def open_config(places: Places) -> Config:
    """The configuration in use."""
    return load_config(places.feeds_file)


def open_store(places: Places, *, must_exist: bool = False) -> SqlStore:
    """The store in use."""
    from monitor.storage.store import SqlStore  # noqa: PLC0415

    return SqlStore(places.db_url, must_exist=must_exist)


def open_codebook(places: Places) -> Codebook:
    """The codebook in use."""
    from monitor.codebook import load_codebook  # noqa: PLC0415

    return load_codebook(places.models / "codebook.yaml")


def open_classifier(places: Places) -> BundleClassifier:
    """A classifier with the bundle in use. Every byte of the bundle is checked first."""
    from monitor.bundle import BundleClassifier, load_bundle, resolve_bundle  # noqa: PLC0415
    from monitor.encoder import find_encoder  # noqa: PLC0415

    model = load_bundle(resolve_bundle(places.bundle, places.models))
    encoder = find_encoder(model.second.encoder) if model.second is not None and places.use_encoder else None
    return BundleClassifier(model, encoder)


def open_fetcher(config: Config, clock: Clock) -> HttpFetcher:
    """A fetcher with the configured limits."""
    from monitor.fetch.client import FetchLimits, HttpFetcher, make_user_agent  # noqa: PLC0415

    fetch = config.settings.fetch
    limits = FetchLimits(
        concurrency=fetch.concurrency,
        per_host=fetch.per_host,
        min_delay_s=fetch.min_delay_s,
        timeout_s=fetch.timeout_s,
        max_bytes=fetch.max_bytes,
        allow_private_networks=fetch.allow_private_networks,
    )
    return HttpFetcher(limits, user_agent=make_user_agent(__version__, config.settings.contact), read_clock=clock.read)


@contextmanager
def open_readers(workers: int = 2) -> Iterator[Readers]:
    """Readers of hostile documents; their processes start with the first document that needs one."""
    from monitor.readers import Readers  # noqa: PLC0415
    from monitor.workers import WorkerPool  # noqa: PLC0415

    with WorkerPool(workers, timeout_s=PARSE_TIMEOUT_S, max_memory_bytes=PARSE_MEMORY_BYTES) as pool:
        yield Readers(pool)


@contextmanager
def open_archive(places: Places, config: Config) -> Iterator[Archive | None]:
    """The archive of fetched documents, for writing; None where it is switched off."""
    from monitor.archive.writer import Archive  # noqa: PLC0415

    if not config.settings.archive.enabled:
        yield None
        return
    with Archive(places.archive) as archive:
        yield archive


def read_answers(places: Places) -> tuple[str, BundleFacts]:
    """The id under which the bundle in use answers, with its thresholds and languages, without reading its weights."""
    from monitor.bundle import describe_answers, resolve_bundle  # noqa: PLC0415
    from monitor.encoder import NAME, find_encoder  # noqa: PLC0415

    use_encoder = places.use_encoder and find_encoder(NAME) is not None
    return describe_answers(resolve_bundle(places.bundle, places.models), use_encoder=use_encoder)
