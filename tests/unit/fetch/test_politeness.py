import asyncio
import selectors
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from monitor.errors import FetchError
from monitor.fetch.politeness import MAX_RETRY_AFTER_S, HostGate, read_retry_after


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: adds the waiting time to ``now`` instead."""

    now = 0.0

    def select(self, timeout=None):
        self.now += timeout or 0.0
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing to do."""

    def __init__(self):
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self):
        return self._jumping.now


def record_visits(hosts: list[str], *, per_host: int, min_delay_s: float, lasting_s: float) -> list[tuple[str, float, float]]:
    """Host, start and end of each visit, in order of start, when all are asked for at once."""

    async def visit_all():
        gate, visits = HostGate(per_host=per_host, min_delay_s=min_delay_s), []

        async def visit(host):
            async with gate.enter(host):
                start = asyncio.get_running_loop().time()
                await asyncio.sleep(lasting_s)
                visits.append((host, start, asyncio.get_running_loop().time()))

        await asyncio.gather(*map(visit, hosts))
        return sorted(visits, key=lambda v: v[1])

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(visit_all())


def test_one_host_is_visited_so_many_seconds_apart():
    visits = record_visits(["a"] * 4, per_host=2, min_delay_s=3.0, lasting_s=1.0)
    assert [start for _, start, _ in visits] == pytest.approx([0, 3, 6, 9], abs=0.01)


def test_a_slow_host_is_not_visited_by_more_than_allowed_at_once():
    visits = record_visits(["a"] * 6, per_host=2, min_delay_s=0.0, lasting_s=10.0)
    assert [start for _, start, _ in visits] == pytest.approx([0, 0, 10, 10, 20, 20], abs=0.01)


def test_the_delay_counts_from_start_to_start():
    visits = record_visits(["a"] * 2, per_host=1, min_delay_s=3.0, lasting_s=10.0)
    assert visits[1][1] == pytest.approx(10.0, abs=0.01)


def test_hosts_do_not_wait_for_each_other():
    visits = record_visits(["a", "b", "a", "b"], per_host=1, min_delay_s=5.0, lasting_s=1.0)
    assert [(host, round(start)) for host, start, _ in visits] == [("a", 0), ("b", 0), ("a", 5), ("b", 5)]


def test_spacing_holds_with_several_places():
    visits = record_visits(["a"] * 5, per_host=4, min_delay_s=2.0, lasting_s=7.0)
    starts = [start for _, start, _ in visits]
    assert min(later - earlier for earlier, later in pairwise(starts)) >= 1.999


def test_a_host_that_wants_to_be_left_alone_is_not_entered_until_then():
    async def visit():
        gate = HostGate(per_host=1, min_delay_s=0.0)
        gate.pause("a", 30.0)
        gate.pause("a", 10.0)
        async with gate.enter("b"):
            pass
        with pytest.raises(FetchError, match="left alone for 30 s") as caught:
            async with gate.enter("a"):
                raise AssertionError
        await asyncio.sleep(31)
        async with gate.enter("a"):
            return caught.value.kind, round(caught.value.retry_after_s)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        assert runner.run(visit()) == ("host_paused", 30)


def test_a_visit_that_fails_gives_its_place_back():
    async def visit_twice():
        gate = HostGate(per_host=1, min_delay_s=0.0)
        with pytest.raises(LookupError):
            async with gate.enter("a"):
                raise LookupError
        async with asyncio.timeout(5), gate.enter("a"):
            return True

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        assert runner.run(visit_twice())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(" 120 ", 120.0, id="spaces"),
        pytest.param("Thu, 14 May 2026 12:05:00 GMT", 300.0, id="date"),
        pytest.param("Thu, 14 May 2026 15:05:00 +0300", 300.0, id="date with offset"),
        pytest.param("Thu, 14 May 2026 12:05:00", 300.0, id="date without zone is UTC"),
        pytest.param("Thu, 14 May 2026 11:00:00 GMT", None, id="date gone by"),
        pytest.param("0", None, id="zero"),
        pytest.param("99999999", MAX_RETRY_AFTER_S, id="years"),
        pytest.param("9" * 400, MAX_RETRY_AFTER_S, id="absurd number"),
        pytest.param("Thu, 14 May 2099 12:05:00 GMT", MAX_RETRY_AFTER_S, id="far date"),
        pytest.param("-5", None, id="negative"),
        pytest.param("soon", None, id="words"),
        pytest.param("²", None, id="a digit that is no number"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="no header"),
    ],
)
def test_retry_after_is_read_as_seconds_and_capped_at_a_day(value, expected):
    assert read_retry_after(value, datetime(2026, 5, 14, 12, 0, tzinfo=UTC)) == expected
