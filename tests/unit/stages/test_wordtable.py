import numpy as np
import pytest

from monitor.stages import wordtable
from monitor.stages.cues import CUES, WORD_CUES
from monitor.stages.windows import Reading, read_document
from monitor.stages.wordtable import MAX_WORDS, Sums, WordTable
from tests.factories import make_document, make_vocabulary

PREFIXES = ("гаван", "родна", "родна гаван")
GROUPS = ("аван",)
# Columns: two narratives. Rows: the prefixes, then the group.
WEIGHTS = np.array([[1, 0], [2, -1], [4, 0], [0, 3]], dtype=np.float32)


def make_table(idf: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)) -> WordTable:
    return WordTable(make_vocabulary(PREFIXES, GROUPS, idf), WEIGHTS)


def read(*texts: str) -> list[Reading]:
    return [read_document(make_document(text=text, lang="ru")) for text in texts]


def add_up(table: WordTable, *texts: str) -> Sums:
    return table.sum_sentences(read(*texts))


def make_words(count: int, start: int = 0) -> str:
    """A text of so many words, none like another, that a cue and a narrative know nothing of."""
    return "\n".join(" ".join(f"экв{n}ы" for n in range(at, min(at + 50, start + count))) for at in range(start, start + count, 50))


def test_a_sentence_sums_its_words_their_groups_and_pairs():
    sums = add_up(make_table(), "Родная гавань.")
    assert sums.values[0, :2].tolist() == [1 + 2 + 4, -1 + 3]
    assert sums.squares.tolist() == [4]
    assert sums.outputs[0] == pytest.approx([7 / 2, 2 / 2])
    assert sums.words.tolist() == [2]


def test_rare_features_weigh_more_and_lengthen_the_passage():
    sums = add_up(make_table((1, 2, 3, 1)), "Родная гавань.")
    assert sums.values[0, :2].tolist() == [1 + 2 * 2 + 4 * 3, -2 + 3]
    assert sums.squares.tolist() == [1 + 4 + 9 + 1]


def test_words_of_two_sentences_are_no_pair():
    sums = add_up(make_table(), "Это родная. Гавань наша.")
    assert sums.values[:, 0].tolist() == [2, 1]


def test_words_of_two_texts_are_no_pair():
    sums = add_up(make_table(), "родная", "гавань")
    assert sums.values[:, 0].tolist() == [2, 1]


@pytest.mark.parametrize(
    "text", ["РОДНАЯ ГАВАНЬ", "ро\u0301дная га\u200dвань", "pодная гaвaнь"], ids=["case", "marks", "lookalikes"]
)
def test_a_word_in_disguise_sums_as_the_word_itself(text):
    assert np.array_equal(add_up(make_table(), text).values[:, :3], add_up(make_table(), "родная гавань").values[:, :3])


def test_a_sentence_of_unknown_words_has_outputs_of_zero():
    sums = add_up(make_table(), "Погода хорошая.")
    assert sums.outputs.tolist() == [[0, 0]]
    assert sums.squares.tolist() == [0]


def test_a_sentence_without_words_among_others_sums_to_nothing():
    sums = add_up(make_table(), "гавань\n!!!\nгавань")
    assert sums.values[:, 0].tolist() == [1, 0, 1]
    assert sums.words.tolist() == [1, 0, 1]
    assert dict(zip(CUES, sums.cues[1].tolist(), strict=True))["exclamation"] == 1


@pytest.mark.parametrize("texts", [(), ("",)], ids=["no texts", "an empty text"])
def test_no_sentences_make_no_rows(texts):
    sums = add_up(make_table(), *texts)
    assert len(sums) == 0
    assert sums.outputs.shape == (0, 2)
    assert sums.cues.shape == (0, len(CUES))


def test_cues_are_counted_for_words_and_for_pairs():
    cues = dict(zip(CUES, add_up(make_table(), "Киевский режим врёт: это фейк и ложь!").cues[0].tolist(), strict=True))
    assert cues["verdict"] == pytest.approx(np.log(1 + 3))
    assert cues["camp_word"] == pytest.approx(np.log(1 + 1))
    assert cues["exclamation"] == 1
    assert cues["negation"] == 0


def test_a_table_without_outputs_counts_cues_and_lengths_all_the_same():
    bare = WordTable(make_vocabulary(PREFIXES, GROUPS), np.zeros((4, 0), dtype=np.float32))
    text = "Родная гавань: киевский режим врёт!"
    sums, full = add_up(bare, text), add_up(make_table(), text)
    assert sums.outputs.shape == (1, 0)
    assert np.array_equal(sums.values, full.values[:, 2:])


def test_rows_of_choice_have_the_same_outputs():
    sums = add_up(make_table(), "Гавань. Погода. Родная гавань.")
    assert np.array_equal(sums.outputs_of([2, 0]), sums.outputs[[2, 0]])


def test_a_word_met_before_sums_as_at_the_first_time():
    table = make_table()
    first = add_up(table, "Родная гавань, киевский режим.").values
    add_up(table, "И другие слова между ними.")
    assert np.array_equal(add_up(table, "Родная гавань, киевский режим.").values, first)


def test_a_table_grows_with_its_words_and_keeps_what_it_knew():
    table = make_table()
    first = add_up(table, "Родная гавань, киевский режим.").values
    assert add_up(table, make_words(5_000)).words.sum() == 5_000
    assert np.array_equal(add_up(table, "Родная гавань, киевский режим.").values, first)


def test_the_memory_of_words_starts_anew_and_answers_stay_the_same():
    table, text = make_table(), "Родная гавань, киевский режим."
    first = add_up(table, text).values
    sizes = []
    for batch in range(6):
        add_up(table, make_words(20_000, start=batch * 20_000))
        assert table.rank_words(["гавань", "родная"], 0, 8) == ["родная", "гавань"]
        assert np.array_equal(add_up(table, text).values, first)
        sizes.append(len(table._numbers))
    assert max(sizes) <= MAX_WORDS + 20_000 + 4
    assert sizes[-1] < max(sizes)


def test_words_that_weigh_most_come_first_each_once_and_none_that_speaks_against():
    table = make_table()
    words = ["Гавань", "мост", "РОДНАЯ", "гавань"]
    assert table.rank_words(words, 0, 8) == ["родная", "гавань"]
    assert table.rank_words(words, 1, 8) == ["гавань"]
    assert table.rank_words(words, 0, 1) == ["родная"]
    assert table.rank_words([], 0, 8) == []


def test_every_listed_cue_has_its_column():
    assert len(CUES) == WORD_CUES + 3
    assert wordtable.MARKS == 4
