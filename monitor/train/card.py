"""The card of a bundle: what it is, what it was trained on, how good it is, where it fails, what it must not be used for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from monitor.train.report import (
    MISSING,
    render_markdown,
    show,
    tabulate_figures,
    tabulate_flagged,
    tabulate_narratives,
    tabulate_parts,
    tabulate_stances,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.codebook import Codebook
    from monitor.records import (
        LabelledText,
    )

CALIBRATION_PICTURE = "calibration.svg"
MAX_FAILURES = 5


def render_card(corpus: Sequence[LabelledText], metrics: Mapping[str, Any], settings: Mapping[str, Any], codebook: Codebook) -> str:
    """The card as Markdown. All figures are those of ``metrics``, the held-out evaluation."""
    named = {narrative: f"{codebook.name_of(narrative)} (`{narrative}`)" for narrative in metrics["narratives"]}
    sections = [
        ("Bundle card", _describe(settings)),
        ("For", _FOR),
        ("Not for", _NOT_FOR),
        ("Held-out figures", [*_explain_figures(metrics), "", *render_markdown(tabulate_figures(metrics))]),
        ("By narrative", render_markdown(tabulate_narratives(metrics, lambda n: named.get(n, n), spread=True))),
        ("By language, length and stance", [*render_markdown(tabulate_parts(metrics, spread=True)), "", *_PARTS_EXPLAINED]),
        ("Stance", ["Of carried narratives, what they are and what was said:", "", *render_markdown(tabulate_stances(metrics))]),
        ("Flagged texts by kind of passage", render_markdown(tabulate_flagged(metrics))),
        ("Calibration", [f"![Share of carried narratives by score]({CALIBRATION_PICTURE})"]),
        ("Known failures", list_failures(metrics, named)),
        ("Corpus", _count_corpus(corpus)),
    ]
    return "".join(f"{'##' if n else '#'} {title}\n\n{_join_lines(lines)}" for n, (title, lines) in enumerate(sections))


def _join_lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in [*lines, ""])


def _describe_decisions(settings: Mapping[str, Any]) -> str:
    if not settings.get("decided_texts"):
        return "none"
    return f"on {settings['decided_texts']} texts, SHA-256 `{settings['decisions_sha256']}`"


def _describe(settings: Mapping[str, Any]) -> list[str]:
    return [
        "A model that scores passages of Russian, Ukrainian and English news for known pro-Kremlin narratives, and judges",
        "whether the text promotes, reports or refutes them.",
        "",
        f"- Corpus: {settings['corpus_texts']} texts, SHA-256 `{settings['corpus_sha256']}`.",
        f"- Decisions of analysts: {_describe_decisions(settings)}.",
        f"- Codebook: version {settings['codebook_version']}, SHA-256 `{settings['codebook_sha256']}`.",
        f"- Seed {settings['seed']}; made with {', '.join(f'{name} {number}' for name, number in settings['made_with'].items())}.",
        "- Trained on passages written for this purpose as examples of each narrative, stance and near miss. They are short,",
        "  invented, and no source of facts.",
    ]


_FOR = [
    "- To put news articles before an analyst, with the sentences that gave each one away. A flag is a suggestion, never a",
    "  verdict: a person decides.",
    "- To follow, over many articles, which known narratives an outlet repeats.",
]
_NOT_FOR = [
    "- Judging a person, an outlet or the truth of a claim; blocking, ranking or punishing without a person's decision.",
    "- Narratives that are not in the codebook, other languages, and private messages or comments.",
    "- Estimating how common a narrative is: scores are calibrated on the corpus, where narratives and near misses are far",
    "  more common than in a feed.",
]
_PARTS_EXPLAINED = [
    "Average precision within a part ranks the texts of that part only: compare languages and lengths with each other,",
    "stances only with the same stance of another bundle.",
]


def _explain_figures(metrics: Mapping[str, Any]) -> list[str]:
    lines = [
        "Cross-validation: each text was judged by a model that had not seen its group; translations and copies of one",
        "passage are one group. Average precision ranks scores against what a text carries, with whatever stance; precision,",
        "recall and F1 are those of the flags (score at the threshold, stance promotes) against what it promotes.",
    ]
    if metrics["resamples"]:
        lines.append(f"Intervals hold the middle 95 % of {metrics['resamples']} resamples of the {metrics['groups']} groups.")
    return lines


def list_failures(metrics: Mapping[str, Any], named: Mapping[str, str]) -> list[str]:
    """What the held-out answers got wrong most: narratives, confusions, false flags, stances and gaps between languages."""
    groups = {
        "Weakest narratives, by average precision": _find_weakest(metrics, named),
        "Most often scored above the right narrative": _find_confused(metrics, named),
        "Most often flagged in texts that do not carry it": _find_false_flags(metrics, named),
        "Stance most often mistaken, of carried narratives": _find_wrong_stances(metrics),
        "Widest gaps between languages, by average precision": _find_gaps(metrics, named),
    }
    found = [line for title, rows in groups.items() if rows for line in (f"{title}:", "", *(f"- {row}" for row in rows), "")]
    return found[:-1] or ["None was found, which tells more of the held-out texts than of the model."]


def _find_weakest(metrics: Mapping[str, Any], named: Mapping[str, str]) -> list[str]:
    rated = [(row["average_precision"], n) for n, row in metrics["narratives"].items() if row["average_precision"] is not None]
    return [f"{named[n]}: {show(value)}" for value, n in sorted(rated)[:MAX_FAILURES] if value < 1]


def _find_confused(metrics: Mapping[str, Any], named: Mapping[str, str]) -> list[str]:
    rows = metrics["confusions"][:MAX_FAILURES]
    carried = {n: row["carried"] for n, row in metrics["narratives"].items()}
    return [f"{named[row['said']]} above {named[row['gold']]}: {row['texts']} of {carried[row['gold']]} texts" for row in rows]


def _find_false_flags(metrics: Mapping[str, Any], named: Mapping[str, str]) -> list[str]:
    rows = [
        (-row["false_flags"]["none"]["flagged"], n, row["false_flags"]["none"]["texts"]) for n, row in metrics["narratives"].items()
    ]
    return [f"{named[n]}: {-count} of {texts} texts" for count, n, texts in sorted(rows)[:MAX_FAILURES] if count]


def _find_wrong_stances(metrics: Mapping[str, Any]) -> list[str]:
    wrong = [
        (-count, gold, said) for gold, row in metrics["stance"].items() for said, count in row.items() if said != gold and count
    ]
    carried = {gold: sum(row.values()) for gold, row in metrics["stance"].items()}
    return [f"{gold}, taken for {said}: {-count} of {carried[gold]}" for count, gold, said in sorted(wrong)[:MAX_FAILURES]]


def _find_gaps(metrics: Mapping[str, Any], named: Mapping[str, str]) -> list[str]:
    """The gap over all narratives first, then the narratives with the widest."""
    overall = {lang: row["mean_average_precision"] for lang, row in metrics["by_language"].items()}
    by_narrative = {
        n: {lang: part["average_precision"] for lang, part in row["by_language"].items()}
        for n, row in metrics["narratives"].items()
    }
    widest = sorted(by_narrative, key=lambda n: (-_gap(by_narrative[n]), n))[:MAX_FAILURES]
    described = [("All narratives", overall), *((named[n], by_narrative[n]) for n in widest)]
    return [f"{name}: {_show_languages(figures)}" for name, figures in described if _gap(figures) > 0]


def _gap(figures: Mapping[str, float | None]) -> float:
    defined = [value for value in figures.values() if value is not None]
    return max(defined) - min(defined) if defined else 0.0


def _show_languages(figures: Mapping[str, float | None]) -> str:
    return ", ".join(f"{lang} {MISSING if value is None else show(value)}" for lang, value in figures.items())


def _count_corpus(corpus: Sequence[LabelledText]) -> list[str]:
    counts = Counter((text.document.lang or "und", text.kind or "unmarked") for text in corpus)
    return [f"- {lang}, {kind}: {count}" for (lang, kind), count in sorted(counts.items())]
