"""The texts of an entry."""

from __future__ import annotations

import pytest

from monitor.stages.parse import MAX_SUMMARY_CHARS, MAX_TEXT_CHARS, MAX_TITLE_CHARS
from tests.unit.stages.feeds import ITEM, TITLE, read, read_one, rss


def test_the_full_text_of_yandex_feeds_is_the_text() -> None:
    entry = read_one(
        f"<item><title>{TITLE}</title><description>Коротко.</description>"
        "<yandex:full-text>Первый абзац.&lt;br&gt;Второй абзац.</yandex:full-text></item>"
    )

    assert (entry.summary, entry.text) == ("Коротко.", "Первый абзац.\nВторой абзац.")


def test_encoded_content_is_the_text() -> None:
    entry = read_one(
        f"<item><title>{TITLE}</title><description>Коротко.</description>"
        "<content:encoded><![CDATA[<p>Раз.</p><script>x()</script><p>Два.</p>]]></content:encoded></item>"
    )

    assert (entry.summary, entry.text) == ("Коротко.", "Раз.\nДва.")


@pytest.mark.parametrize(
    ("encoded", "yandex"),
    [
        pytest.param("Весь длинный текст о пароме.", "Начало.", id="in the encoded content"),
        pytest.param("Начало.", "Весь длинный текст о пароме.", id="in the Yandex full text"),
        pytest.param("<i></i>" * 20 + "Начало.", "Весь длинный текст о пароме.", id="markup does not count"),
    ],
)
def test_the_longest_full_text_wins(encoded: str, yandex: str) -> None:
    entry = read_one(
        f"<item><content:encoded><![CDATA[{encoded}]]></content:encoded><yandex:full-text>{yandex}</yandex:full-text></item>"
    )

    assert entry.text == "Весь длинный текст о пароме."


def test_a_summary_that_repeats_the_text_is_not_kept_twice() -> None:
    entry = read_one(
        f"<item><title>{TITLE}</title><description>&lt;p&gt;Одно и то же.&lt;/p&gt;</description>"
        "<content:encoded>Одно и то же.</content:encoded></item>"
    )

    assert (entry.summary, entry.text) == ("", "Одно и то же.")


def test_a_read_more_link_is_not_part_of_the_summary() -> None:
    entry = read_one(
        f"<item><title>{TITLE}</title><link>https://bereg.example/news/1</link>"
        '<description><![CDATA[Коротко. <a href="https://bereg.example/news/1">Читать далее</a>]]></description></item>'
    )

    assert entry.summary == "Коротко."


def test_an_item_whose_only_text_is_a_link_to_itself_is_kept() -> None:
    parsed = read(
        rss(
            "<item><link>https://bereg.example/news/1</link>"
            '<description><![CDATA[<a href="https://bereg.example/news/1">Паром вышел на линию</a>]]></description></item>'
        )
    )

    assert [entry.summary for entry in parsed.entries] == ["Паром вышел на линию"]


def test_a_headline_alone_is_an_entry() -> None:
    entry = read_one(f"<item><title>{TITLE}</title><description/></item>")

    assert (entry.title, entry.summary, entry.text) == (TITLE, "", "")


def test_an_item_that_says_nothing_is_rejected_with_its_number() -> None:
    parsed = read(rss(f"{ITEM}<item><link>https://bereg.example/2</link><title> </title></item>{ITEM.replace('/1', '/3')}"))

    assert [entry.url for entry in parsed.entries] == ["https://bereg.example/news/1", "https://bereg.example/news/3"]
    assert parsed.rejected == ("item 2 has neither title nor text",)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("&amp;laquo;Порт&amp;raquo; закрыт", "«Порт» закрыт", id="entities of HTML"),
        pytest.param("&lt;b&gt;Порт&lt;/b&gt; закрыт", "Порт закрыт", id="markup"),
        pytest.param("<![CDATA[\n  Порт\n  закрыт ]]>", "Порт закрыт", id="CDATA over several lines"),
        pytest.param("Порт\u200b за\u00adкрыт\ufeff", "Порт закрыт", id="hidden characters"),
    ],
)
def test_titles_are_one_line_of_plain_text(raw: str, expected: str) -> None:
    assert read_one(f"<item><title>{raw}</title></item>").title == expected


def test_control_characters_do_not_survive() -> None:
    parsed = read(rss(f"<item><title>Пор\x01т за\x1bкрыт</title><description>Ве\x08тер</description></item>{ITEM}"))

    assert (parsed.entries[0].title, parsed.entries[0].summary) == ("Порт закрыт", "Ветер")


def test_endless_texts_are_cut() -> None:
    entry = read_one(
        f"<item><title>{'а' * (MAX_TITLE_CHARS + 9)}</title><description>{'б' * (MAX_SUMMARY_CHARS + 9)}</description>"
        f"<content:encoded>{'в' * (MAX_TEXT_CHARS + 9)}</content:encoded></item>"
    )

    assert (len(entry.title), len(entry.summary), len(entry.text)) == (MAX_TITLE_CHARS, MAX_SUMMARY_CHARS, MAX_TEXT_CHARS)


def test_the_hash_follows_the_texts_and_nothing_else() -> None:
    entry = read_one(f"<item><title>{TITLE}</title><guid>n-1</guid><description>Коротко.</description></item>")
    elsewhere = read_one(
        f"<item><title>{TITLE}</title><guid>n-2</guid><description>Коротко.</description><pubDate>12.05.2026</pubDate></item>"
    )
    reworded = read_one(f"<item><title>{TITLE}</title><guid>n-1</guid><description>Короче.</description></item>")

    assert entry.content_sha256 == elsewhere.content_sha256
    assert entry.content_sha256 != reworded.content_sha256
