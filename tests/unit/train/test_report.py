import pytest

from monitor.train.compare import Side, compare
from monitor.train.evaluate import evaluate
from monitor.train.report import Table, render_markdown, show, show_interval, tabulate_comparison, tabulate_metrics
from tests.factories import make_labelled
from tests.unit.train.test_compare import AFTER, BEFORE, TEXTS, Scripted
from tests.unit.train.test_evaluate import GOLD, JUDGED, NARRATIVES


def find(tables: list[Table], start: str) -> Table:
    return next(table for table in tables if table.title.startswith(start))


def test_every_figure_and_part_has_its_row():
    tables = tabulate_metrics(evaluate(GOLD, JUDGED, NARRATIVES, resamples=20), {"a": "First", "b": "Second"}.__getitem__)
    assert all(len(row) == len(table.head) for table in tables for row in table.rows)
    figures = {row[0]: row[1:] for row in find(tables, "All 4 texts").rows}
    assert figures["mean average precision over narratives"][0] == "0.75"
    assert figures["flagged of texts that only refute"] == ("0.00", "0.00–0.00")
    assert figures["calibration error"] == ("0.31", "")
    assert [row[0] for row in find(tables, "2 of 2 narratives").rows] == ["First", "Second"]
    parts = find(tables, "Languages").rows
    assert [row[:3] for row in parts if row[0] == "length"] == [
        ("length", "headline only", "2"),
        ("length", "headline and summary", "1"),
        ("length", "with text", "1"),
    ]
    assert ("refutes", "0", "0", "1", "0") in find(tables, "Stance").rows


def test_narratives_of_which_there_is_nothing_to_say_are_left_out():
    tables = tabulate_metrics(evaluate(GOLD[:2], JUDGED[:2], NARRATIVES, resamples=0))
    assert [row[0] for row in find(tables, "1 of 2 narratives").rows] == ["a"]


def test_a_comparison_shows_changes_and_examples():
    sides = [Side(Scripted(name, answer), ("a", "b")) for name, answer in (("one", BEFORE), ("two", AFTER))]
    tables = tabulate_comparison(compare(*sides, TEXTS, examples=3))
    assert [table.title.split()[0] for table in tables] == ["What", "Examples,"]
    assert tables[0].rows == (("a", "A B", "1", "1", "2", "0.13", "0.16"),)
    assert tables[1].rows[0] == ("newly flagged", "a", "new", "0.40 promotes", "0.90 promotes", "Title new")


def test_a_comparison_on_labels_shows_the_figures_of_both():
    gold = [make_labelled("new", {"a": "promotes"}), make_labelled("gone", {"a": "refutes"})]
    one, two = Side(Scripted("one", BEFORE), ("a",)), Side(Scripted("two", AFTER), ("a", "b"))
    tables = tabulate_comparison(compare(one, two, gold, examples=0))
    assert ("precision of flags", "0.00", "1.00") in find(tables, "On the 2 labelled texts, over the 1 narratives").rows
    assert find(tables, "Narratives that").rows == (("a", "1.00", "1.00", "0.00", "1.00", "0.00", "1.00"),)


def test_a_narrative_that_one_side_does_not_know_is_marked():
    tables = tabulate_comparison(
        compare(Side(Scripted("x", BEFORE), ("a",)), Side(Scripted("y", lambda _: ()), ()), TEXTS, examples=0)
    )
    assert tables[0].rows[0][:2] == ("a", "A")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0, "0.00"), (1.0, "1.00"), (0.617, "0.62"), (0.0312, "0.031"), (0.0004, "<0.001"), (0.0005, "0.001")],
)
def test_figures_have_the_digits_that_they_deserve(value, text):
    assert show(value) == text


def test_an_interval_that_is_not_there_is_empty():
    assert (show_interval(None), show_interval([0.1, 0.25])) == ("", "0.10–0.25")


def test_tables_are_markdown_whatever_a_name_holds():
    table = Table("t", ("name", "n"), (("a|b", "1"),))
    assert render_markdown(table) == ["| name | n |", "|---|---:|", "| a\\|b | 1 |"]
