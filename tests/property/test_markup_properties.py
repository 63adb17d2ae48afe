from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from monitor.stages.markup import _clean, _read_any, _read_simple, _write_runs
from monitor.text import clean_block

PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "<p>",
                "</p>",
                "<br/>",
                "<br />",
                "<BR>",
                "<a href='u'>",
                "<a href=\"u&amp;v\" class='x'>",
                "<a>",
                "</a>",
                "<a/>",
                "</p x>",
            ),
            *(
                "<img src='x' alt=\"й\"/>",
                "<b>",
                "</b>",
                "<div class>",
                "<script>",
                "</script>",
                "<!-- x -->",
                "<",
                ">",
                "<p",
                "</",
            ),
            *(
                "&amp;",
                "&laquo;",
                "&#8203;",
                "&",
                "&copy",
                "Паром",
                " ",
                "\n",
                "\n\n",
                "\r\n",
                "вышел.",
                "и\u0306",
                "\xa0",
                "\xad",
                "\u2029",
            ),
            *("<textarea>", "<title>", "<p a=b>", "<p a='<'>", '"', "'", "=", "/", "\x0b", "\x1f", "\ud800", "\u2028", "<a href>"),
        ]
    ),
    max_size=14,
).map("".join)


@given(PIECES)
@example("<a href='x' href='u'>Паром</a>")
def test_simple_markup_is_read_as_any_markup(fragment: str) -> None:
    runs = _read_simple(fragment)
    slow = _read_any(fragment)

    assert runs is None or _write_runs(runs, "u") == _write_runs(slow, "u")
    assert runs is None or _write_runs(runs, None) == _write_runs(slow, None)


@given(PIECES | st.text())
def test_cleaning_is_that_of_any_text(raw: str) -> None:
    assert _clean(raw, is_unwrapped=True) == clean_block(raw)
