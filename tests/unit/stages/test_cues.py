import numpy as np
import pytest

from monitor.stages import cues
from monitor.stages.cues import (
    CUES,
    PAIR_CUES,
    WORD_CUES,
    find_pair_places,
    find_word_cues,
    has_fact_check_label,
    is_contested,
    measure_marks,
    scale_cues,
)
from monitor.stages.features import fold_word
from monitor.stages.windows import Sentence, read_document
from monitor.stages.wordtable import Sums, WordTable
from tests.factories import make_document, make_vocabulary

NEUTRAL = "Автобус приехал утром в город, погода тёплая"
SAMPLES = {
    "verdict": ("Это фейк, снимок подделан", "Це вигадка й брехня", "This is a hoax, the video is fabricated"),
    "distance": ("Якобы все довольны", "Нібито всі задоволені", "The so-called vote"),
    "attribution": ("Губернатор заявил утром", "За словами речника", "The minister said"),
    "occupation_word": ("Оккупированный город", "Окупанти у місті", "The illegal annexation"),
    "camp_word": ("Киевский режим и родная гавань", "Визволені міста", "The Kiev regime"),
    "coercion": ("Учителей заставляли прийти", "Людей примусили", "Workers were forced to come"),
    "checker": ("Проверка журналистов", "Правозахисники з ООН", "Researchers and the tribunal"),
    "turn": ("На самом деле было иначе", "Насправді все інакше", "However, it was different"),
    "negation": ("Такого не было никогда", "Такого немає", "It never was"),
    "certainty": ("Разумеется, навсегда", "Звісно, назавжди", "Obviously, forever"),
    "relating": ("В Кремле это видят иначе", "Москва називає це вибором", "Critics see it otherwise"),
    "question": ("Кто приехал?", "Хто приїхав?", "Who came?"),
    "exclamation": ("Ура!", "Ура!", "Hooray!"),
    "quoted_share": ("Он «дома»", "Він „вдома”", 'He is "home"'),
}


def read(text: str) -> dict[str, float]:
    """The cues of a text, as the stance model gets them of a passage."""
    table = WordTable(make_vocabulary(), np.zeros((0, 0), dtype=np.float32))
    sentences = table.sum_sentences([read_document(make_document(text=text, lang="ru"))])
    whole = Sums(sentences.values.sum(axis=0, keepdims=True), width=0)
    return dict(zip(CUES, whole.cues[0].tolist(), strict=True))


def measure(text: str) -> tuple[int, int, bool, bool]:
    return measure_marks(Sentence("text", 0, len(text), text))


def test_every_cue_has_samples():
    assert set(SAMPLES) == set(CUES)


@pytest.mark.parametrize(
    ("cue", "text"),
    [
        pytest.param(cue, text, id=f"{cue}-{lang}")
        for cue, texts in SAMPLES.items()
        for lang, text in zip(("ru", "uk", "en"), texts, strict=True)
    ],
)
def test_a_cue_is_found_in_every_language(cue, text):
    assert read(text)[cue] > 0


@pytest.mark.parametrize("text", [NEUTRAL, "The bus arrived in town, warm weather", ""])
def test_plain_news_has_no_cue(text):
    assert not any(read(text).values())


@pytest.mark.parametrize(
    ("cue", "text"),
    [
        pytest.param("negation", "Небо, нить и бездна", id="beginnings of other words"),
        pytest.param("verdict", "Врезка о доверии", id="whole words only"),
        pytest.param("attribution", "Unsaid essays", id="inside words"),
        pytest.param("turn", "Butter, новость, алея", id="short words"),
    ],
)
def test_a_cue_is_not_found_in_words_that_only_contain_it(cue, text):
    assert read(text)[cue] == 0


@pytest.mark.parametrize("text", ["ФЕЙК", "Фейк", "фейками"])
def test_case_and_inflection_do_not_matter(text):
    assert read(text)["verdict"] > 0


def test_the_imperfective_of_the_ukrainian_verb_is_coercion_too():
    assert read("Людей примушують голосувати")["coercion"] > 0


def test_two_words_of_a_cue_may_be_parted_by_any_space_but_stand_in_one_sentence():
    assert read("на\u00a0самом   деле")["turn"] > 0
    assert read("на самом. Деле!")["turn"] == 0
    assert read("на самом\nделе")["turn"] == 0


def test_two_words_of_a_cue_are_neighbours():
    assert read("на самом важном деле")["turn"] == 0


def test_both_words_of_a_pair_may_be_inflected():
    assert all(read(f"киевск{ending} режим")["camp_word"] > 0 for ending in ("ий", "им"))


def test_counts_grow_by_their_logarithm_over_all_sentences():
    assert read("фейк и снова фейк")["verdict"] == pytest.approx(np.log(3))
    assert read("Это фейк. И снова фейк!")["verdict"] == pytest.approx(np.log(3))
    assert read("фейк")["verdict"] == pytest.approx(np.log(2))


@pytest.mark.parametrize("word", ["фе\u200dйк", "фе\u0301йк", "фeйк"], ids=["joiner", "stress mark", "Latin e"])
def test_a_disguised_word_is_still_a_cue(word):
    assert read(word)["verdict"] > 0


def test_each_word_speaks_for_every_cue_that_lists_it():
    found = find_word_cues("незаконно")
    assert len(found) == WORD_CUES
    assert [CUES[n] for n in np.flatnonzero(found)] == ["occupation_word"]
    assert not any(find_word_cues(""))


def list_stems() -> list[tuple[str, str]]:
    """Every stem of the word lists as a text, with its cue. Abbreviations are no words and stay silent."""
    stems = [(cue, " ".join(stem.split()).replace("=", "")) for cue, listed in cues._STEMS.items() for stem in listed.split("|")]
    return [(cue, stem) for cue, stem in stems if "." not in stem]


@pytest.mark.parametrize("cue", CUES[:WORD_CUES])
def test_every_listed_stem_speaks_for_its_cue(cue):
    assert [stem for name, stem in list_stems() if name == cue and read(stem)[cue] == 0] == []


def test_pairs_of_words_speak_for_no_cue_but_those_that_list_them():
    assert len(PAIR_CUES) > 62  # more than fit into one number
    for cue, stem in list_stems():
        if " " in stem:
            words = [CUES[n] for word in stem.split() for n in np.flatnonzero(find_word_cues(fold_word(word)))]
            firsts, seconds = (find_pair_places(fold_word(word))[n] for n, word in enumerate(stem.split()))
            pairs = {CUES[PAIR_CUES[bit]] for bit in range(len(PAIR_CUES)) if firsts & seconds & (1 << bit)}
            found = {name for name, value in read(stem).items() if value > 0}
            assert cue in pairs
            assert found == pairs | set(words)


def test_pairs_are_found_by_their_bits():
    firsts, seconds = find_pair_places("киевский")[0], find_pair_places("режим")[1]
    bits = [bit for bit in range(len(PAIR_CUES)) if firsts & seconds & (1 << bit)]
    assert [CUES[PAIR_CUES[bit]] for bit in bits] == ["camp_word"]
    assert find_pair_places("экскаватор") == (0, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Он сказал «это победа» вчера", (28, 10, False, False), id="guillemets"),
        pytest.param('"один" два', (10, 4, False, False), id="straight"),
        pytest.param("“one two”", (9, 7, False, False), id="curly"),
        pytest.param("«незакрытая цитата", (18, 0, False, False), id="never closed"),
        pytest.param("Кто? Я!", (7, 0, True, True), id="asks and exclaims"),
        pytest.param("", (0, 0, False, False), id="empty"),
        pytest.param("«»", (2, 0, False, False), id="nothing quoted"),
    ],
)
def test_marks_are_characters_quoted_characters_question_and_exclamation(text, expected):
    assert measure(text) == expected


def test_scaled_cues_are_logarithms_shares_and_flags():
    counts = np.zeros((2, WORD_CUES))
    counts[0, 3] = 4
    scaled = scale_cues(counts, np.array([[10, 5, 2, 0], [0, 0, 0, 1]], dtype=np.float64))
    assert scaled.shape == (2, len(CUES))
    assert scaled.dtype == np.float32
    assert scaled[0, 3] == pytest.approx(np.log(5))
    assert scaled[:, WORD_CUES:].tolist() == [[0.5, 1, 0], [0, 0, 1]]


def test_counts_that_rounding_left_just_below_zero_are_none():
    counts = np.full((1, WORD_CUES), -1e-12)
    assert not scale_cues(counts, np.zeros((1, 4))).any()


@pytest.mark.parametrize(
    "title",
    [
        "Фейк: съезд единогласно поддержал войну",
        "ФЕЙК! — нет, «Фейк:» так не пишут",
        "Fact check: students were not volunteers",
        "Маніпуляція. Кримчани задоволені",
    ],
)
def test_a_fact_checkers_label_is_known_at_the_head_of_a_title(title):
    assert has_fact_check_label(title) == (not title.startswith("ФЕЙК!"))


@pytest.mark.parametrize("title", ["Фейковые документы нашли у туриста", "Ложь и правда о Крыме", "False alarm at the airport"])
def test_a_title_that_only_begins_with_such_a_word_has_no_label(title):
    assert not has_fact_check_label(title)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Насправді з'їзд був інсценований.", True),
        ("The meeting was staged by the occupation authorities.", True),
        ("Это неправда: делегатов никто не выбирал.", True),
        ("Заявление не соответствует действительности.", True),
        ("Делегаты единогласно поддержали президента.", False),
        ("The congress unanimously backed the president.", False),
    ],
)
def test_outright_verdicts_make_a_text_contested(text, expected):
    assert is_contested(text) is expected
