import numpy as np
import pytest

from monitor.stages.cues import CUES, count_cues, has_fact_check_label, is_contested, quoted_share, stack_cues

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
    return dict(zip(CUES, count_cues(text).tolist(), strict=True))


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
    assert not any(count_cues(text))


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


def test_words_of_a_cue_may_be_parted_by_any_space():
    assert read("на\n самом   деле")["turn"] > 0


def test_a_dot_pair_stands_for_an_ending():
    assert all(read(f"киевск{ending} режим")["camp_word"] > 0 for ending in ("ий", "им"))


def test_counts_grow_by_their_logarithm():
    assert read("фейк и снова фейк")["verdict"] == pytest.approx(np.log(3))
    assert read("фейк")["verdict"] == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Он сказал «это победа» вчера", 2 / 5, id="guillemets"),
        pytest.param('"один" два', 1 / 2, id="straight"),
        pytest.param("“one two”", 1.0, id="all"),
        pytest.param("«незакрытая цитата", 0.0, id="never closed"),
        pytest.param("без цитат", 0.0, id="none"),
        pytest.param("", 0.0, id="empty"),
        pytest.param("«…»", 0.0, id="no words"),
    ],
)
def test_the_share_of_quoted_words(text, expected):
    assert quoted_share(text) == pytest.approx(expected)


def test_stacked_cues_are_texts_by_cues():
    assert np.array_equal(stack_cues(["фейк", NEUTRAL])[0], count_cues("фейк"))
    assert stack_cues([]).shape == (0, len(CUES))
    assert stack_cues(["фейк"]).dtype == np.float32


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
