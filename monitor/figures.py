"""What all pictures share: figures made without a screen, and bytes that are the same for the same figures.

Colours are those of Okabe and Ito, which colour-blind people tell apart; shape and text say the same again.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matplotlib.figure import Figure

FORMATS = ("svg", "png")
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#666666"
# Of any type: which names and values there are differs between versions of matplotlib.
_STYLE: Any = {
    "svg.hashsalt": "narrative-monitor",
    "svg.fonttype": "none",  # text stays text: small, searchable, readable aloud
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "font.size": 10,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dddddd",
}
_NO_DATE: dict[str, dict[str, Any]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
_DOTS_PER_INCH = 150


@contextmanager
def new_figure(width: float, height: float, style: Mapping[str, Any] | None = None) -> Iterator[Figure]:
    """An empty figure, sizes in inches; settings of the user's own matplotlib do not reach it."""
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE | dict(style or {}))
        yield Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, image_format: str, title: str, **metadata: str) -> bytes:
    """The figure as ``svg`` or ``png``, without a date."""
    buffer = io.BytesIO()
    given = {"Title": title, **_NO_DATE[image_format], **metadata}
    figure.savefig(buffer, format=image_format, dpi=_DOTS_PER_INCH, metadata=given)
    return buffer.getvalue()
