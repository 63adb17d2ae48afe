"""A month of 2,000 articles a day: what was planted in it stands in the digests, and hardly anything else does."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.stages.render import render_digest
from monitor.stages.trends import FALSE_ALARMS
from monitor.storage.store import SqlStore
from tests.factories import BUNDLE
from tests.filled_store import NARRATIVES, ZONE, Burst, Plan, fill_store

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.reports import Digest

BURSTS = (Burst(NARRATIVES[3], 12, 14), Burst(NARRATIVES[14], 20, 30), Burst(NARRATIVES[25], 27, 90))
SILENT_OUTLET, SILENT_FROM = 7, 22
EDIT = (NARRATIVES[5], 10, 24)
PLAN = Plan(days=30, per_day=2_000, outlets=40, bursts=BURSTS, silent=(SILENT_OUTLET, SILENT_FROM), edited=EDIT)
# Fewer days than this before it, and no spike can be told.
FIRST_JUDGED = 7


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> list[Digest]:
    """The digest of each day of the month, as written on that day's evening or any time later."""
    db_url = f"sqlite:///{tmp_path_factory.mktemp('month') / 'monitor.db'}"
    fill_store(db_url, PLAN)
    with SqlStore(db_url, must_exist=True) as store:
        return [store.load_digest(day_of(n), timezone=ZONE, bundle=BUNDLE) for n in range(PLAN.days)]


def day_of(number: int) -> date:
    return PLAN.first_day + timedelta(days=number)


def name_of(narrative: str) -> str:
    return f"The story called {narrative}"


def read(digest: Digest) -> dict[str, str]:
    return {name: content.decode() for name, content in render_digest(digest, name_of).items()}


def test_the_month_has_what_it_should(digests: list[Digest]) -> None:
    assert 50_000 < sum(digest.counts.articles for digest in digests) <= 60_001
    assert {digest.counts.pending + digest.counts.failed for digest in digests} == {0}
    assert len({row.outlet for digest in digests for row in digest.rows}) == 40


@pytest.mark.parametrize("burst", BURSTS, ids=lambda burst: burst.narrative)
def test_a_reader_finds_each_burst_on_its_day(digests: list[Digest], burst: Burst) -> None:
    digest = digests[burst.day]
    trend = next(trend for trend in digest.trends.narratives if trend.subject == burst.narrative)
    assert [spike.day for spike in trend.spikes] == [day_of(burst.day)]
    assert burst.articles <= trend.spikes[0].articles <= burst.articles + 5 * PLAN.rates[NARRATIVES.index(burst.narrative)]
    assert any(shift.narrative == burst.narrative and shift.now > shift.before for shift in digest.comparison.shifts)
    files = read(digest)
    for page in (files["digest.html"], files["digest.md"]):
        told = page[page.index("More than chance explains") :]
        assert name_of(burst.narrative).replace("_", "") in told[:1500].replace("\\_", "").replace("_", "")
        assert f"{trend.spikes[0].articles} flagged where about" in told


def test_a_reader_finds_the_edit_on_its_day(digests: list[Digest]) -> None:
    narrative, first, later = EDIT
    assert [n for n, digest in enumerate(digests) if digest.changes.edits] == [later]
    (edit,) = digests[later].changes.edits
    assert (edit.appeared, edit.before_revision, edit.revision) == ((narrative,), 1, 2)
    assert not any(row.article_id == edit.article_id for row in digests[first].rows)
    page = read(digests[later])["digest.html"]
    told = page[page.index('id="changed"') :]
    assert f"narrative appeared: {name_of(narrative)} (revision 1 to 2)" in told
    assert f"monitor explain {edit.article_id}" in told


def test_a_reader_finds_the_outlet_that_fell_silent(digests: list[Digest]) -> None:
    feed_id, outlet = f"feed-{SILENT_OUTLET:02}", f"Outlet {SILENT_OUTLET:02}"
    for number, digest in enumerate(digests):
        silent = [note.feed_id for note in digest.feed_notes if note.state == "silent"]
        # A day of silence is told of when it is over.
        assert silent == ([feed_id] if number > SILENT_FROM else []), number
    for name in ("digest.html", "digest.md"):
        page = read(digests[-1])[name]
        assert outlet in page
        assert "although something usually comes every" in page
    html = read(digests[-1])["digest.html"]
    assert html.index(outlet) < html.index("<main")


def test_nothing_else_is_called_a_spike_beyond_the_stated_rate(digests: list[Digest]) -> None:
    planted = {(burst.narrative, day_of(burst.day)) for burst in BURSTS}
    found = {(t.subject, spike.day) for digest in digests for t in digest.trends.narratives for spike in t.spikes}
    outlets = {(t.subject, spike.day) for digest in digests for t in digest.trends.outlets for spike in t.spikes}
    assert planted <= found
    # What is stated is the mean of a month; four in one month are rarer than one in fifty.
    assert len(found - planted) <= FALSE_ALARMS + 2
    assert len(outlets) <= FALSE_ALARMS + 2


def test_the_first_days_say_that_there_is_no_history(digests: list[Digest]) -> None:
    assert [digest.trends.history_days for digest in digests[:4]] == [0, 1, 2, 3]
    assert not any(trend.spikes for digest in digests[:FIRST_JUDGED] for trend in digest.trends.narratives)
    assert "Only 3 days of history: no trend yet" in read(digests[3])["digest.html"]
    assert "days of history" not in read(digests[8])["digest.html"]


def test_a_digest_of_the_whole_month_tells_all_of_it(tmp_path: Path, digests: list[Digest]) -> None:
    plan = Plan(days=14, per_day=200, outlets=8, bursts=(Burst(NARRATIVES[2], 12, 12),))
    fill_store(f"sqlite:///{tmp_path / 'monitor.db'}", plan)
    with SqlStore(f"sqlite:///{tmp_path / 'monitor.db'}") as store:
        span = store.load_digest(day_of(13), timezone=ZONE, bundle=BUNDLE, since=day_of(9))
        again = store.load_digest(day_of(13), timezone=ZONE, bundle=BUNDLE, since=day_of(9))
    assert span == again
    assert [(t.subject, s.day) for t in span.trends.narratives for s in t.spikes] == [(NARRATIVES[2], day_of(12))]
    assert read(span)["digest.html"].count("2026-05-10 to 2026-05-14") >= 2
    assert digests[0].since is None
