import numpy as np
import pytest

from monitor.records import (
    Document,
)
from monitor.stages.cues import CUES
from monitor.stages.passages import STANCE_REACH_WORDS, Batch, read_batch
from monitor.stages.wordtable import WordTable
from tests.factories import make_document, make_vocabulary

FILLER = "Утром в городе открылась выставка цветов, вечером пройдёт сильный дождь. "
FILLER_WORDS = 10
ODD = (
    Document("empty"),
    Document("title", title="Родная гавань"),
    Document("marks", text="!!! — …"),
    Document("short", text="Гавань. Мост."),
    Document("both", title="Мост", summary="Гавань рядом.", text=FILLER * 12 + "Гавань. " + FILLER * 12),
)


def read(*documents: Document) -> Batch:
    weights = np.array([[1.0], [2.0]], dtype=np.float32)
    return read_batch(WordTable(make_vocabulary(("гаван", "родна")), weights), documents)


def window_of(batch: Batch, word: str) -> int:
    """The first window with this word in its body."""
    return next(
        window
        for window in range(len(batch.windows))
        if any(word in batch.sentence(n).text for n in range(int(batch.firsts[window]), int(batch.lasts[window])))
    )


def test_windows_of_all_texts_are_numbered_through():
    batch = read(*ODD)
    assert sorted(set(batch.owners.tolist())) == [1, 3, 4]
    assert batch.owners.tolist() == sorted(batch.owners.tolist())
    assert [len(r.sentences) for r in batch.readings][:4] == [0, 1, 2, 2]
    assert batch.starts.tolist()[:5] == [0, 0, 1, 3, 5]


@pytest.mark.parametrize(
    "documents", [(), (Document("a"),), (Document("a", text="…"), Document("b"))], ids=["none", "empty", "no words"]
)
def test_a_batch_without_a_word_has_no_windows(documents):
    batch = read(*documents)
    assert len(batch.windows) == 0
    assert batch.windows.outputs.shape == (0, 1)
    highest, best = batch.find_best(batch.windows.outputs)
    assert np.array_equal(highest, np.full((len(documents), 1), -np.inf))
    assert np.array_equal(best, np.full((len(documents), 1), -1))
    pairs = batch.pair(np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.int64))
    assert pairs.cues.shape == (0, 4 * len(CUES))


def test_a_window_sums_its_sentences_and_the_title_once():
    batch = read(make_document(title="Родная", text="Гавань гавань. Гавань."))
    assert [batch.join(n) for n in range(2)] == ["Родная", "Родная\nГавань гавань.\nГавань."]
    assert batch.windows.values[:, 0].tolist() == [2, 5]
    assert batch.windows.words.tolist() == [1, 4]
    assert [batch.sentence_numbers(n) for n in range(2)] == [[0], [0, 1, 2]]
    assert batch.words_of(1) == ["Родная", "Гавань", "гавань", "Гавань"]


def test_window_sums_are_those_of_their_words_added_one_by_one():
    batch = read(*ODD)
    for window in range(len(batch.windows)):
        alone = sum(batch.sentences.values[n] for n in batch.sentence_numbers(window))
        assert batch.windows.values[window] == pytest.approx(alone)
        assert batch.windows.words[window] == len(batch.words_of(window))


def test_sentences_are_found_by_their_numbers():
    batch = read(*ODD)
    listed = [sentence for reading in batch.readings for sentence in reading.sentences]
    assert [batch.sentence(n) for n in range(len(listed))] == listed


def test_the_best_window_is_the_first_that_reaches_the_highest_margin():
    batch = read(ODD[1], Document("empty"), make_document(title="Мост", text=FILLER * 30))
    count = len(batch.windows)
    margins = np.zeros((count, 2))
    margins[3, 1] = margins[4, 1] = 5.0
    margins[0] = -2.0
    highest, best = batch.find_best(margins)
    assert highest.tolist() == [[-2, -2], [-np.inf, -np.inf], [0, 5]]
    assert best.tolist() == [[0, 0], [-1, -1], [1, 3]]


def test_the_stance_is_read_from_about_a_hundred_words_on_either_side_of_the_window():
    batch = read(
        make_document("before", text="Чужой текст. " * 50), make_document(title="Мост", text=FILLER * 40 + "Гавань. " + FILLER * 40)
    )
    window = window_of(batch, "Гавань")
    pairs = batch.pair(np.array([1]), np.array([window]))
    reach = STANCE_REACH_WORDS // FILLER_WORDS
    assert int(batch.firsts[window] - pairs.near_firsts[0]) in {reach - 1, reach}
    assert int(pairs.near_lasts[0] - batch.lasts[window]) in {reach - 1, reach}
    expected = int(batch.windows.words[window]) + 2 * STANCE_REACH_WORDS
    assert abs(int(pairs.near.words[0]) - expected) <= FILLER_WORDS


def test_near_and_whole_stay_within_their_text():
    documents = (
        make_document("a", text="Чужой фейк. " * 9),
        make_document("b", title="Мост", text="Гавань."),
        make_document("c", text="И фейк."),
    )
    batch = read(*documents)
    pairs = batch.pair(np.array([1, 1]), np.flatnonzero(batch.owners == 1))
    assert pairs.near.words.tolist() == pairs.whole.words.tolist() == [2, 2]
    assert [pairs.whole_text(n) for n in range(2)] == ["Мост\nГавань."] * 2
    assert [pairs.title(n) for n in range(2)] == ["Мост"] * 2


def test_the_title_counts_once_in_near_and_whole_however_far_the_window():
    batch = read(make_document(title="Гавань гавань", text=FILLER * 40 + "Родная. " + FILLER * 3))
    pairs = batch.pair(np.array([0, 0]), np.array([0, window_of(batch, "Родная")]))
    assert pairs.near.values[:, 0].tolist() == [2, 2 + 2]
    assert pairs.whole.values[:, 0].tolist() == [4, 4]


def test_cues_of_title_window_near_and_whole_stand_side_by_side():
    batch = read(
        make_document(title="Это фейк", text=FILLER * 40 + "Гавань, вот ложь. " + FILLER * 4 + "Вымысел. " + FILLER * 40 + "Миф!")
    )
    pairs = batch.pair(np.array([0]), np.array([window_of(batch, "Гавань")]))
    verdicts = np.expm1(pairs.cues.reshape(4, len(CUES))[:, CUES.index("verdict")])
    title, window, near, whole = verdicts.round().tolist()
    assert (title, near, whole) == (1, 3, 4)
    assert window in {1, 2}


def test_a_text_without_title_has_no_cues_of_one():
    batch = read(make_document(text="Это фейк! Неправда?"))
    pairs = batch.pair(np.array([0]), np.array([0]))
    title, *others = pairs.cues.reshape(4, len(CUES))
    assert not title.any()
    assert all(passage.any() for passage in others)
