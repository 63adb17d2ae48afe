"""``monitor feeds …``: look at the configured feeds, bring others in, find new ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.console import Options, common_options, log, print_json, print_table, progress_bars
from monitor.errors import EXIT_DONE, EXIT_PARTIAL, UsageError

if TYPE_CHECKING:
    from monitor.feedcheck import FeedCheck


@click.group()
def feeds() -> None:
    """Look at the configured feeds, bring others in, and find new ones."""


@feeds.command("list")
@common_options
def feeds_list(options: Options) -> int:
    """Show the configured feeds."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring.parts import open_config  # noqa: PLC0415

    config = open_config(options.places)
    if options.as_json:
        print_json([asdict(feed) for feed in config.feeds])
        return EXIT_DONE
    rows = [(f.id, f.outlet, f.language or "", f.kind or "", "" if f.enabled else "off", f.url) for f in config.feeds]
    print_table(("id", "outlet", "language", "kind", "", "url"), rows)
    return EXIT_DONE


@feeds.command("check")
@click.argument("feed_ids", nargs=-1)
@common_options
def feeds_check(options: Options, feed_ids: tuple[str, ...]) -> int:
    """Try each enabled feed (or the named ones) and explain what came. The store is not touched."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring.feeds import check_feeds  # noqa: PLC0415

    with progress_bars(options) as show:
        checks = check_feeds(options.places, options.clock, feed_ids, show)
    if options.as_json:
        print_json([asdict(check) for check in checks])
    else:
        _print_checks(checks)
    return EXIT_PARTIAL if checks and not any(check.is_ok for check in checks) else EXIT_DONE


def _print_checks(checks: list[FeedCheck]) -> None:
    rows = [
        (c.feed_id, c.outcome, str(c.entries), f"{c.newest_at:%Y-%m-%d %H:%M}" if c.newest_at else "", c.message) for c in checks
    ]
    print_table(("feed", "outcome", "items", "newest (UTC)", "what that means"), rows)
    print(f"{sum(c.is_ok for c in checks)} of {len(checks)} feeds can be read")


@feeds.command("export")
@click.option("--out", type=click.Path(path_type=Path), help="Write into this file instead of stdout.")
@common_options
def feeds_export(options: Options, out: Path | None) -> int:
    """Write the configured feeds as OPML, which every feed reader takes."""
    from monitor.wiring.feeds import export_feeds  # noqa: PLC0415

    content = export_feeds(options.places, options.clock)
    if out is None:
        sys.stdout.buffer.write(content)
        return EXIT_DONE
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written ({error.strerror}); give a file in a folder that exists") from error
    if options.as_json:
        print_json({"file": str(out), "bytes": len(content)})
    return EXIT_DONE


@feeds.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@common_options
def feeds_import(options: Options, file: Path) -> int:
    """Add the feeds of an OPML file to the feeds file. Addresses that it has are passed over, comments stay."""
    from monitor.wiring.feeds import import_feeds  # noqa: PLC0415

    added, problems = import_feeds(options.places, file)
    for problem in problems:
        log.warning("%s: %s", file, problem)
    if options.as_json:
        print_json({"added": added, "problems": problems})
    else:
        print(f"{len(added)} feeds added{': ' if added else ''}{', '.join(added)}")
    return EXIT_DONE


@feeds.command("discover")
@click.argument("url")
@common_options
def feeds_discover(options: Options, url: str) -> int:
    """Find the feeds of a site: those that its page names, else those at the usual places. Each is fetched and read."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.wiring.feeds import find_feeds  # noqa: PLC0415

    found = find_feeds(options.places, options.clock, url)
    if options.as_json:
        print_json(asdict(found))
    else:
        rows = [
            (str(f.entries), f"{f.newest_at:%Y-%m-%d %H:%M}" if f.newest_at else "", f.language or "", f.title, f.url)
            for f in found.feeds
        ]
        print_table(("items", "newest (UTC)", "language", "title", "url"), rows)
        for address, reason in found.failures:
            log.info("%s: %s", address, reason)
    if not found.feeds:
        log.error("%s: no feed found; `-v` says what was tried", url)
    return EXIT_DONE if found.feeds else EXIT_PARTIAL
