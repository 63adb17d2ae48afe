"""A digest from its value to its folder: pictures drawn, pages rendered, files written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.digests import write_digest
from monitor.figures import FORMATS
from monitor.pictures import draw
from monitor.stages.charts import CHART_NAMES, make_charts
from monitor.stages.render import render_digest

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.codebook import Codebook
    from monitor.reports import Digest


def write_files(digest: Digest, digests: Path, codebook: Codebook, *, takes_pictures_again: bool = False) -> Path:
    """Write all files of a digest; gives its folder. Raises `DigestError` where it cannot be written.

    ``takes_pictures_again``: pictures of the same figures that are there already are not drawn again, as drawing takes a second.
    """
    folder = digests / digest.span

    def reuse(name: str) -> bytes | None:
        try:
            return (folder / name).read_bytes() if takes_pictures_again else None
        except OSError:
            return None  # it will be drawn anew

    pictures = [draw(chart, reuse) for chart in make_charts(digest, codebook.name_of)]
    files = render_digest(digest, codebook.name_of, priority=codebook.priority, pictures=pictures)
    write_digest(files, digests, digest.span)
    for name in (f"{chart}.{kind}" for chart in CHART_NAMES for kind in FORMATS):
        if name not in files:
            (folder / name).unlink(missing_ok=True)  # of an earlier digest of the day, which this one does not confirm
    return folder
