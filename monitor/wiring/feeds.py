"""What `monitor feeds` does, put together from concrete parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config import load_config
from monitor.errors import UsageError
from monitor.wiring.parts import open_config, open_fetcher, open_readers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.discover import Discovery
    from monitor.feedcheck import FeedCheck
    from monitor.pipeline.parts import Progress
    from monitor.wiring.parts import Clock, Places


def check_feeds(places: Places, clock: Clock, only: Sequence[str], progress: Callable[[Progress], None]) -> list[FeedCheck]:
    """Try the enabled feeds (or the named ones) without touching the store."""
    from monitor.feedcheck import check_feeds as check  # noqa: PLC0415

    config = open_config(places)
    if unknown := set(only) - {feed.id for feed in config.feeds}:
        raise UsageError(f"{', '.join(sorted(unknown))}: no such feed in {places.feeds_file}; `monitor feeds list` shows them")
    chosen = [feed for feed in config.feeds if (feed.id in only if only else feed.enabled)]
    with open_readers() as readers:
        return check(open_fetcher(config, clock), readers.parse, chosen, progress)


def export_feeds(places: Places, clock: Clock) -> bytes:
    """The configured feeds as OPML."""
    from monitor.export.opml import write_opml  # noqa: PLC0415

    return write_opml(open_config(places).feeds, title="narrative-monitor", made_at=clock.read())


def import_feeds(places: Places, path: Path) -> tuple[list[str], tuple[str, ...]]:
    """Add the feeds of an OPML file to the feeds file; gives the new ids, and a line on all that was mended or left out."""
    from monitor.export.feedlist import add_feeds  # noqa: PLC0415
    from monitor.export.opml import make_feeds, read_opml  # noqa: PLC0415

    known = open_config(places).feeds
    try:
        found = read_opml(path.read_bytes())
        before = places.feeds_file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read ({error.strerror}); give an OPML file and a feeds file") from error
    target = places.feeds or places.working_folder / "feeds.yaml"
    new = make_feeds(found.feeds, taken={feed.id for feed in known})
    _replace_file(target, add_feeds(before, new))
    added = [feed.id for feed in load_config(target).feeds if feed.id not in {one.id for one in known}]
    return added, found.problems


def _replace_file(path: Path, text: str) -> None:
    """Write aside and rename: a reader never sees half a file."""
    aside = path.with_name(f".{path.name}.new")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); make it writable or name another with --feeds") from error


def find_feeds(places: Places, clock: Clock, url: str) -> Discovery:
    """The feeds of a site, each fetched and read."""
    import asyncio  # noqa: PLC0415

    from monitor.discover import discover_feeds  # noqa: PLC0415
    from monitor.errors import FetchError  # noqa: PLC0415
    from monitor.records import (  # noqa: PLC0415
        Feed,
        FeedState,
        FetchedFeed,
    )
    from monitor.urls import is_web_url  # noqa: PLC0415

    if not is_web_url(url):
        raise UsageError(f"{url}: is no web address; write it in full, with http:// or https://")
    fetcher = open_fetcher(open_config(places), clock)

    async def fetch(address: str) -> FetchedFeed | FetchError:
        asked = [(Feed("discover", address, outlet="discover"), FeedState())]
        outcomes = [outcome async for _, outcome in fetcher.fetch_feeds(asked)]
        match outcomes[0]:
            case FetchedFeed() | FetchError() as outcome:
                return outcome
            case _:
                return FetchError("not_modified", "answered 304 although nothing was known of it")

    with open_readers(workers=1) as readers:
        return asyncio.run(discover_feeds(fetch, readers, url))
