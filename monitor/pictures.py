"""The pictures of a digest, drawn by matplotlib: SVG and PNG files, and an SVG to put into the page.

The same chart gives the same bytes with the same version of matplotlib. Drawing takes a second, so a picture carries the
mark of what it shows (`mark_of`), and one that is there already is taken again (`reuse`).
"""

from __future__ import annotations

import hashlib
import re
import warnings
import xml.etree.ElementTree as ET
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from monitor.figures import VERMILION, new_figure, save_figure
from monitor.stages.charts import Chart, HeatMap, Shares, Timeline
from monitor.stages.render import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# To be raised when the drawing changes: pictures of another version are drawn anew.
_VERSION = 4
# In a page these stand for the colours of its theme.
_INK, _PAPER, _LINE, _SOFT = "#1d2328", "#fffffe", "#d9d6ce", "#59636c"
_THEME = {_INK: "currentColor", _PAPER: "none", _LINE: "var(--line)", _SOFT: "var(--soft)", VERMILION.lower(): "var(--promotes)"}
_STYLE = {
    "text.color": _INK,
    "axes.edgecolor": _SOFT,
    "axes.labelcolor": _INK,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "grid.color": _LINE,
    "figure.facecolor": _PAPER,
    "axes.facecolor": _PAPER,
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
}
_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_TAGS = {f"{_SVG}{tag}": tag for tag in ("svg", "g", "path", "defs", "clipPath", "use", "rect", "text", "tspan", "pattern")}
_ATTRIBUTES = {"viewBox", "d", "style", "transform", "x", "y", "width", "height", "clip-path", "text-anchor", "patternUnits"}
# Where one part of a picture names another; what makes it long.
_REFERENCE = re.compile(r"^#(.+)$|url\(#([^)]+)\)")
_FAMILY = re.compile(r"\s*font-family:[^;]*;?|\n\s*")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def mark_of(chart: Chart) -> str:
    """What tells a picture of this chart from all others."""
    said = f"{_VERSION} {version('matplotlib')} {chart!r}"
    return f"narrative-monitor:{hashlib.sha256(said.encode()).hexdigest()}"


def draw(chart: Chart, reuse: Callable[[str], bytes | None] = lambda _: None) -> Picture:
    """A chart as picture. ``reuse`` gives a file of an earlier digest of that day by its name, or None."""
    mark = mark_of(chart)
    names = (f"{chart.name}.svg", f"{chart.name}.png")
    kept = [reuse(name) for name in names]
    svg, png = (content if content is not None and mark.encode() in content[:4096] else None for content in kept)
    if svg is None or png is None:
        svg, png = _draw_both(chart, mark)
    return Picture(chart, {names[0]: svg, names[1]: png}, inline(svg, chart))


def _draw_both(chart: Chart, mark: str) -> tuple[bytes, bytes]:
    width, height = _measure(chart)
    with warnings.catch_warnings(), new_figure(width, height, _STYLE) as figure:
        # Names in scripts that the font lacks get boxes in the PNG; the SVG and the table have them right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        _draw_chart(figure, chart)
        figure.suptitle(chart.title, fontsize=12, x=0.01, ha="left")
        # The PNG first: it finds out how large everything is, which need not be done twice.
        png = save_figure(figure, "png", chart.title, Identifier=mark, Description=chart.description)
        figure.set_layout_engine("none")
        svg = save_figure(figure, "svg", chart.title, Identifier=mark, Description=chart.description)
    return svg, png


def _measure(chart: Chart) -> tuple[float, float]:
    """Width and height in inches."""
    height = 1.3 + 0.27 * len(chart.labels)
    return (10.0 if isinstance(chart, HeatMap) else 5.8), max(2.0, height)


def _draw_chart(figure: Figure, chart: Chart) -> None:
    axes = figure.subplots()
    if isinstance(chart, HeatMap):
        _draw_heat_map(figure, axes, chart)
    elif isinstance(chart, Shares):
        _draw_shares(axes, chart)
    else:
        _draw_timeline(axes, chart)


def _draw_heat_map(figure: Figure, axes: Axes, chart: HeatMap) -> None:
    import numpy as np  # noqa: PLC0415
    from matplotlib.colors import PowerNorm  # noqa: PLC0415

    values = np.array(chart.values)
    # Darker is more, also on paper without colours. Days without any stay blank; the square root keeps small counts apart.
    norm = PowerNorm(0.5, vmin=0, vmax=max(1, int(values.max())))
    mesh = axes.pcolormesh(np.ma.masked_equal(values, 0), cmap="cividis_r", norm=norm, edgecolors=_PAPER, linewidth=0.6)
    dense = len(chart.days) > 60
    for row, column in np.argwhere(values > 0):
        number = int(values[row, column])
        ink = "#ffffff" if norm(number) > 0.5 else "#000000"
        if not dense:
            label = axes.text(column + 0.5, row + 0.52, str(number), ha="center", va="center", fontsize=7, color=ink)
            label.set_in_layout(False)  # it lies within its cell: measuring hundreds of them would take half a second
    axes.invert_yaxis()
    axes.set_yticks(np.arange(len(chart.labels)) + 0.5, chart.labels)
    step = max(1, len(chart.days) // 9)
    shown = list(range(len(chart.days) - 1, -1, -step))[::-1]
    axes.set_xticks([day + 0.5 for day in shown], [chart.days[day][5:] for day in shown])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)
    if dense:
        bar: Any = figure.colorbar(mesh, ax=axes, fraction=0.025, pad=0.01)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, length=0)
        bar.ax.grid(visible=False)


def _draw_shares(axes: Axes, chart: Shares) -> None:
    places = range(len(chart.labels))
    axes.barh(places, chart.flagged, color=VERMILION, height=0.68)
    for place, number in zip(places, chart.flagged, strict=True):
        axes.annotate(str(number), (number, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(places, chart.labels)
    axes.invert_yaxis()
    axes.set_xlim(0, max(chart.flagged) * 1.08)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    axes.set_xlabel("flagged articles")
    axes.spines["left"].set_visible(False)


def _draw_timeline(axes: Axes, chart: Timeline) -> None:
    for place, hours in enumerate(chart.hours):
        axes.plot([0, hours[0]], [place, place], color=_LINE, linewidth=1, zorder=1)
        axes.plot(hours, [place] * len(hours), linestyle="none", marker="o", markersize=6, color=VERMILION, zorder=2)
        # The first sight in each outlet has a ring: shape says what colour says.
        axes.plot(hours[:1], [place], linestyle="none", marker="o", markersize=11, markerfacecolor="none", color=_INK, zorder=3)
    axes.set_yticks(range(len(chart.labels)), chart.labels)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(-0.04 * (longest := max(1.0, *map(max, chart.hours))), 1.04 * longest)
    axes.margins(y=0.08)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"hours since {chart.begins}; a ring marks each outlet's first")
    axes.spines["left"].set_visible(False)


def inline(svg: bytes, chart: Chart) -> str:
    """A picture as an element for a page: only plain shapes and text, in the page's colours, with a text alternative."""
    root = ET.fromstring(svg)  # noqa: S314 - drawn above, or told by its mark to be
    used = {name for value in _list_values(root) for names in _REFERENCE.findall(value) for name in names if name}
    body = _rebuild(root, f"{chart.name}-", used)
    assert body is not None  # noqa: S101 - an SVG's root is one
    width, height = (float(n) for n in root.attrib["viewBox"].split()[2:])
    body.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-labelledby": f"{chart.name}-title {chart.name}-desc",
        "class": "picture",
        "style": f"aspect-ratio: {width:.0f} / {height:.0f}; stroke-linejoin: round; stroke-linecap: butt",
    }
    for name, text in (("desc", chart.description), ("title", chart.title)):
        element = ET.Element(name, {"id": f"{chart.name}-{name}"})
        element.text = text
        body.insert(0, element)
    return ET.tostring(body, encoding="unicode", short_empty_elements=True)


def _list_values(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        yield from element.attrib.values()


def _rebuild(element: ET.Element, prefix: str, used: set[str]) -> ET.Element | None:
    """The element without what is not known to be harmless, or is of no use; its ids are made unique within a page."""
    tag = _TAGS.get(element.tag)
    if tag is None:
        return None
    made = ET.Element(tag, {name: _adapt(value, prefix) for name, value in element.attrib.items() if name in _ATTRIBUTES})
    if made.attrib.get("transform", "").startswith("rotate(-0 "):
        del made.attrib["transform"]
    if element.attrib.get("id") in used:
        made.attrib["id"] = prefix + element.attrib["id"]
    if element.attrib.get(_HREF, "").startswith("#"):
        made.attrib["href"] = f"#{prefix}{element.attrib[_HREF][1:]}"
    made.text = element.text if tag in {"text", "tspan"} else None
    for child in element:
        kept = _rebuild(child, prefix, used)
        if kept is not None:
            made.append(kept)
    return made if len(made) or tag not in {"g", "defs"} else None


def _adapt(value: str, prefix: str) -> str:
    for colour, themed in _THEME.items():
        value = value.replace(colour, themed)
    value = _FAMILY.sub("", value.replace("url(#", f"url(#{prefix}"))
    return _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)
