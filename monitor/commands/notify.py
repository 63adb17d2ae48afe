"""``monitor notify``: try the channels."""

from __future__ import annotations

import os

import click

from monitor.console import Options, common_options, print_json
from monitor.errors import EXIT_DONE, EXIT_PARTIAL, UsageError


@click.command()
@click.argument("channels", nargs=-1)
@common_options
def notify(options: Options, channels: tuple[str, ...]) -> int:
    """Send each channel of the feeds file (or the named ones) a test message. `monitor run` tells them what is new by itself."""
    from dataclasses import asdict  # noqa: PLC0415

    from monitor.notify import send_test  # noqa: PLC0415
    from monitor.wiring.parts import open_config  # noqa: PLC0415

    configured = open_config(options.places).settings.notify.channels
    if not configured:
        raise UsageError(f"{options.places.feeds_file}: names no channel; add one under `settings: notify: channels:`")
    if unknown := [name for name in channels if name not in configured]:
        raise UsageError(f"no channel {', '.join(unknown)} in {options.places.feeds_file}; it has {', '.join(configured)}")
    outcomes = send_test(channels or configured, os.environ)
    if options.as_json:
        print_json([asdict(outcome) for outcome in outcomes])
    else:
        for outcome in outcomes:
            print(outcome.error or f"channel {outcome.channel}: took the message")
    return EXIT_PARTIAL if any(outcome.error for outcome in outcomes) else EXIT_DONE
