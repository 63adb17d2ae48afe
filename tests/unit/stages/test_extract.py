from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import PageError
from monitor.stages.extract import MAX_BODY_BYTES, MAX_TEXT_CHARS, MIN_WORDS, ExtractedPage, extract_page

URL = "https://bereg.example/news/1?utm_source=rss"
FIRST = "Новый паром вышел на линию между двумя берегами залива и перевёз в первый день больше тысячи пассажиров."
SECOND = "Расписание опубликуют на следующей неделе, сообщили в порту, а билеты подешевеют к началу летнего сезона."
WESTERN = "Die neue Fähre überquert täglich die Bucht, erklärte die Behörde, und über tausend Gäste fuhren am ersten Tag schon mit."


def make_page(article: str = "", *, head: str = "", repeat: int = 4) -> str:
    paragraphs = article or "".join(f"<p>{FIRST} Часть {part}.</p><p>{SECOND} Часть {part}.</p>" for part in range(repeat))
    menu = "".join(f"<a href='/{word}'>{word}</a>" for word in ("политика", "спорт", "погода"))
    return (
        f"<!DOCTYPE html><html><head><title>Паром — Берег</title>{head}</head>"
        f"<body><nav>{menu}</nav><article><h1>Паром вышел</h1>{paragraphs}</article></body></html>"
    )


def read(page: str | bytes, content_type: str | None = "text/html; charset=utf-8") -> ExtractedPage:
    return extract_page(page.encode() if isinstance(page, str) else page, content_type, URL)


def refuse(page: str | bytes, content_type: str | None = None) -> PageError:
    with pytest.raises(PageError) as caught:
        read(page, content_type)
    return caught.value


def make_json_ld(**fields: object) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", **fields}, ensure_ascii=False)}</script>'


# --- the text ---


def test_the_article_is_found_and_the_menu_is_not() -> None:
    text = read(make_page()).text

    assert text.count(FIRST) == 4
    assert "спорт" not in text
    assert FIRST in text.splitlines()[0] or FIRST in text.splitlines()[1]


def test_nothing_of_scripts_and_styles_is_in_the_text() -> None:
    page = make_page(f"<script>alert('boo')</script><style>p {{color: red}}</style><p>{FIRST}</p><p>{SECOND}</p>" * 3)

    assert "boo" not in read(page).text
    assert "color" not in read(page).text


def test_control_characters_do_not_cost_the_page() -> None:
    text = read(make_page().replace("паром", "па\x05р&#6;ом\u202e")).text

    assert FIRST in text


def test_a_thin_extraction_gives_way_to_the_article_that_the_page_declares() -> None:
    body = f"{FIRST} {SECOND} " * 5
    page = make_page(f"<p>{FIRST}</p>", head=make_json_ld(articleBody=body))

    assert read(page).text == body.strip()


def test_a_page_of_unmarked_text_is_looked_at_twice() -> None:
    links = "".join(f"<li><a href='/{n}'>{FIRST}</a></li>" for n in range(3))
    page = f"<html><body><div><p>{FIRST}</p></div><div><ul>{links}</ul><div>{SECOND * 40}</div></div></body></html>"

    assert SECOND in read(page).text


def test_long_texts_are_cut() -> None:
    page = make_page("".join(f"<p>{FIRST} {number}</p>" for number in range(2_500)))

    assert len(read(page).text) == MAX_TEXT_CHARS


def test_only_the_beginning_of_a_huge_document_is_read() -> None:
    page = make_page(repeat=2).encode()
    padded = page.replace(b"</article>", b"</article><!--" + b"x" * MAX_BODY_BYTES + b"-->") + b"<p>The end of it all</p>"

    assert FIRST in read(padded).text
    assert "The end" not in read(padded).text


# --- encodings ---


@pytest.mark.parametrize("declared", ["utf-8", "iso-8859-1", "windows-1252", "windows-1251", "cp-1251", "nonsense", None])
@pytest.mark.parametrize("place", ["header", "page"])
def test_cyrillic_pages_are_read_whatever_they_are_labelled(declared: str | None, place: str) -> None:
    head = f'<meta http-equiv="Content-Type" content="text/html; charset={declared}">' if declared and place == "page" else ""
    header = f"text/html; charset={declared}" if declared and place == "header" else "text/html"

    assert FIRST in read(make_page(head=head).encode("cp1251"), header).text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "koi8-r"])
def test_other_encodings_of_cyrillic(encoding: str) -> None:
    assert FIRST in read(make_page().replace("—", "-").encode(encoding), f"text/html; charset={encoding}").text


@pytest.mark.parametrize("declared", ["iso-8859-1", "windows-1252", "utf-8", None])
def test_western_pages_do_not_become_cyrillic(declared: str | None) -> None:
    page = f"<html><body><article>{f'<p>{WESTERN}</p>' * 4}</article></body></html>".encode("cp1252")

    assert WESTERN in read(page, f"text/html; charset={declared}" if declared else None).text


def test_one_torn_letter_does_not_change_the_encoding_of_a_page() -> None:
    page = f"<html><body><article>{f'<p>{WESTERN}</p>' * 4}<p>\xff</p></article></body></html>".encode().replace(
        b"\xc3\xbf", b"\xff"
    )

    assert WESTERN in read(page).text


# --- what the page says of itself ---


@pytest.mark.parametrize(
    ("head", "title"),
    [
        ('<meta property="og:title" content=" Паром   &amp; порт ">', "Паром & порт"),
        ('<meta name="twitter:title" content="Паром">', "Паром"),
        (make_json_ld(headline="Паром из JSON"), "Паром из JSON"),
        ("", "Паром вышел"),
    ],
    ids=["og", "twitter", "json-ld", "h1"],
)
def test_titles(head: str, title: str) -> None:
    assert read(make_page(head=head)).title == title


def test_the_title_element_is_the_last_resort() -> None:
    assert read(make_page().replace("<h1>Паром вышел</h1>", "")).title == "Паром — Берег"


@pytest.mark.parametrize(
    ("head", "date"),
    [
        ('<meta property="article:published_time" content="2026-05-14T10:00:00+03:00">', "2026-05-14T10:00:00+03:00"),
        ('<meta itemprop="datePublished" content="2026-05-14">', "2026-05-14"),
        (make_json_ld(datePublished="2026-05-13"), "2026-05-13"),
        ('<script type="application/ld+json">[{"@graph": [{"datePublished": "2026-05-12"}]}]</script>', "2026-05-12"),
        ('<script type="application/ld+json">{"datePublished": </script>', None),
        (f'<script type="application/ld+json">{"[" * 100_000}</script>', None),
        (f'<script type="application/ld+json">"{"x" * 1_000_001}"</script>', None),
        (make_json_ld(datePublished=["2026"]), None),
        (make_json_ld(deep=[{"n": n} for n in range(6_000)]), None),
    ],
    ids=["meta", "itemprop", "json-ld", "graph", "broken json", "deep json", "huge json", "not a string", "many nodes"],
)
def test_dates(head: str, date: str | None) -> None:
    assert read(make_page(head=head)).published_raw == date


def test_a_time_element_dates_a_page_that_says_nothing_else() -> None:
    page = make_page().replace("</h1>", "</h1><time datetime='2026-05-11T08:00'>вчера</time>")

    assert read(page).published_raw == "2026-05-11T08:00"


@pytest.mark.parametrize(
    ("head", "canonical"),
    [
        ('<link rel="canonical" href="/news/1">', "https://bereg.example/news/1"),
        ('<link rel="Canonical nofollow" href="https://other.example/a">', "https://other.example/a"),
        ('<meta property="og:url" content="https://bereg.example/og">', "https://bereg.example/og"),
        ('<link rel="canonical" href="javascript:alert(1)">', None),
        ('<link rel="canonical" href="">', None),
        ('<link rel="stylesheet" href="/a.css">', None),
    ],
    ids=["relative", "absolute", "og", "script", "empty", "none"],
)
def test_canonical_addresses(head: str, canonical: str | None) -> None:
    assert read(make_page(head=head)).canonical_url == canonical


@pytest.mark.parametrize(
    ("head", "is_paywalled"),
    [
        (make_json_ld(isAccessibleForFree=False), True),
        (make_json_ld(isAccessibleForFree="False"), True),
        (make_json_ld(isAccessibleForFree=True), False),
        ('<meta property="article:content_tier" content="locked">', True),
        ('<meta property="article:content_tier" content="free">', False),
        ("", False),
    ],
    ids=["json false", "json 'False'", "json true", "tier locked", "tier free", "nothing"],
)
def test_paywalls(head: str, is_paywalled: bool) -> None:
    assert read(make_page(head=head)).is_paywalled is is_paywalled


# --- what is no article ---


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (b"", "empty_body"),
        (b" \n\x00 ", "empty_body"),
        (b"%PDF-1.7 \xff\xfe\x00 stream", "not_html"),
        (b'{"html": "no"}', "not_html"),
        ("<?xml version='1.0'?><rss><channel><item><description><p>x</p></description></item></channel></rss>", "not_html"),
        ("<html></html>", "thin_page"),
        ("<html><body><p>Скоро здесь будет новость</p></body></html>", "thin_page"),
        ("<html><head><title>Just a moment...</title></head><body>Checking</body></html>", "challenge"),
        ("<html><head><title>x</title></head><body><script src='//x/smartcaptcha.js'></script></body></html>", "challenge"),
        (f"<html><head><title>DDoS-Guard</title></head><body><p>{FIRST}</p><p>{SECOND}</p></body></html>", "challenge"),
        ("<html><body><form><input name=u><input type=Password></form></body></html>", "login_page"),
        ("<!doctype html><!-- nothing -->", "unreadable"),
    ],
    ids=["empty", "blank", "pdf", "json", "feed", "no text", "few words", "title", "script", "long", "login", "no tree"],
)
def test_what_is_no_article_is_named(page: str | bytes, kind: str) -> None:
    error = refuse(page)

    assert error.kind == kind
    assert str(error)


@pytest.mark.parametrize(
    "extra",
    ["<form><input type=password></form>", "<script>window._cf_chl_opt = 1</script>", "<div class='g-recaptcha'></div>"],
    ids=["login form", "challenge script", "captcha"],
)
def test_an_article_may_carry_what_marks_a_notice(extra: str) -> None:
    assert FIRST in read(make_page() + extra).text


def test_an_article_may_be_about_captchas() -> None:
    assert read(make_page(head='<meta property="og:title" content="Security check: are you human?">')).text


def test_a_brief_is_an_article() -> None:
    words = f"{FIRST} {SECOND}"

    assert len(words.split()) > MIN_WORDS
    assert words in read(f"<html><body><article><p>{words}</p></article></body></html>").text


def test_deep_nesting_ends_in_a_text_or_a_name() -> None:
    page = "<html><body>" + "<div>" * 20_000 + f"<p>{FIRST}</p>" * 3

    try:
        kind = "" if read(page).text else "no text"
    except PageError as error:
        kind = error.kind
    assert kind in {"", "unreadable", "thin_page"}


KINDS = ("empty_body", "not_html", "unreadable", "challenge", "login_page", "thin_page")
FRAGMENTS = st.sampled_from(
    [
        "<p>",
        "</p>",
        "<html>",
        "<body>",
        "<div>",
        "<table><tr>",
        "<svg>",
        "<!--",
        "<![CDATA[",
        "&#0;",
        "&amp",
        "<script>",
        FIRST,
        "\x00",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(FRAGMENTS, max_size=20).map(lambda parts: "".join(parts).encode())), st.text())
def test_any_bytes_give_a_clean_text_or_a_named_failure(body: bytes, content_type: str) -> None:
    try:
        page = extract_page(b"<html>" + body, content_type, URL)
    except PageError as error:
        kind = error.kind
    else:
        kind = ""
        assert page.text == page.text.strip()
        assert not set(page.text) & set("\x00\x05\u202e")
    assert kind in {"", *KINDS}


@pytest.mark.parametrize("frame", ["nav", "aside", "menu"])
def test_a_frame_that_was_not_closed_does_not_take_the_article_with_it(frame: str) -> None:
    page = make_page().replace("<nav>", f"<{frame}>").replace("</nav>", "")

    assert read(page).text.count(FIRST) == 4


def test_what_takes_no_part_in_an_article_is_not_in_it() -> None:
    aside = "<noscript>Включите сценарии</noscript><select><option>Керчь</option></select><footer>Редакция</footer>"
    text = read(make_page().replace("</h1>", f"</h1>{aside}")).text

    assert text.count(FIRST) == 4
    assert not any(word in text for word in ("Включите", "Керчь", "Редакция"))


def test_the_address_that_the_page_calls_its_own_is_kept_although_its_links_are_dropped() -> None:
    head = '<link rel="canonical" href="/news/1"><meta property="article:published_time" content="2026-05-14">'
    page = read(make_page(head=head))

    assert (page.canonical_url, page.published_raw) == ("https://bereg.example/news/1", "2026-05-14")
