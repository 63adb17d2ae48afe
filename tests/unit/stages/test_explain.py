from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.records import (
    Evidence,
)
from monitor.reports import (
    ArticleHistory,
    Copy,
    RevisionHistory,
    StoredAssessment,
)
from monitor.stages.explain import render_history
from tests.factories import BUNDLE, NOON, make_score

THRESHOLDS = {"fake_loyalty": 0.55, "kyiv_terror": 0.7}


def make_revision(number: int = 1, **changes) -> RevisionHistory:
    revision = RevisionHistory(
        number=number,
        feed_id="crimea-agency",
        outlet="Вести полуострова",
        is_variant=False,
        url="https://crimea-agency.example/a1",
        title="Жители поддержали",
        summary="Кратко.",
        text="",
        sha256="ab" * 32,
        document_sha256="cd" * 32,
        published_at=NOON - timedelta(hours=1),
        published_how="stated",
        fetched_at=NOON,
        assessments=(),
    )
    return replace(revision, **changes)


def explain(*revisions: RevisionHistory, current: int = 1) -> str:
    copies = (
        Copy("crimea-agency", "Вести полуострова", "https://crimea-agency.example/a1", NOON),
        Copy("pier", "Причал", None, NOON),
    )
    history = ArticleHistory("a1", "https://crimea-agency.example/a1", current, copies, revisions)
    return render_history(history, lambda narrative: f"Имя {narrative}", THRESHOLDS)


def assessed(*scores, failure: str | None = None) -> tuple[StoredAssessment, ...]:
    return (StoredAssessment(BUNDLE, NOON, "ru", failure, scores),)


def test_it_says_where_the_article_was_seen():
    shown = explain(make_revision())
    assert shown.startswith("Article a1\n  identity  https://crimea-agency.example/a1\n")
    assert "2026-05-14T12:00:00Z  Вести полуострова (crimea-agency)  https://crimea-agency.example/a1" in shown
    assert "2026-05-14T12:00:00Z  Причал (pier)  no link" in shown
    assert shown.endswith("\n")


def test_each_revision_is_shown_with_its_origin_and_hashes():
    shown = explain(make_revision(title="", text="Слово " * 100))
    assert "title      (none)" in shown
    assert "published  2026-05-14T11:00:00Z (stated)" in shown
    assert "fetched    2026-05-14T12:00:00Z" in shown
    assert f"sha256 {'ab' * 32}, 7 + 600 characters" in shown
    assert f"document   sha256 {'cd' * 32}" in shown
    assert "document   sha256 not recorded" in explain(make_revision(document_sha256=None))


@pytest.mark.parametrize(
    ("revision", "current", "expected"),
    [
        pytest.param(make_revision(2), 2, "Revision 2 (current)", id="current"),
        pytest.param(make_revision(1), 2, "Revision 1 (replaced)", id="replaced"),
        pytest.param(make_revision(2, is_variant=True), 1, "Revision 2 (variant kept beside the article)", id="variant"),
    ],
)
def test_a_revision_says_what_became_of_it(revision, current, expected):
    assert expected in explain(revision, current=current)


def test_revisions_that_wait_say_so_but_variants_are_never_assessed():
    assert "not assessed yet: the next run does it" in explain(make_revision())
    assert "not assessed yet" not in explain(make_revision(is_variant=True))


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        pytest.param(make_score(score=0.9), "FLAGGED: at or above its threshold 0.55, and promotes", id="flagged"),
        pytest.param(
            make_score(score=0.9, stance="refutes", flagged=False),
            "not flagged: reaches its threshold 0.55, but refutes it",
            id="refutes",
        ),
        pytest.param(make_score(score=0.3, is_carried=False, flagged=False), "not flagged: below its threshold 0.55", id="below"),
        pytest.param(make_score("unknown", 0.9), "FLAGGED: at or above its threshold, and promotes", id="no threshold known"),
    ],
)
def test_a_score_says_why_it_is_flagged_or_not(score, expected):
    line = next(line for line in explain(make_revision(assessments=assessed(score))).splitlines() if f"({score.id})" in line)
    assert line.endswith(expected)
    assert f"{score.score:.2f}  Имя {score.id} ({score.id}); {score.stance} 0.80; " in line


def test_evidence_and_terms_are_shown():
    score = make_score(evidence=(Evidence("text", 10, 40, "Все\nединогласно за."),), terms=("единогласно", "все"))
    shown = explain(make_revision(assessments=assessed(score)))
    assert "text 10-40: Все единогласно за." in shown
    assert "weighed most: единогласно, все" in shown


def test_only_scores_worth_showing_are_shown():
    shown = explain(make_revision(assessments=assessed(make_score(score=0.0999, is_carried=False, flagged=False))))
    assert "fake_loyalty" not in shown
    assert "no narrative reaches 0.1" in shown


def test_a_failure_is_told_instead_of_scores():
    shown = explain(make_revision(assessments=assessed(failure="текст не читается")))
    assert "failed: текст не читается" in shown
    assert "no narrative reaches" not in shown


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        pytest.param(
            (make_score(score=0.9, evidence=(Evidence("text", 0, 9, "Все за."),)),),
            "Flagged: it promotes “Имя fake_loyalty”, says the model (score 0.90, threshold 0.55), because of: “Все за.”",
            id="flagged",
        ),
        pytest.param(
            (make_score(score=0.9, stance="refutes", flagged=False),),
            "Not flagged: it tells of “Имя fake_loyalty” (score 0.90), but refutes it.",
            id="refutes",
        ),
        pytest.param(
            (make_score(score=0.3, is_carried=False, flagged=False),),
            "Not flagged: nothing reaches its threshold; nearest is “Имя fake_loyalty” at 0.30, threshold 0.55.",
            id="below",
        ),
        pytest.param((), "Not flagged: it carries no known narrative.", id="nothing"),
    ],
)
def test_it_begins_with_the_verdict_in_a_sentence(scores, expected):
    shown = explain(make_revision(assessments=assessed(*scores)))
    short = " ".join(shown[shown.index("In short") : shown.index("Seen")].split())
    assert expected in short
    assert "First seen in Вести полуострова at 2026-05-14T12:00:00Z; since then in 1 more outlets." in short


def test_the_short_story_tells_of_edits_repairs_and_where_the_bytes_are():
    first = make_revision(1)
    second = make_revision(2, title="Жители не поддержали", repairs=("date_zone",), archive_sequence=7)
    shown = explain(first, second, current=2)
    short = " ".join(shown[shown.index("In short") : shown.index("Seen")].split())
    assert "No answer of the model yet." in short
    assert "It was edited once" in short
    assert "Mended in reading: The date has no zone; the feed's was assumed." in short
    assert "`monitor archive show 7 --body`" in short
