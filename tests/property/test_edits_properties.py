from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import FeedDocumentError
from monitor.stages.edits import diff_texts, find_rising, find_vanished
from monitor.stages.parse import MAX_ITEMS, parse_feed
from tests.factories import make_feed, make_fetched

texts = st.text(st.sampled_from("аб \n.,–x1_'🙂"), max_size=120) | st.lists(
    st.sampled_from(["мост", "и", "не", "открыт.", "порт", ",", "—"]), max_size=120
).map(" ".join)
sizes = st.integers(0, 40)


@given(texts, texts)
def test_both_versions_can_be_put_together_from_the_changes(before, after):
    changes = diff_texts(before, after)
    assert " ".join(change.text for change in changes if change.kind != "added") == " ".join(before.split())
    assert " ".join(change.text for change in changes if change.kind != "removed") == " ".join(after.split())
    assert all(change.text for change in changes)
    assert all(one.kind != other.kind for one, other in pairwise(changes))


@given(st.lists(st.integers(), unique=True, max_size=60))
def test_a_rising_run_rises_and_is_no_shorter_than_the_plainest_one(values):
    run = [values[number] for number in find_rising(values)]
    ahead = []
    for value in values:
        if not ahead or value > ahead[-1]:
            ahead.append(value)
    assert run == sorted(run)
    assert len(run) >= len(ahead)


@given(st.integers(1, 60), sizes, sizes, st.booleans())
def test_scrolling_off_never_counts(size, new, off, is_oldest_first):
    previous = [f"k{number}" for number in range(size)]
    current = [*(f"n{number}" for number in range(new)), *previous[: max(0, size - off)]]
    if is_oldest_first:
        previous, current = previous[::-1], current[::-1]
    assert find_vanished(previous, current) == ()


@given(st.integers(15, 60), st.integers(1, 5), st.randoms(use_true_random=False))
def test_nothing_is_told_of_a_shuffled_feed(size, gone, source):
    previous = [f"k{number}" for number in range(size)]
    current = source.sample(previous, size - gone)
    moved = sum(one > other for one, other in pairwise(current))
    if moved > size // 4:
        assert find_vanished(previous, current) == ()


@given(st.integers(4, 60), sizes, st.booleans(), st.data())
def test_what_is_taken_out_of_the_middle_is_found(size, new, is_oldest_first, data):
    previous = [f"k{number}" for number in range(size)]
    key = data.draw(st.sampled_from(previous[1:-2]))
    current = [*(f"n{number}" for number in range(new)), *(one for one in previous if one != key)]
    if is_oldest_first:
        previous, current = previous[::-1], current[::-1]
    assert find_vanished(previous, current) == (key,)


@given(st.lists(st.integers(0, 30), max_size=40), st.lists(st.integers(0, 30), max_size=40))
def test_only_what_is_gone_is_told(previous, current):
    before, after = [f"k{n}" for n in previous], [f"k{n}" for n in current]
    found = find_vanished(before, after)
    assert set(found) <= set(before) - set(after)
    assert len(set(found)) == len(found)


def make_rss(numbers) -> bytes:
    items = "".join(f"<item><title>Порт {n}</title><link>https://a.example/{n}</link><guid>{n}</guid></item>" for n in numbers)
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>А</title>{items}</channel></rss>'.encode()


def find_vanished_from(body: bytes, previous: list[str]) -> tuple[str, ...]:
    """What a run marks: nothing where the document says that it is not whole."""
    try:
        parsed = parse_feed(make_feed(), make_fetched(body=body))
    except FeedDocumentError:
        return ()
    return () if parsed.degraded else find_vanished(previous, [entry.key for entry in parsed.entries])


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(0, 3), st.booleans(), st.data())
def test_a_document_that_breaks_off_takes_nothing_out_of_its_feed(size, new, is_oldest_first, data):
    numbers = list(range(new, new + size)) if is_oldest_first else list(range(size + new, new, -1))
    previous = [entry.key for entry in parse_feed(make_feed(), make_fetched(body=make_rss(numbers))).entries]
    added = list(range(900, 900 + new))
    whole = make_rss([*numbers, *added] if is_oldest_first else [*added, *numbers])
    cut = data.draw(st.integers(0, len(whole)))
    assert find_vanished_from(whole[:cut], previous) == ()


def test_a_clipped_document_takes_nothing_out_of_its_feed():
    previous = [entry.key for entry in parse_feed(make_feed(), make_fetched(body=make_rss(range(MAX_ITEMS)))).entries]
    gone = {5, 6}
    body = make_rss([*range(9_000, 9_010), *(n for n in range(MAX_ITEMS) if n not in gone)])
    assert len(previous) == MAX_ITEMS
    assert find_vanished_from(body, previous) == ()
