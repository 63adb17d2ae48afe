"""The card of a bundle: what it is, what it was trained on, how good it is, what it must not be used for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.codebook import Codebook
    from monitor.records import LabelledText


def render_card(corpus: Sequence[LabelledText], metrics: Mapping[str, Any], settings: Mapping[str, Any], codebook: Codebook) -> str:
    """The card as Markdown."""
    return "\n".join(
        [
            "# Bundle card",
            "",
            "A linear model that scores sentence windows of Russian, Ukrainian and English news for known pro-Kremlin",
            "narratives, and judges whether the text promotes, reports or refutes them.",
            "",
            f"- Codebook version {settings['codebook_version']}; seed {settings['seed']}; {settings['corpus_texts']} texts, "
            f"corpus SHA-256 `{settings['corpus_sha256']}`.",
            f"- Made with {', '.join(f'{name} {number}' for name, number in settings['made_with'].items())}.",
            "- Trained on passages written for this purpose as examples of each narrative, stance and near miss. They are short,",
            "  invented, and no source of facts.",
            "",
            "## Intended use",
            "To put articles before an analyst. A flag is a suggestion with evidence, never a verdict on an outlet or a person.",
            "Scores are calibrated on the corpus, in which near misses are far more common than in a feed.",
            "",
            "## Held-out figures",
            "Five-fold cross-validation; translations and copies of one passage stay on one side. Precision and recall are",
            "those of the flags (score at the threshold, stance promotes).",
            "",
            f"Mean average precision {metrics['mean_average_precision']}.",
            "",
            *_narrative_table(metrics, codebook),
            "",
            "Share of texts flagged, by kind of passage:",
            "",
            *(f"- {kind}: {row['flagged']} of {row['texts']}" for kind, row in metrics["flagged_by_kind"].items()),
            "",
            "Stance of carried narratives (gold: promotes / reports / refutes as said):",
            "",
            *(f"- {gold}: {said['promotes']} / {said['reports']} / {said['refutes']}" for gold, said in metrics["stance"].items()),
            "",
            "## Corpus",
            *_corpus_lines(corpus),
            "",
        ]
    )


def _narrative_table(metrics: Mapping[str, Any], codebook: Codebook) -> list[str]:
    lines = ["| narrative | carried | average precision | flag precision | flag recall |", "|---|---:|---:|---:|---:|"]
    for narrative, row in metrics["narratives"].items():
        cells = (row["carried"], row["average_precision"], row["precision"], row["recall"])
        lines.append(
            f"| {codebook.name_of(narrative)} (`{narrative}`) | " + " | ".join("–" if c is None else str(c) for c in cells) + " |"
        )
    return lines


def _corpus_lines(corpus: Sequence[LabelledText]) -> list[str]:
    counts = Counter((text.document.lang or "und", text.kind or "unmarked") for text in corpus)
    return [f"- {lang}, {kind}: {count}" for (lang, kind), count in sorted(counts.items())]
