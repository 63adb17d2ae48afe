import pytest

from monitor.stages.windows import MAX_SENTENCE_CHARS, MAX_WINDOWS, Sentence, make_windows, read_document, split_sentences
from tests.factories import make_document

RU = "Мост открыли утром. По нему прошли первые автобусы! Довольны ли жители?\nВечером движение закрыли."


def texts(sentences: tuple[Sentence, ...]) -> list[str]:
    return [sentence.text for sentence in sentences]


def spans(*words: int, has_title: bool = False, **options: int) -> list[tuple[int, int]]:
    """Where the windows over sentences of so many words begin and end."""
    return [(window.first, window.last) for window in make_windows(words, has_title=has_title, **options)]


def test_a_text_is_split_at_sentences_and_paragraphs():
    expected = ["Мост открыли утром.", "По нему прошли первые автобусы!", "Довольны ли жители?", "Вечером движение закрыли."]
    assert texts(split_sentences(make_document(text=RU), "ru")) == expected


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        pytest.param("ru", "Об этом пишет газета, см. стр. 5 номера. Редакция согласна.", id="ru"),
        pytest.param("uk", "Про це сказав п. Коваленко на зустрічі. Інші мовчали.", id="uk"),
        pytest.param("en", "Mr. Brown spoke at noon. Others kept silent.", id="en"),
        pytest.param("xx", "Mr. Brown spoke at noon. Others kept silent.", id="unknown language as English"),
    ],
)
def test_abbreviations_of_each_language_do_not_end_a_sentence(lang, text):
    assert len(split_sentences(make_document(text=text), lang)) == 2


def test_fields_come_in_reading_order_and_the_title_stays_whole():
    document = make_document(title="Мост открыт. Навсегда.", summary="Кратко о главном.", text="Подробности позже.")
    found = [(s.field, s.text) for s in split_sentences(document, "ru")]
    assert found == [("title", "Мост открыт. Навсегда."), ("summary", "Кратко о главном."), ("text", "Подробности позже.")]


def test_offsets_leave_out_space_around_a_sentence():
    document = make_document(title="  Мост открыт \n", text="\n\n   Первая фраза.   Вторая фраза.  \n")
    title, first, second = split_sentences(document, "ru")
    assert (title.start, title.end) == (2, 13)
    assert document.text[first.start : first.end] == "Первая фраза."
    assert document.text[second.start : second.end] == "Вторая фраза."


@pytest.mark.parametrize("blank", ["", " ", "\n\n \t\n"])
def test_blank_fields_have_no_sentences_and_no_windows(blank):
    reading = read_document(make_document(title=blank, summary=blank, text=blank))
    assert (reading.sentences, reading.words, reading.windows, reading.has_title) == ((), (), (), False)


@pytest.mark.parametrize("text", ["— … —", "🙂 👩\u200d🌾 ❤\ufe0f", "- '", "\u200d"])
def test_a_text_without_a_word_has_sentences_but_no_windows(text):
    reading = read_document(make_document(title=text, text=text))
    assert len(reading.sentences) == 2
    assert reading.windows == ()


def test_a_title_alone_is_one_window():
    reading = read_document(make_document(title="Мост открыт"))
    assert [reading.join(w.first, w.last) for w in reading.windows] == ["Мост открыт"]
    assert reading.has_title


def test_every_body_window_is_read_with_the_title_and_the_title_stands_alone_first():
    reading = read_document(make_document(title="Мост открыт", text=RU * 20))
    joined = [reading.join(w.first, w.last) for w in reading.windows]
    assert joined[0] == "Мост открыт"
    assert len(joined) > 2
    assert all(text.startswith("Мост открыт\n") and text.count("Мост открыт\n") == 1 for text in joined[1:])


def test_without_a_title_windows_are_read_as_they_are():
    reading = read_document(make_document(text=RU))
    assert not reading.has_title
    assert [reading.join(w.first, w.last) for w in reading.windows] == ["\n".join(texts(reading.sentences))]


def test_a_reading_has_the_words_of_each_sentence():
    reading = read_document(make_document(title="Мост открыт!", text="Кто-то рад. Он п’є чай."))
    assert reading.words == (["Мост", "открыт"], ["Кто-то", "рад"], ["Он", "п’є", "чай"])


@pytest.mark.parametrize(("hint", "expected"), [("uk", "uk"), ("EN-gb", "en"), ("de", "ru"), ("", "ru"), (None, "ru")])
def test_a_language_hint_is_taken_where_it_is_one_of_ours(hint, expected):
    text = "Сегодня утром жители города собрались на площади и слушали музыку."
    assert read_document(make_document(text=text, lang=hint)).lang == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param((), [], id="nothing"),
        pytest.param((5, 5), [(0, 2)], id="shorter than a window"),
        pytest.param((10, 10, 10, 10, 10, 10), [(0, 4), (2, 6)], id="half a window further"),
        pytest.param((10, 10, 10, 10), [(0, 4)], id="exactly one"),
        pytest.param((100,), [(0, 1)], id="one long sentence"),
        pytest.param((0, 0, 0), [(0, 3)], id="no words at all"),
    ],
)
def test_windows_reach_forty_words_and_overlap_by_half(words, expected):
    assert spans(*words) == expected


def test_the_title_is_a_window_of_its_own_and_not_part_of_the_runs():
    assert spans(5, 10, 10, 10, 10, has_title=True) == [(0, 1), (1, 5)]


@pytest.mark.parametrize("words", [(15, 30, 10), (50, 50, 5), (45, 10, 40), (25, 25, 25)])
def test_neighbouring_sentences_stand_together_in_some_window(words):
    # A claim that runs over two sentences is otherwise cut in half.
    found = spans(*words)
    assert all(any(first <= n and n + 2 <= last for first, last in found) for n in range(len(words) - 1)), found


def test_a_very_long_text_gets_no_more_windows_than_the_limit():
    found = spans(3, *[50] * (MAX_WINDOWS + 50), has_title=True)
    assert len(found) == MAX_WINDOWS
    assert max(last - first for first, last in found) == 2


def test_what_lies_behind_the_last_window_is_left_out():
    reading = read_document(make_document(title="Мост", text="Мост открыт для всех машин и автобусов города. " * 10_000, lang="ru"))
    assert len(reading.windows) == MAX_WINDOWS
    assert len(reading.sentences) == len(reading.words) == reading.windows[-1].last < 3_000


@pytest.mark.parametrize("unit", ["слово ", "слово", "а"], ids=["words", "one word", "one letter"])
def test_an_endless_sentence_is_cut_to_pieces_that_slice_back(unit):
    text = (unit * (1 + 3_000_000 // len(unit)))[:3_000_000]
    reading = read_document(make_document(text=text, lang="ru"))
    assert all(0 < len(s.text) <= MAX_SENTENCE_CHARS and text[s.start : s.end] == s.text for s in reading.sentences)
    assert len(reading.windows) <= MAX_WINDOWS
