from __future__ import annotations

import pytest

from monitor.stages.documents import name_document, name_truncated

LONG = "<p>Паром вышел на линию после шторма.</p>" * 200


def page(title: str, body: str = "") -> str:
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("", "empty_body", id="empty"),
        pytest.param("\ufeff \r\n", "empty_body", id="white space"),
        pytest.param(page("Just a moment..."), "challenge", id="Cloudflare"),
        pytest.param(
            page("x", "<script src='/cdn-cgi/challenge-platform/x'></script>"), "challenge", id="Cloudflare by its script"
        ),
        pytest.param(page("DDoS-Guard"), "challenge", id="DDoS-Guard"),
        pytest.param(page("", "<script src='/__qrator/qauth.js'></script>"), "challenge", id="Qrator"),
        pytest.param(
            page("Ой!", "<p>Подтвердите, что запросы отправляли вы, а не робот</p>"), "challenge", id="captcha in Russian"
        ),
        pytest.param(page("Перевірка браузера"), "challenge", id="check in Ukrainian"),
        pytest.param(page("Вход", "<form><input type='password'></form>"), "login_page", id="log-in in Russian"),
        pytest.param(page("Увійти", '<input type="password">'), "login_page", id="log-in in Ukrainian"),
        pytest.param(page("Sign in", "<input type=password>"), "login_page", id="log-in in English"),
        pytest.param(page("Доступ ограничен", "<p>По решению Роскомнадзора</p>"), "block_page", id="blocked in Russian"),
        pytest.param(page("", "<p>Доступ к информационному ресурсу ограничен</p>"), "block_page", id="blocked by law"),
        pytest.param(page("Доступ заборонено"), "block_page", id="blocked in Ukrainian"),
        pytest.param(page("403 Forbidden"), "block_page", id="403"),
        pytest.param(page("", "This content is not available in your country"), "block_page", id="region"),
        pytest.param("403 Forbidden", "block_page", id="403 as plain text"),
        pytest.param(page("Берег", LONG + "<p>Доступ ограничен</p>"), "html_page", id="an article that speaks of blocking"),
        pytest.param(page("Берег", LONG + "<script src='recaptcha.js'></script>"), "html_page", id="a page with a form"),
        pytest.param(page("Берег"), "html_page", id="any page"),
        pytest.param('{"items": []}', "json", id="object"),
        pytest.param(' [{"id": 1}]', "json", id="array"),
        pytest.param("<rss version='2.0'><channel><tit", "truncated", id="cut feed"),
        pytest.param("<urlset><url/></urlset>", "not_a_feed", id="other XML"),
        pytest.param("\x89PNG", "not_a_feed", id="picture"),
    ],
)
def test_what_is_no_feed_is_named(text: str, kind: str) -> None:
    error = name_document(text)

    assert error.kind == kind
    assert str(error)


def test_a_page_that_names_a_feed_gives_its_address() -> None:
    body = page("Берег", "<link rel='alternate' type='application/rss+xml' href='/rss/new.xml?a=1&amp;b=2'>")

    assert "/rss/new.xml?a=1&b=2" in str(name_document(body))


@pytest.mark.parametrize("words", ["This domain is for sale", "Домен bereg.example продаётся", "Домен припаркован"])
def test_a_parked_domain_is_told(words: str) -> None:
    error = name_document(page(words))

    assert error.kind == "html_page"
    assert "parked domain" in str(error)


def test_only_the_head_is_looked_at() -> None:
    assert name_document(page("Берег", " " * 70_000 + "<p>403 Forbidden</p>")).kind == "html_page"


def test_a_feed_cut_before_its_first_item_is_named() -> None:
    assert name_truncated().kind == "truncated"
