"""Pictures of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.figures import BLUE, GREY, VERMILION, new_figure, save_figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes


def draw_evaluation(metrics: Mapping[str, Any], *, title: str, image_format: str) -> bytes:
    """Average precision of each narrative with its interval, beside the calibration curve."""
    rows = _rank_narratives(metrics)
    with new_figure(12.5, max(4.8, 1.6 + 0.27 * len(rows))) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
        _draw_averages(left, rows)
        _draw_calibration(right, metrics)
        figure.suptitle(title, fontsize=13)
        return save_figure(figure, image_format, title)


def draw_calibration(metrics: Mapping[str, Any], *, title: str) -> bytes:
    """The calibration curve alone, as SVG."""
    with new_figure(6.4, 5.6) as figure:
        _draw_calibration(figure.subplots(), metrics)
        figure.suptitle(title, fontsize=13)
        return save_figure(figure, "svg", title)


def _rank_narratives(metrics: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Narratives that some text carries, the worst first: bars are drawn upwards."""
    carried = [(name, row) for name, row in metrics["narratives"].items() if row["average_precision"] is not None]
    return sorted(carried, key=lambda item: (item[1]["average_precision"], item[0]))


def _draw_averages(axes: Axes, rows: list[tuple[str, dict[str, Any]]]) -> None:
    places, values = range(len(rows)), [row["average_precision"] for _, row in rows]
    axes.barh(places, values, color=BLUE, height=0.7)
    spans = [(row["intervals"].get("average_precision"), value) for (_, row), value in zip(rows, values, strict=True)]
    if any(span for span, _ in spans):
        # A resample may lie wholly to one side of the figure itself; a bar has no negative length.
        below = [max(0.0, value - span[0]) if span else 0.0 for span, value in spans]
        above = [max(0.0, span[1] - value) if span else 0.0 for span, value in spans]
        axes.errorbar(values, places, xerr=[below, above], fmt="none", ecolor="black", elinewidth=1.2, capsize=3)
    axes.set_yticks(places, [f"{name} ({row['carried']})" for name, row in rows])
    axes.set_xlim(0, 1)
    axes.grid(visible=False, axis="y")
    axes.set_title("Average precision by narrative")
    axes.set_xlabel("average precision, with 95 % interval")
    axes.set_ylabel("narrative (texts that carry it)")


def _draw_calibration(axes: Axes, metrics: Mapping[str, Any]) -> None:
    bins = metrics["calibration"]
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="as it should be")
    axes.plot([b["mean_score"] for b in bins], [b["carried"] for b in bins], color=VERMILION, marker="o", label="as it is")
    for b in bins:
        # Above the diagonal the number stands over its point, else under it: it never lies on the line between them.
        over = b["carried"] >= b["mean_score"]
        axes.annotate(
            f"{b['pairs']:,}",
            (b["mean_score"], b["carried"]),
            xytext=(0, 9 if over else -9),
            textcoords="offset points",
            fontsize=8,
            va="bottom" if over else "top",
            ha="center",
        )
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.06, 1.06)
    axes.set_title("Calibration of the scores")
    axes.set_xlabel("mean score of the bin (numbers: pairs of text and narrative)")
    axes.set_ylabel("share of the bin that carries the narrative")
    gaps = f"mean gap {metrics['ece']}, {metrics['ece_shown']} from score 0.1 on"
    axes.legend(loc="upper left", title=gaps, alignment="left", framealpha=1, edgecolor="white")
