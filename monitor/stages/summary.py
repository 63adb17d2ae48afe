"""What a notification says: a few plain lines, safe in any channel."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.text import strip_invisible, truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from monitor.reports import RunReport, UntoldArticle

MAX_TITLES = 5
MAX_NARRATIVES = 5
MAX_FEEDS = 5
MAX_TITLE_CHARS = 140
# What chat services take for mentions, links and markup, and look-alikes that they do not.
_DISARM = str.maketrans("@<>*_`[]~|#", "＠‹›∗‗'()∼¦＃")


@dataclass(frozen=True, slots=True)
class Message:
    """A notification: one line, and plain text."""

    title: str
    body: str


def disarm(text: str, *, max_chars: int = MAX_TITLE_CHARS) -> str:
    """Foreign text in one line that no channel takes for a mention, a link or markup."""
    line = " ".join(strip_invisible(text).split()).translate(_DISARM).replace("://", ":⁄⁄")
    return truncate(line, max_chars)


def summarize_day(
    day: date, untold: Sequence[UntoldArticle], report: RunReport, *, name_of: Callable[[str], str], where: str
) -> Message:
    """What is new of flagged articles, most certain first, and what the run did not see."""
    count = len(untold)
    lines = ["What they promote:"]
    counted = Counter(article.narrative for article in untold).most_common()
    lines += [f"  {number} × {disarm(name_of(narrative))}" for narrative, number in counted[:MAX_NARRATIVES]]
    lines += _name_rest(len(counted) - MAX_NARRATIVES, "narratives")
    lines += ["", "Among them:"]
    best = sorted(untold, key=lambda article: (-article.score, article.article_id))
    lines += [f"  – {disarm(one.title or one.article_id)} ({disarm(one.outlet, max_chars=60)})" for one in best[:MAX_TITLES]]
    lines += _name_rest(count - MAX_TITLES, "articles")
    lines += ["", _describe_gaps(report), f"Digest: {where}"]
    noun = "article promotes" if count == 1 else "articles promote"
    return Message(f"Narrative digest {day}: {count} new {noun} a known narrative", "\n".join(lines))


def summarize_failure(day: date, report: RunReport, *, where: str) -> Message:
    """That no feed could be read."""
    feeds = report.feeds
    lines = [f"None of the {feeds.due} feeds that were due could be read:"]
    told = [error for error in report.errors if error.feed_id][:MAX_FEEDS]
    lines += [f"  – {disarm(error.feed_id or '')}: {disarm(error.kind)}" for error in told]
    lines += _name_rest(feeds.failed - len(told), "feeds")
    lines += ["", "`monitor feeds check` tries each and says what to do.", f"Digest: {where}"]
    return Message(f"Narrative digest {day}: every feed failed", "\n".join(lines))


def summarize_crash(day: date, reason: str) -> Message:
    """That a run ended without a digest."""
    return Message(
        f"Narrative digest {day}: the run failed", f"{disarm(reason, max_chars=400)}\n\n`monitor doctor` looks at everything."
    )


def _name_rest(rest: int, noun: str) -> list[str]:
    return [f"  … and {rest} more {noun}"] if rest > 0 else []


def _describe_gaps(report: RunReport) -> str:
    feeds, made = report.feeds, report.assessments
    gaps = [
        f"{feeds.failed} of {feeds.due} feeds failed" if feeds.failed else "",
        f"{made.pending} articles wait for the model" if made.pending else "",
        f"{made.failed} articles broke the model" if made.failed else "",
    ]
    return "Not seen: " + ("; ".join(filter(None, gaps)) or "nothing, every feed was read and every article assessed") + "."
