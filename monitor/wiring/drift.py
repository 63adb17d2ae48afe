"""What `monitor drift` and `monitor candidates` are made of."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitor.dayreports import Drift, Period
from monitor.stages.drift import (
    MIN_ARTICLES,
    compare_scores,
    count_terms,
    find_new_terms,
    find_silent,
    measure_unknown,
)
from monitor.wiring.parts import Clock, Places, open_classifier, open_config, open_store, read_answers

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping, Sequence

    from monitor.dayreports import Candidate
    from monitor.pipeline.parts import Progress
    from monitor.storage.store import SqlStore

WEEK_DAYS, WINDOW_DAYS = 7, 28
# Texts read of each time, for terms: enough for what a hundredth of all articles speaks of, and soon read.
MAX_TEXTS = 3_000


def report_drift(
    places: Places, clock: Clock, day: date | None, *, report_progress: Callable[[Progress], None] = lambda _: None
) -> Drift:
    """The week up to a day (today's by default) beside the four weeks before it, as the bundle in use sees both."""
    from monitor.pipeline.parts import Progress  # noqa: PLC0415

    zone = open_config(places).settings.timezone
    last = day or clock.read().astimezone(ZoneInfo(zone)).date()
    first = last - timedelta(days=WEEK_DAYS - 1)
    classifier = open_classifier(places)
    known = classifier.model.vocabulary.prefix_columns
    with open_store(places, must_exist=True) as store:
        spans = ((first, last), (first - timedelta(days=WINDOW_DAYS), first - timedelta(days=1)))
        read = []
        for n, (begin, end) in enumerate(spans):
            report_progress(Progress("read", n, len(spans)))
            read.append(_read_period(store, begin, end, zone=zone, bundle=classifier.bundle_id, known=known))
        last_flags = store.load_last_flags(last, timezone=zone, bundle=classifier.bundle_id, days=WEEK_DAYS + WINDOW_DAYS)
    (now, scores_now, terms_now), (before, scores_before, terms_before) = read
    is_comparable = min(now.assessed, before.assessed) >= MIN_ARTICLES
    silent = find_silent(classifier.model.narratives, last_flags, since=before.first)
    if not is_comparable:
        return Drift(classifier.bundle_id, now, before, is_comparable, (), (), silent)
    return Drift(
        classifier.bundle_id,
        now,
        before,
        is_comparable,
        compare_scores(scores_now, scores_before, assessed=(now.assessed, before.assessed)),
        find_new_terms(terms_now, terms_before, texts=(now.read, before.read), known_prefixes=known),
        silent,
    )


def find_new_stories(places: Places, clock: Clock, day: date | None) -> tuple[Candidate, ...]:
    """What bursts in the week up to a day (today's by default) against the four weeks before, and fits no narrative."""
    from monitor.stages.candidates import find_candidates  # noqa: PLC0415

    zone = open_config(places).settings.timezone
    last = day or clock.read().astimezone(ZoneInfo(zone)).date()
    first = last - timedelta(days=WEEK_DAYS - 1)
    bundle = read_answers(places)[0]
    spans = ((first, last), (first - timedelta(days=WINDOW_DAYS), first - timedelta(days=1)))
    with open_store(places, must_exist=True) as store:
        now, before = (store.load_unfitting(*span, timezone=zone, bundle=bundle, limit=MAX_TEXTS) for span in spans)
    return find_candidates(now, before)


def _read_period(
    store: SqlStore, first: date, last: date, *, zone: str, bundle: str, known: Mapping[str, int]
) -> tuple[Period, Mapping[str, Sequence[int]], Counter[str]]:
    seen = store.load_seen(first, last, timezone=zone, bundle=bundle, max_texts=MAX_TEXTS)
    counts, read = count_terms(seen.texts)
    languages = seen.languages
    period = Period(first, last, sum(languages.values()), languages, read, measure_unknown(counts, known))
    return period, seen.scores, counts
