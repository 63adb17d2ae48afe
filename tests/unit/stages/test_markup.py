from __future__ import annotations

import pytest

from monitor.stages.markup import strip_markup

OWN = "https://bereg.example/news/1"


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        pytest.param("Просто текст", "Просто текст", id="no markup"),
        pytest.param("<p>Раз</p><p>Два</p>", "Раз\nДва", id="paragraphs"),
        pytest.param("Раз<br>Два<br/>Три", "Раз\nДва\nТри", id="line breaks"),
        pytest.param("<ul><li>Раз</li><li>Два</li></ul>", "Раз\nДва", id="list"),
        pytest.param("<table><tr><td>Раз</td><td>Два</td></tr></table>", "Раз\nДва", id="cells do not run together"),
        pytest.param("пере<b>права</b>", "переправа", id="bold inside a word does not part it"),
        pytest.param("&laquo;Порт&raquo; &mdash; закрыт&hellip;", "«Порт» — закрыт…", id="named entities"),
        pytest.param("&#1055;орт&#x21;&nbsp;Море", "Порт! Море", id="numbered entities"),
        pytest.param("цена < 100 и > 50", "цена < 100 и > 50", id="comparison signs are text"),
        pytest.param("<p>Порт &amp; море", "Порт & море", id="unclosed"),
        pytest.param("a</i></p>b", "a\nb", id="closed but never opened"),
        pytest.param("<img src='x.jpg' alt='Берег'>Текст", "Текст", id="picture"),
        pytest.param("<P>Раз</P><BR>Два", "Раз\nДва", id="capitals"),
        pytest.param("До<!-- <p>тайно</p> -->После", "ДоПосле", id="comment"),
        pytest.param("", "", id="empty"),
        pytest.param("<p> </p><br>", "", id="markup alone"),
    ],
)
def test_strip_markup_gives_what_a_reader_reads(fragment: str, expected: str) -> None:
    assert strip_markup(fragment) == expected


@pytest.mark.parametrize("tag", ["script", "style", "iframe", "object", "noscript", "template", "svg", "math", "head", "title"])
def test_what_no_reader_sees_is_left_out_and_what_follows_is_kept(tag: str) -> None:
    assert strip_markup(f"До <{tag} a='b'>скрыто</{tag}>после") == "До после"


def test_a_tag_inside_a_script_does_not_end_it() -> None:
    assert strip_markup("До <script>document.write('<p>врезка</p>')</script>после") == "До после"


def test_hidden_and_control_characters_from_entities_go() -> None:
    assert strip_markup("Па&#8203;ром &#xFEFF;вы&shy;шел") == "Паром вышел"


@pytest.mark.parametrize(
    "fragment",
    [
        pytest.param("<![x[ Паром вышел", id="unknown marked section"),
        pytest.param("<![ Паром вышел", id="marked section without a name"),
        pytest.param("<!Паром вышел", id="declaration"),
        pytest.param("<?php Паром вышел", id="processing instruction"),
        pytest.param("<a href='Паром вышел", id="open attribute"),
        pytest.param("</", id="end of tag"),
        pytest.param("&#99999999999; &#xD800; &#0;", id="characters that do not exist"),
    ],
)
def test_broken_markup_is_no_error(fragment: str) -> None:
    assert isinstance(strip_markup(fragment), str)


@pytest.mark.parametrize(
    "fragment",
    [
        pytest.param(f"<p>Паром вышел.</p><a href='{OWN}'>Читать далее</a>", id="last"),
        pytest.param(f"<p>Паром вышел.</p><p><a href=' {OWN} '>Читать <b>далее</b></a></p>\n<br>", id="in a paragraph"),
    ],
)
def test_a_last_link_to_the_item_itself_is_left_out(fragment: str) -> None:
    assert strip_markup(fragment, own_url=OWN) == "Паром вышел."


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        pytest.param("<a href='https://more.example/'>Пролив</a>", "Пролив", id="leads elsewhere"),
        pytest.param(f"<a href='{OWN}'>Паром</a> вышел", "Паром вышел", id="own link, but not last"),
        pytest.param("<a>Паром</a>", "Паром", id="no address"),
        pytest.param("Вышел <a href='https://more.example/'>паром", "Вышел паром", id="unclosed"),
    ],
)
def test_other_links_keep_their_text(fragment: str, expected: str) -> None:
    assert strip_markup(fragment, own_url=OWN) == expected


def test_without_an_own_address_every_link_keeps_its_text() -> None:
    assert strip_markup(f"Вышел <a href='{OWN}'>паром</a>") == "Вышел паром"


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        pytest.param("Паром,\n    который вышел утром,\n    вернулся.", "Паром, который вышел утром, вернулся.", id="wrapped"),
        pytest.param("Паром вышел.\nПорт закрыт.", "Паром вышел.\nПорт закрыт.", id="a line per sentence"),
        pytest.param("Паром вышел\n\nПорт закрыт", "Паром вышел\nПорт закрыт", id="blank line"),
        pytest.param("<p>Паром\nвышел</p><p>Порт</p>", "Паром вышел\nПорт", id="wrapped in a paragraph"),
        pytest.param("<h2>Паром</h2>вышел", "Паром\nвышел", id="a heading ends its line"),
    ],
)
def test_lines_wrapped_for_an_editor_are_one_line(fragment: str, expected: str) -> None:
    assert strip_markup(fragment) == expected


@pytest.mark.parametrize("piece", ["<a ", "<a href='x", "<", "<!--", "<p <b "], ids=str)
def test_tags_that_are_never_closed_cost_no_more_than_others(piece: str) -> None:
    # With the quadratic way of the parser this would take hours.
    assert "слово" in strip_markup("слово " + piece * 100_000)
