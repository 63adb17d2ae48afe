import pytest

from monitor.stages.language import detect_language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("В Симферополе открылась новая школа для детей", "ru", id="ru"),
        pytest.param("У Києві відкрилася нова школа для дітей, її будували п'ять років", "uk", id="uk"),
        pytest.param("A new school for children has opened in the city", "en", id="en"),
        pytest.param("Днес в София беше открито ново училище, съобщи кметът на града", "bg", id="bg is not ru"),
        pytest.param("ВЛАСТИ СООБЩИЛИ О НОВЫХ ДОРОГАХ В ГОРОДЕ", "ru", id="capitals"),
        pytest.param("Президент США Joe Biden прилетел в Варшаву на переговоры", "ru", id="foreign names inside"),
    ],
)
def test_the_language_of_a_headline(text, expected):
    assert detect_language(text) == expected


@pytest.mark.parametrize("text", ["", " \n", "2026: 14.05!", "🙂 — №"])
def test_a_text_without_letters_has_no_language(text):
    assert detect_language(text) == "und"


def test_a_long_text_is_judged_by_its_beginning():
    assert detect_language("Это новости нашего города. " * 80 + "These are English words. " * 5_000) == "ru"
