"""The whole way of one article, as text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from monitor.stages.edits import diff_texts, shorten_diff
from monitor.stages.parse import REPAIRS
from monitor.stages.rows import iso
from monitor.text import truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.records import (
        NarrativeScore,
    )
    from monitor.reports import (
        ArticleHistory,
        RevisionHistory,
        StoredAssessment,
    )

MIN_SHOWN_SCORE = 0.1
MAX_SHOWN_DIFF = 1_000
WIDTH = 110


def render_history(history: ArticleHistory, name_of: Callable[[str], str], thresholds: dict[str, float]) -> str:
    """A report of where an article came from, what it said and when, and why it is (not) flagged.

    ``thresholds`` are those of the bundle in use, by narrative.
    """
    lines = [f"Article {history.article_id}", f"  identity  {history.identity}", "", "In short"]
    lines += [line for sentence in _sum_up(history, name_of, thresholds) for line in _wrap(sentence)]
    lines += ["", "Seen"]
    lines += [f"  {iso(p.first_seen_at)}  {p.outlet} ({p.feed_id})  {p.url or 'no link'}" for p in history.copies]
    lines += _describe_absence(history)
    last: dict[str, RevisionHistory] = {}
    for revision in history.revisions:
        lines += ["", *_describe_revision(revision, is_current=revision.number == history.current_revision)]
        if not revision.is_variant:
            lines += _describe_edit(last.get(revision.source), revision)
            last[revision.source] = revision
        for assessment in revision.assessments:
            lines += _describe_assessment(assessment, name_of, thresholds)
        if not revision.assessments and not revision.is_variant:
            lines.append("  not assessed yet: the next run does it")
    return "\n".join(lines) + "\n"


def _wrap(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def _sum_up(history: ArticleHistory, name_of: Callable[[str], str], thresholds: dict[str, float]) -> Iterator[str]:
    """The article's story in a few sentences: what the model says, where it began, what became of it, how to check it."""
    current = next((one for one in history.revisions if one.number == history.current_revision), None)
    yield _tell_verdict(current, name_of, thresholds)
    if history.copies:
        outlets = dict.fromkeys(copy.outlet for copy in history.copies)
        first = f"First seen in {history.copies[0].outlet} at {iso(history.copies[0].first_seen_at)}"
        yield f"{first}; since then in {len(outlets) - 1} more outlets." if len(outlets) > 1 else f"{first}, and nowhere else."
    edits = sum(not one.is_variant and one.source == "feed" for one in history.revisions) - 1
    if edits > 0:
        yield f"It was edited {'once' if edits == 1 else f'{edits} times'}; what changed stands below."
    if history.gone_at or history.vanished_at:
        yield "It was taken down."
    for word in current.repairs if current else ():
        yield f"Mended in reading: {REPAIRS.get(word, word)}"
    if current and current.archive_sequence is not None:
        show = f"monitor archive show {current.archive_sequence} --body"
        yield f"The bytes as fetched: `{show}`; that nobody changed them: `monitor archive verify`."


def _tell_verdict(current: RevisionHistory | None, name_of: Callable[[str], str], thresholds: dict[str, float]) -> str:
    answers = [answer for answer in current.assessments if not answer.failure] if current else []
    if not answers:
        return "No answer of the model yet."
    scores = answers[-1].narratives
    if flagged := [score for score in scores if score.flagged]:
        best = flagged[0]
        told = f"Flagged: it promotes “{name_of(best.id)}”, says the model (score {best.score:.2f}{_tell_limit(best, thresholds)})"
        quoted = f", because of: “{truncate(' '.join(best.evidence[0].text.split()), 200)}”" if best.evidence else "."
        return told + quoted
    if carried := [score for score in scores if score.is_carried]:
        best = carried[0]
        return f"Not flagged: it tells of “{name_of(best.id)}” (score {best.score:.2f}), but {best.stance} it."
    if scores and scores[0].score >= MIN_SHOWN_SCORE:
        best = scores[0]
        nearest = f"nearest is “{name_of(best.id)}” at {best.score:.2f}{_tell_limit(best, thresholds)}"
        return f"Not flagged: nothing reaches its threshold; {nearest}."
    return "Not flagged: it carries no known narrative."


def _tell_limit(score: NarrativeScore, thresholds: dict[str, float]) -> str:
    limit = thresholds.get(score.id)
    return "" if limit is None else f", threshold {limit:.2f}"


def _describe_absence(history: ArticleHistory) -> Iterator[str]:
    """What is known of its being taken down, and of its page."""
    if history.vanished_at:
        yield f"  {iso(history.vanished_at)}  no longer listed by its feed, which listed older items"
    if history.gone_at:
        yield f"  {iso(history.gone_at)}  its page is gone"
    if page := history.page:
        yield f"  {iso(page.tried_at)}  page {page.outcome}{f': {page.message}' if page.message else ''}"


def _describe_edit(before: RevisionHistory | None, after: RevisionHistory) -> Iterator[str]:
    if before is None:
        return
    texts = [" ".join(f"{one.title}\n{one.summary}\n{one.text}".split()) for one in (before, after)]
    yield f"  against revision {before.number}"
    for change in shorten_diff(diff_texts(*texts), max_chars=MAX_SHOWN_DIFF):
        sign = {"removed": "-", "added": "+", "same": " "}[change.kind]
        yield f"    {sign} {change.text}"


def _describe_revision(revision: RevisionHistory, *, is_current: bool) -> list[str]:
    kind = "variant kept beside the article" if revision.is_variant else "current" if is_current else "replaced"
    source = "the page of " if revision.source == "page" else ""
    lines = [
        f"Revision {revision.number} ({kind}), from {source}{revision.outlet} ({revision.feed_id})",
        f"  title      {revision.title or '(none)'}",
        f"  published  {iso(revision.published_at)} ({revision.published_how})",
        f"  fetched    {iso(revision.fetched_at)}",
        f"  text       sha256 {revision.sha256}, {len(revision.summary)} + {len(revision.text)} characters",
        f"  document   sha256 {revision.document_sha256 or 'not recorded'}{_describe_archived(revision)}",
    ]
    if revision.repairs:
        lines.append(f"  mended     {', '.join(revision.repairs)}")
    if body := revision.summary or revision.text:
        lines.append(f"  begins     {truncate(' '.join(body.split()), 200)}")
    return lines


def _describe_archived(revision: RevisionHistory) -> str:
    return "" if revision.archive_sequence is None else f", record {revision.archive_sequence} of the archive"


def _describe_assessment(
    assessment: StoredAssessment, name_of: Callable[[str], str], thresholds: dict[str, float]
) -> Iterator[str]:
    yield f"  assessed   {iso(assessment.made_at)} by {assessment.bundle}"
    if assessment.failure:
        yield f"    failed: {assessment.failure}"
        return
    shown = [score for score in assessment.narratives if score.score >= MIN_SHOWN_SCORE]
    for score in shown:
        yield from _describe_score(score, name_of, thresholds.get(score.id))
    if not shown:
        yield f"    no narrative reaches {MIN_SHOWN_SCORE}"


def _describe_score(score: NarrativeScore, name_of: Callable[[str], str], threshold: float | None) -> Iterator[str]:
    stance = f"{score.stance} {score.stance_score:.2f}"
    yield f"    {score.score:.2f}  {name_of(score.id)} ({score.id}); {stance}; {_verdict(score, threshold)}"
    for evidence in score.evidence:
        yield f"          {evidence.field} {evidence.start}-{evidence.end}: {truncate(' '.join(evidence.text.split()), 240)}"
    if score.terms:
        yield f"          weighed most: {', '.join(score.terms)}"


def _verdict(score: NarrativeScore, threshold: float | None) -> str:
    limit = f" {threshold:.2f}" if threshold is not None else ""
    if score.flagged:
        return f"FLAGGED: at or above its threshold{limit}, and promotes"
    if score.is_carried:
        return f"not flagged: reaches its threshold{limit}, but {score.stance} it"
    return f"not flagged: below its threshold{limit}"
