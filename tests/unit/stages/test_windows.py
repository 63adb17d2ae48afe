import pytest

from monitor.stages.windows import MAX_WINDOWS, Sentence, make_windows, split_sentences
from monitor.text import count_words
from tests.factories import make_document

RU = "Мост открыли утром. По нему прошли первые автобусы! Довольны ли жители?\nВечером движение закрыли."


def texts(sentences: tuple[Sentence, ...]) -> list[str]:
    return [sentence.text for sentence in sentences]


def make_body(*word_counts: int) -> tuple[Sentence, ...]:
    """Body sentences with so many words; the words of the n-th are all its number."""
    return tuple(Sentence("text", 0, 0, " ".join([f"s{n}"] * count)) for n, count in enumerate(word_counts))


def spans(sentences: tuple[Sentence, ...], **options: int) -> list[tuple[int, int]]:
    return [(window.first, window.last) for window in make_windows(sentences, **options)]


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
    sentences = split_sentences(make_document(title=blank, summary=blank, text=blank), "ru")
    assert sentences == ()
    assert make_windows(sentences) == ()


def test_a_title_alone_is_one_window():
    sentences = split_sentences(make_document(title="Мост открыт"), "ru")
    assert [(w.first, w.last, w.text) for w in make_windows(sentences)] == [(0, 1, "Мост открыт")]


def test_every_body_window_holds_the_title_and_the_title_stands_alone_first():
    sentences = split_sentences(make_document(title="Мост открыт", text=RU), "ru")
    windows = make_windows(sentences, window_words=5)
    assert windows[0].text == "Мост открыт"
    assert len(windows) > 2
    assert all(window.text.startswith("Мост открыт\n") and window.first > 0 for window in windows[1:])


def test_a_window_text_is_made_of_its_sentences():
    sentences = make_body(3, 3, 3, 3)
    assert all(w.text == "\n".join(texts(sentences[w.first : w.last])) for w in make_windows(sentences, window_words=6))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param((5, 5), [(0, 2)], id="shorter than a window"),
        pytest.param((10, 10, 10, 10, 10, 10), [(0, 4), (2, 6)], id="half a window further"),
        pytest.param((10, 10, 10, 10), [(0, 4)], id="exactly one"),
        pytest.param((100,), [(0, 1)], id="one long sentence"),
    ],
)
def test_windows_reach_forty_words_and_overlap_by_half(words, expected):
    assert spans(make_body(*words)) == expected


@pytest.mark.parametrize("words", [(15, 30, 10), (50, 50, 5), (45, 10, 40), (25, 25, 25)])
def test_neighbouring_sentences_stand_together_in_some_window(words):
    # A claim that runs over two sentences is otherwise cut in half.
    found = spans(make_body(*words))
    assert all(any(first <= n and n + 2 <= last for first, last in found) for n in range(len(words) - 1)), found


def test_a_very_long_text_gets_no_more_windows_than_the_limit():
    sentences = make_body(*[50] * (MAX_WINDOWS + 50))
    windows = make_windows((Sentence("title", 0, 1, "М"), *sentences))
    assert len(windows) == MAX_WINDOWS
    assert max(count_words(window.text) for window in windows) < 200
