from dataclasses import replace
from datetime import date, timedelta

import pytest

from monitor.dayreports import Trend, Trends
from monitor.reports import Copy
from monitor.stages.charts import MAX_LINES, MAX_OUTLETS, HeatMap, Shares, Timeline, make_charts
from monitor.stages.stories import group_stories
from tests.factories import NOON, make_digest, make_row

DAYS = tuple(date(2026, 5, 14) - timedelta(days=28 - n) for n in range(29))


def trend(subject: str, *daily: int) -> Trend:
    return Trend(subject, daily[-1], (*[0] * (29 - len(daily)), *daily), "steady", 1.0, 1.0)


def make_trends(narratives=(), outlets=(), history_days=28) -> Trends:
    return Trends(DAYS, tuple(narratives), tuple(outlets), history_days, 7, 1.0)


def chart(digest, kind):
    return next((one for one in make_charts(digest, lambda narrative: f"Имя {narrative}") if isinstance(one, kind)), None)


def make_spread(*sights: tuple[str, float]):
    copies = tuple(Copy(f"f {outlet}", outlet, None, NOON + timedelta(hours=hours)) for outlet, hours in sights)
    rows = (make_row(copies=copies),)
    return make_digest(*rows, stories=group_stories(rows, start=NOON))


def test_a_quiet_day_has_no_charts():
    assert make_charts(make_digest(), str) == ()
    assert make_charts(make_digest(make_row()), str) == ()


def test_the_heat_map_has_the_most_frequent_narratives_on_top():
    found = chart(make_digest(trends=make_trends([trend("a", 1, 2), trend("b", 9, 0)])), HeatMap)
    assert found.labels == ("Имя b", "Имя a")
    assert found.values[0][-2:] == (9, 0)
    assert (found.days[0], found.days[-1]) == ("2026-04-16", "2026-05-14")
    assert found.description == "2 narratives over 29 days. Most on one day: 9 of “Имя b” on 2026-05-13."
    assert found.table.head[:2] == ("narrative", "2026-04-16")
    assert found.table.rows[1][0] == "Имя a"
    assert [len(row) for row in found.table.rows] == [30, 30]


@pytest.mark.parametrize(("history", "is_drawn"), [(0, False), (1, False), (2, True)])
def test_the_heat_map_waits_for_some_days(history, is_drawn):
    found = chart(make_digest(trends=make_trends([trend("a", 3)], history_days=history)), HeatMap)
    assert (found is not None) == is_drawn


def test_shares_of_outlets_add_up_in_the_table_also_where_not_all_are_drawn():
    outlets = [trend(f"Вестник {n:02}", 30 - n) for n in range(MAX_OUTLETS + 4)]
    found = chart(make_digest(trends=make_trends(outlets=[*outlets, trend("Тихий", 5, 0)])), Shares)
    assert len(found.labels) == len(found.flagged) == MAX_OUTLETS
    assert found.flagged[0] == 30
    assert sum(int(row[1]) for row in found.table.rows) == sum(one.articles for one in outlets)
    assert "Тихий" not in {row[0] for row in found.table.rows}
    assert "Not drawn: 4 outlets" in found.description


def test_the_timeline_shows_the_story_seen_in_most_places():
    found = chart(make_spread(("Маяк", 0), ("Причал", 0.5), ("Маяк", 3), ("Волна", 26)), Timeline)
    assert found.labels == ("Маяк", "Причал", "Волна")
    assert found.hours == ((0, 3), (0.5,), (26,))
    assert found.begins == "2026-05-14 15:00"
    assert found.description == "Seen in 4 places of 3 outlets within 26.0 hours; first by Маяк."
    assert found.table.rows[-1] == ("2026-05-15 17:00", "Волна", "f Волна")


def test_two_places_make_no_timeline():
    assert chart(make_spread(("Маяк", 0), ("Причал", 1)), Timeline) is None


def test_a_story_of_very_many_outlets_is_told_in_full_by_the_table_only():
    found = chart(make_spread(*((f"Вестник {n}", n) for n in range(MAX_LINES + 5))), Timeline)
    assert len(found.labels) == MAX_LINES
    assert len(found.table.rows) == MAX_LINES + 5
    assert f"The first {MAX_LINES} outlets are shown" in found.description


def test_names_are_one_short_line():
    name = "Очень\nдлинное \u202eимя " + "а" * 90
    found = chart(make_digest(trends=make_trends(outlets=[trend(name, 1)])), Shares)
    assert found.labels[0].startswith("Очень длинное имя ааа")
    assert found.labels[0].endswith("…")
    assert len(found.labels[0]) == 44


def test_a_span_is_named_by_its_days():
    digest = replace(make_digest(trends=make_trends(outlets=[trend("a", 1)])), since=date(2026, 5, 1))
    assert chart(digest, Shares).title == "Flagged articles by outlet, 2026-05-01 to 2026-05-14"
