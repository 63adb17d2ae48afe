from pathlib import Path

from monitor.codebook import load_codebook
from monitor.export.disarm import SUGGESTED, TECHNIQUES, suggest_techniques

REPOSITORY = Path(__file__).resolve().parents[3]


def test_only_narratives_of_the_codebook_have_suggestions_and_only_techniques_of_the_list():
    assert set(SUGGESTED) <= load_codebook(REPOSITORY / "models/codebook.yaml").ids
    assert {technique for techniques in SUGGESTED.values() for technique in techniques} <= set(TECHNIQUES)


def test_each_label_says_that_it_is_a_suggestion():
    assert suggest_techniques("biolabs_wmd") == (
        "suggested DISARM T0022 Leverage Conspiracy Theory Narratives",
        "suggested DISARM T0078 Dismay",
    )
    assert suggest_techniques("unknown") == ()
