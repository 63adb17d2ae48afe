import csv
import io
import json
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import (
    Evidence,
)
from monitor.reports import (
    Copy,
)
from monitor.stages.render import render_digest
from monitor.stages.rows import CSV_COLUMNS
from monitor.text import show_controls
from tests.factories import NOON, make_digest, make_health, make_row, make_score

PIECES = [
    "<script>",
    "</article>",
    '"',
    "'",
    "&lt;",
    "--><!--",
    "=1+1",
    "\r",
    "\n",
    "\t",
    ",",
    ";",
    "\ufeff",
    "\u202e",
    "слово ",
    "|",
    "\\",
    "`",
]
texts = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.names = [], []

    def handle_starttag(self, tag, _attrs):
        self.names.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@st.composite
def digests(draw):
    title, summary, text, outlet = (draw(texts) for _ in range(4))
    field = draw(st.sampled_from(["title", "summary", "text"]))
    value = {"title": title, "summary": summary, "text": text}[field]
    start = draw(st.integers(0, len(value)))
    end = draw(st.integers(start, len(value)))
    row = make_row(
        title=title,
        summary=summary,
        text=text,
        outlet=outlet,
        url=draw(st.none() | texts),
        copies=(Copy("f", draw(texts), None, NOON),),
        narratives=(make_score(evidence=(Evidence(field, start, end, value[start:end]),)),),
    )
    return make_digest(row, health=(make_health(last_message=draw(texts)),))


def render(digest) -> dict[str, str]:
    return {name: content.decode() for name, content in render_digest(digest, lambda narrative: narrative).items()}


@settings(deadline=None)
@given(digests())
def test_html_is_well_nested_and_runs_nothing(digest):
    page = render(digest)["digest.html"]
    tags = _Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    assert "<script" not in page.lower()
    assert not {"script", "img", "iframe", "link"} & set(tags.names)


@settings(deadline=None)
@given(digests())
def test_csv_has_one_row_per_article_with_every_cell_and_no_formula(digest):
    rows = list(csv.reader(io.StringIO(render(digest)["digest.csv"].removeprefix("\ufeff"), newline="")))
    assert [len(row) for row in rows] == [len(CSV_COLUMNS)] * 2
    assert not [cell for cell in rows[1] if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@settings(deadline=None)
@given(digests())
def test_csv_and_json_lines_keep_the_text(digest):
    files = render(digest)
    (row,) = (json.loads(line) for line in files["digest.jsonl"].split("\n")[:-1])
    assert row["title"] == digest.rows[0].title
    (cells,) = csv.DictReader(io.StringIO(files["digest.csv"].removeprefix("\ufeff"), newline=""))
    shown = show_controls(digest.rows[0].title)
    assert cells["title"] in {shown, f"'{shown}"}


@settings(deadline=None)
@given(digests())
def test_text_from_outside_never_starts_a_line_in_markdown(digest):
    lines, harmless = (render(d)["digest.md"].split("\n") for d in (digest, make_digest(make_row(summary="слово", text="слово"))))
    headings = [line for line in lines if line.startswith("#")]
    assert len(headings) == len([line for line in harmless if line.startswith("#")])
    assert not [line for line in lines if line.lstrip().startswith(("<script", "</", "<!--"))]
