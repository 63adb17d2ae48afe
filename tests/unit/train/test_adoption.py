import io
from dataclasses import replace

import numpy as np
import pytest

from monitor.errors import BundleError
from monitor.records import Assessment
from monitor.train.adoption import (
    MIN_TEXTS,
    Contender,
    Said,
    answer_decided,
    judge_adoption,
    measure_decided,
    note_adoption,
)
from monitor.train.decided import DECIDED, OneSided
from monitor.train.evaluate import Judged
from monitor.train.heldout import collect_held_out, pack_held_out, unpack_held_out
from monitor.train.report import tabulate_adoption
from tests.factories import NOON, make_corpus, make_labelled_text, make_score

NARRATIVES = ("crimea_always_russian", "fake_loyalty")
CORPUS = make_corpus(60)


def judge_well(text, *, shift=0.0):
    """What a good model says: high where the narrative is carried, flagged where it is promoted."""
    noise = (int.from_bytes(text.document.id.encode(), "big") % 97) / 970
    return {
        n: Judged(0.85 + noise - shift, text.labels[n], is_carried=True, flagged=text.labels[n] == "promotes")
        if n in text.labels
        else Judged(noise, None, is_carried=False, flagged=False)
        for n in NARRATIVES
    }


def flag_refuting(text):
    return {n: replace(one, flagged=one.flagged or n in text.labels) for n, one in judge_well(text).items()}


def score_at_random(text):
    return {n: replace(one, score=1 - one.score) for n, one in judge_well(text).items()}


def flag_nothing(text):
    return {n: replace(one, flagged=False) for n, one in judge_well(text).items()}


class FixedClassifier:
    """Says the same of every text, and remembers which it was asked about."""

    def __init__(self, *scores):
        self.scores, self.asked = scores, []

    bundle_id = "fixed"

    def assess(self, documents):
        self.asked += [document.id for document in documents]
        return [Assessment("ru", self.scores) for _ in documents]


def contend(judge, texts=CORPUS, *, narratives=NARRATIVES, classifier=None):
    judged = [{n: one for n, one in judge(text).items() if n in narratives} for text in texts]
    return Contender(judge.__name__, collect_held_out(texts, judged, narratives), classifier or FixedClassifier())


def decide(n, labels, narrative="fake_loyalty"):
    return make_labelled_text(
        f"d{n}#1", "Решение.", labels=labels, kind=DECIDED, known=frozenset({narrative}), group=f"cluster-{n}"
    )


def test_an_equal_bundle_is_adopted():
    adoption = judge_adoption(contend(judge_well), contend(judge_well), [], seed=1)
    assert adoption.is_adopted
    assert {check.part for check in adoption.checks} == {"held-out corpus", "stance set", "past decisions"}
    assert all(check.gain == 0 for check in adoption.checks if check.part != "past decisions")


@pytest.mark.parametrize(
    ("worse", "why"),
    [
        pytest.param(score_at_random, "held-out corpus: mean average precision", id="ranks worse"),
        pytest.param(flag_nothing, "held-out corpus: flags (F0.5)", id="flags less"),
        pytest.param(flag_refuting, "stance set: flagged though refuting", id="flags fact-checkers"),
    ],
)
def test_a_bundle_that_is_worse_at_anything_is_not_adopted(worse, why):
    adoption = judge_adoption(contend(judge_well), contend(worse), [], seed=1)
    assert not adoption.is_adopted
    assert any(obstacle.startswith(why) for obstacle in adoption.obstacles)
    assert judge_adoption(contend(worse), contend(judge_well), [], seed=1).is_adopted


def test_a_bundle_that_knows_less_is_not_adopted_and_one_that_knows_more_is():
    small = contend(judge_well, narratives=("fake_loyalty",))
    assert judge_adoption(contend(judge_well), small, [], seed=1).obstacles[0] == "it no longer knows crimea_always_russian"
    assert judge_adoption(small, contend(judge_well), [], seed=1).is_adopted


def test_bundles_without_common_texts_cannot_be_compared():
    other = [replace(text, document=replace(text.document, id=f"x{text.document.id}")) for text in CORPUS]
    (obstacle,) = judge_adoption(contend(judge_well), contend(judge_well, other), [], seed=1).obstacles
    assert "share only 0 held-out texts" in obstacle


def test_worse_on_past_decisions_is_worse():
    decided = [decide(n, {"fake_loyalty": "promotes"} if n % 2 else {}) for n in range(2 * MIN_TEXTS)]
    flags = FixedClassifier(make_score())
    good = contend(judge_well, [*CORPUS, *decided])
    adoption = judge_adoption(good, contend(judge_well, classifier=flags), decided, seed=1)
    assert any(obstacle.startswith("past decisions: flags as decided 0.500 instead of 1.000") for obstacle in adoption.obstacles)
    assert flags.asked == [text.document.id for text in decided]


def test_of_few_decisions_nothing_is_concluded():
    decided = [decide(n, {"fake_loyalty": "promotes"}) for n in range(MIN_TEXTS - 1)]
    adoption = judge_adoption(contend(judge_well, [*CORPUS, *decided]), contend(judge_well), decided, seed=1)
    assert adoption.is_adopted
    assert {check.is_worse for check in adoption.checks if check.part == "past decisions"} == {None}


def test_what_a_bundle_learnt_from_is_judged_by_its_held_out_answers():
    learnt, unseen = decide(1, {"fake_loyalty": "promotes"}), decide(2, {})
    contender = contend(judge_well, [*CORPUS, learnt], classifier=FixedClassifier(make_score(score=0.7)))
    first, second = answer_decided(contender, [learnt, unseen])
    assert first["fake_loyalty"].flagged
    assert first["fake_loyalty"].score == pytest.approx(judge_well(learnt)["fake_loyalty"].score)
    assert second == {"fake_loyalty": Said(0.7, flagged=True)}
    assert contender.classifier.asked == ["d2#1"]


def test_the_card_counts_only_what_was_asked():
    decided = [decide(1, {"fake_loyalty": "promotes"}), decide(2, {})]
    held_out = contend(judge_well, [*CORPUS, *decided]).held_out
    assert measure_decided(decided, held_out) == {
        "texts": 2,
        "pairs": 2,
        "flags_as_decided": 1.0,
        "decided": {"promotes": 1, "reports": 0, "refutes": 0, "not carried": 1},
    }


def test_held_out_answers_survive_the_file():
    held_out = contend(judge_well, [*CORPUS, decide(1, {})]).held_out
    content = io.BytesIO()
    np.savez(content, **pack_held_out(held_out))
    again = unpack_held_out(content.getvalue())
    assert (again.narratives, again.ids, again.groups) == (held_out.narratives, held_out.ids, held_out.groups)
    for name in ("gold", "said", "flagged", "whole", "hits"):
        assert np.array_equal(getattr(again.answers, name), getattr(held_out.answers, name))
    assert np.abs(again.answers.scores - held_out.answers.scores).max() < 1e-3
    assert again.decided.sum() == 1


def test_the_tables_say_which_measure_is_worse():
    adoption = judge_adoption(contend(judge_well), contend(flag_nothing), [], seed=1)
    checks, changes = tabulate_adoption(adoption)
    verdicts = {row[0]: row[1] for row in checks.rows}
    assert verdicts["held-out corpus: flags (F0.5)"] == "worse"
    assert verdicts["held-out corpus: mean average precision"] == "as good or better"
    assert [row[3:] for row in changes.rows] == [("60", "0")] * 2


def test_a_change_of_bundles_is_noted(tmp_path):
    adoption = judge_adoption(contend(judge_well), contend(judge_well), [], seed=1)
    note_adoption(tmp_path, "cb1-new", None, adoption, at=NOON)
    note_adoption(tmp_path, "cb1-newer", tmp_path / "cb1-new", None, at=NOON)
    lines = (tmp_path / "ADOPTIONS.jsonl").read_text("utf-8").splitlines()
    assert ['"forced": false' in line for line in lines] == [True, False]
    with pytest.raises(BundleError, match="cannot be written"):
        note_adoption(tmp_path / "missing", "cb1-new", None, adoption, at=NOON)


def test_what_learnt_from_one_who_confirms_everything_is_not_adopted():
    decided = [decide(n, {"fake_loyalty": "promotes"}) for n in range(3)]
    one = OneSided("anna", 40, 39, frozenset(text.document.id for text in decided))
    taught, untaught = contend(judge_well, [*CORPUS, *decided]), contend(judge_well)
    (obstacle,) = judge_adoption(untaught, taught, decided, seed=1, one_sided=[one]).obstacles
    assert "anna, who confirmed 39 of 40" in obstacle
    assert "--without anna" in obstacle
    assert judge_adoption(untaught, untaught, decided, seed=1, one_sided=[one]).is_adopted
