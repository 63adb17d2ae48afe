from datetime import timedelta

from monitor.reports import Copy
from monitor.stages.stories import group_stories
from tests.factories import NOON, make_row, make_score

START = NOON - timedelta(hours=12)


def copy(outlet: str, hours: float) -> Copy:
    return Copy(f"feed-{outlet}", outlet, None, NOON + timedelta(hours=hours))


def test_near_copies_are_one_story_led_by_its_best_article():
    copies = (copy("Маяк", -30), copy("Причал", -1), copy("Волна", 2))
    rows = [make_row("a1", cluster_id="c1", copies=copies), make_row("a2"), make_row("a3", cluster_id="c1", copies=copies)]
    first, second = group_stories(rows, start=START)
    assert (first.id, first.lead.article_id, [row.article_id for row in first.rows]) == ("c1", "a1", ["a1", "a3"])
    assert (first.copies, first.new_copies) == (copies, 2)
    assert (second.id, second.lead.article_id) == ("a2", "a2")


def test_a_story_stands_under_its_leads_strongest_flagged_narrative():
    scores = (make_score("kyiv_terror", 0.99, stance="refutes", flagged=False), make_score("ukraine_nazi", 0.8))
    (story,) = group_stories([make_row(narratives=scores)], start=START)
    assert story.narrative == "ukraine_nazi"


def test_no_rows_no_stories():
    assert group_stories([], start=START) == ()
