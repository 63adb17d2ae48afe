from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.dayreports import DayCount
from monitor.stages.trends import MIN_SPIKE_ARTICLES, chance_of_more, judge_trends

DAY = date(2026, 5, 30)
pairs = st.tuples(st.integers(0, 3_000), st.integers(0, 3_000)).map(lambda two: (min(two), max(two)))


@st.composite
def counts(draw):
    found = []
    for subject in range(draw(st.integers(0, 4))):
        for days_ago, (flagged, assessed) in draw(st.dictionaries(st.integers(0, 40), pairs, max_size=40)).items():
            found.append(DayCount(DAY - timedelta(days=days_ago), f"s{subject}", flagged, assessed))
    return found


@settings(deadline=None)
@given(counts(), st.integers(0, 9))
def test_whatever_is_counted_trends_are_told_of_it(found, days):
    since = DAY - timedelta(days=days)
    trends = judge_trends(found, found, day=DAY, since=since)
    subjects = {one.subject for one in found if one.flagged and one.day >= trends.days[0]}
    assert {trend.subject for trend in trends.narratives} == subjects
    for trend in trends.narratives:
        assert trend.articles == sum(one.flagged for one in found if one.subject == trend.subject and one.day >= since)
        for spike in trend.spikes:
            assert spike.articles >= MIN_SPIKE_ARTICLES
            assert since <= spike.day <= DAY
            assert 0 <= spike.chance < trends.false_alarms / 30
            assert spike.expected < spike.articles


@settings(deadline=None)
@given(st.integers(1, 10_000), st.floats(1e-6, 1e4), st.floats(1, 50))
def test_more_is_never_more_likely(count, expected, ratio):
    variance = expected * ratio
    chance, of_more = chance_of_more(count, expected, variance), chance_of_more(count + 1, expected, variance)
    assert 0 <= of_more <= chance <= 1
