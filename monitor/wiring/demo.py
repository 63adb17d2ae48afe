"""An installation that reads sample feeds from loopback."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import UsageError
from monitor.places import SAMPLES
from monitor.wiring.parts import Clock, Places

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def serve_demo(out: Path, clock: Clock, *, bundle: str | None = None) -> Iterator[Places]:
    """Serve the sample feeds on loopback; gives the places of a fresh installation in ``out`` that reads them."""
    from monitor.demo import serve_samples, write_demo_feeds  # noqa: PLC0415

    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be made ({error.strerror}); give a folder that does not exist yet") from error
    with serve_samples(SAMPLES, clock.read()) as base_url:
        write_demo_feeds(out / "feeds.yaml", base_url)
        yield Places(
            feeds=out / "feeds.yaml",
            db_url=f"sqlite:///{out / 'monitor.db'}",
            digests=out / "digests",
            bundle=bundle,
            working_folder=Path.cwd(),
            archive=out / "archive",
        )
