"""Metrics as tables: for the terminal, and as Markdown for the card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.records import (
    STANCES,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitor.train.adoption import Adoption, Check

MISSING = "–"
FIGURES = {
    "mean_average_precision": "mean average precision over narratives",
    "micro_average_precision": "average precision over all pairs",
    "hit_at_1": "top-scored narrative is right",
    "precision": "precision of flags",
    "recall": "recall of flags",
    "f1": "F1 of flags",
    "false_flags_none": "flagged of texts without a narrative",
    "false_flags_reports": "flagged of texts that only report",
    "false_flags_refutes": "flagged of texts that only refute",
    "brier": "Brier score",
    "ece": "calibration error",
    "ece_shown": "calibration error of scores from 0.1 on",
}
CHANGE_NAMES = {
    "newly_flagged": "newly flagged",
    "no_longer_flagged": "no longer flagged",
    "stance_changed": "other stance",
}
PARTS = {
    "by_language": "language",
    "by_length": "length",
    "by_stance": "stance",
}
PART_NAMES = {
    "headline": "headline only",
    "summary": "headline and summary",
    "text": "with text",
    "none": "no narrative",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, column names and rows of text; all columns but the first ``names`` hold numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1


def tabulate_metrics(metrics: Mapping[str, Any], name_of: Callable[[str], str] = str) -> list[Table]:
    """Every table of an evaluation. ``name_of`` says what a narrative is called."""
    return [
        tabulate_figures(metrics),
        tabulate_narratives(metrics, name_of),
        tabulate_parts(metrics),
        tabulate_stances(metrics),
        tabulate_flagged(metrics),
    ]


def tabulate_figures(metrics: Mapping[str, Any]) -> Table:
    """The figures over all texts, each with its interval."""
    flat = {**metrics, **{f"false_flags_{name}": row["share"] for name, row in metrics["false_flags"].items()}}
    rows = [(label, show(flat[key]), show_interval(metrics["intervals"].get(key))) for key, label in FIGURES.items()]
    return Table(f"All {metrics['texts']} texts", ("figure", "value", "95 % interval"), tuple(rows))


def tabulate_narratives(metrics: Mapping[str, Any], name_of: Callable[[str], str] = str, *, spread: bool = False) -> Table:
    """One row for each narrative that some text carries or is flagged for; with ``spread``, with all intervals."""
    head = ("narrative", "carried", "average precision", "precision", "recall", "F1", "top is right", "calibration error", "Brier")
    keys = ("f1", "hit_at_1", "ece", "brier")
    show_more = show_spread if spread else show_key
    rows = [
        (
            name_of(narrative),
            str(row["carried"]),
            show_spread(row, "average_precision"),
            *(show_more(row, key) for key in ("precision", "recall")),
            *(show_key(row, key) for key in keys),
        )
        for narrative, row in metrics["narratives"].items()
        if row["carried"] or row["flagged"]
    ]
    known = len(metrics["narratives"])
    return Table(f"{len(rows)} of {known} narratives (precision, recall and F1 are those of the flags)", head, tuple(rows))


def tabulate_parts(metrics: Mapping[str, Any], *, spread: bool = False) -> Table:
    """One row for each language, length class and stance; with ``spread``, with all intervals."""
    show_more = show_spread if spread else show_key
    head = (
        "texts by",
        "",
        "texts",
        "mean average precision",
        "top is right",
        "precision",
        "recall",
        "flagged",
        "calibration error",
    )
    rows = [
        (
            label,
            PART_NAMES.get(part, part),
            str(row["texts"]),
            show_spread(row, "mean_average_precision"),
            *(show_more(row, key) for key in ("hit_at_1", "precision", "recall")),
            *(show_key(row, key) for key in ("flagged_share", "ece")),
        )
        for by, label in PARTS.items()
        for part, row in metrics[by].items()
    ]
    return Table("Languages, lengths and stances", head, tuple(rows), names=2)


def tabulate_stances(metrics: Mapping[str, Any]) -> Table:
    """Gold against said, over carried narratives."""
    said = (*STANCES, "not listed")
    rows = [(gold, *(str(row[name]) for name in said)) for gold, row in metrics["stance"].items()]
    return Table("Stance of carried narratives", ("is ↓ said →", *said), tuple(rows))


def tabulate_flagged(metrics: Mapping[str, Any]) -> Table:
    """Texts with any flag, by kind of passage."""
    kinds = metrics["flagged_by_kind"].items()
    rows = [(kind, str(row["texts"]), str(row["flagged"]), show(row["share"])) for kind, row in kinds]
    return Table("Flagged texts by kind", ("kind", "texts", "flagged", "share"), tuple(rows))


def tabulate_comparison(result: Mapping[str, Any]) -> list[Table]:
    """Every table of a comparison; those on gold labels only where there were some."""
    tables = [_tabulate_change(result), _tabulate_examples(result)]
    if result["labelled"]:
        tables[1:1] = [_tabulate_both(result), _tabulate_narratives_of_both(result)]
    return [table for table in tables if table.rows]


def _tabulate_change(result: Mapping[str, Any]) -> Table:
    head = ("narrative", "known to", *CHANGE_NAMES.values(), "mean change of score", "of scores from 0.1 on")
    rows = [
        (
            narrative,
            " ".join(side for side in "AB" if row[f"in_{side.lower()}"]),
            *(str(row[kind]) for kind in CHANGE_NAMES),
            show(row["mean_change"]),
            show(row["mean_change_shown"]),
        )
        for narrative, row in result["narratives"].items()
        if row["mean_change"] or any(row[kind] for kind in CHANGE_NAMES)
    ]
    return Table("What changes", head, tuple(rows), names=2)


def _tabulate_both(result: Mapping[str, Any]) -> Table:
    a, b = result["figures"]["a"], result["figures"]["b"]
    rows = [(label, show(a[key]), show(b[key])) for key, label in FIGURES.items() if key in a]
    shared = sum(row["in_a"] and row["in_b"] for row in result["narratives"].values())
    title = f"On the {result['labelled']} labelled texts, over the {shared} narratives that both know"
    return Table(title, ("figure", "A", "B"), tuple(rows))


def _tabulate_narratives_of_both(result: Mapping[str, Any]) -> Table:
    keys = ("average_precision", "precision", "recall")
    head = ("narrative", "average precision A", "B", "precision A", "B", "recall A", "B")
    rows = [
        (narrative, *(show(row[side].get(key)) for key in keys for side in ("a", "b")))
        for narrative, row in result["narratives"].items()
        if any(row[side].get("average_precision") is not None for side in ("a", "b"))
    ]
    return Table("Narratives that the labelled texts carry", head, tuple(rows))


def _tabulate_examples(result: Mapping[str, Any]) -> Table:
    rows = [
        (label, narrative, example["id"], _describe_side(example["a"]), _describe_side(example["b"]), example["title"])
        for kind, label in CHANGE_NAMES.items()
        for narrative, row in result["narratives"].items()
        for example in row["examples"][kind]
    ]
    return Table("Examples, the widest changes first", ("change", "narrative", "id", "A", "B", "title"), tuple(rows), names=6)


def _describe_side(said: Mapping[str, Any]) -> str:
    return f"{show(said['score'])} {said['stance'] or 'not listed'}"


def show(value: float | None) -> str:
    """A figure with as many digits as it deserves."""
    if value is None:
        return MISSING
    return f"{value:.2f}" if value == 0 or value >= 0.1 else f"{value:.3f}" if value >= 0.0005 else "<0.001"


def show_interval(interval: Sequence[float] | None) -> str:
    """The two ends of an interval; nothing where there is none."""
    return f"{show(interval[0])}–{show(interval[1])}" if interval else ""


def show_key(row: Mapping[str, Any], key: str) -> str:
    """A figure alone."""
    return show(row[key])


def show_spread(row: Mapping[str, Any], key: str) -> str:
    """A figure, and behind it the interval if there is one."""
    interval = show_interval(row["intervals"].get(key))
    return f"{show(row[key])} ({interval})" if interval and row[key] is not None else show(row[key])


def render_markdown(table: Table) -> list[str]:
    """A table as lines of Markdown, without its title."""
    ruler = ["---" if k < table.names else "---:" for k in range(len(table.head))]
    return [_join_cells(table.head), f"|{'|'.join(ruler)}|", *(_join_cells(row) for row in table.rows)]


def _join_cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


VERDICTS = {True: "worse", False: "as good or better", None: "too few texts to tell"}


def tabulate_adoption(adoption: Adoption) -> list[Table]:
    """How a new bundle compares with the one in use: every check, and what becomes of each narrative."""
    checks = tuple(
        (f"{check.part}: {check.measure}", VERDICTS[check.is_worse], show(check.old), show(check.new), _show_gain(check))
        for check in adoption.checks
    )
    changes = tuple(
        (c.narrative, show(c.old_average_precision), show(c.new_average_precision), str(c.old_flagged), str(c.new_flagged))
        for c in adoption.changes
    )
    of_narratives = ("narrative", "AP in use", "AP new", "flags in use", "flags new")
    return [
        Table("The new bundle beside the one in use", ("measure", "verdict", "in use", "new", "gain"), checks, names=2),
        Table("Narratives, on the held-out corpus", of_narratives, changes),
    ]


def _show_gain(check: Check) -> str:
    if check.gain is None:
        return MISSING
    return f"{check.gain:+.3f}" + (f" ({check.interval[0]:+.3f} to {check.interval[1]:+.3f})" if check.interval else "")
