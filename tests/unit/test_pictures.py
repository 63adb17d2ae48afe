import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from PIL import Image

from monitor.pictures import draw, inline, mark_of
from monitor.stages.charts import HeatMap, Shares, Table, Timeline

TABLE = Table(("a", "b"), (("x", "1"),))
CHARTS = (
    HeatMap("heatmap", "Карта", "2 narratives.", TABLE, ("Первый", "Второй $x$"), ("2026-05-13", "2026-05-14"), ((0, 12), (3, 0))),
    Shares("outlets", "Доли", "2 outlets.", TABLE, ("Маяк & <b>", "Причал"), (5, 2)),
    Timeline("spread", "Путь", "3 places.", TABLE, ("Маяк", "Причал"), ((0.0, 2.0), (1.5,)), "2026-05-14 15:00"),
)
charts = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
SVG = "{http://www.w3.org/2000/svg}"


def read_texts(svg: bytes) -> set[str]:
    return {"".join(node.itertext()).strip() for node in ET.fromstring(svg).iter(f"{SVG}text")}  # noqa: S314 - our own


@charts
def test_a_picture_is_an_svg_and_a_png_that_say_what_they_show(chart):
    files = draw(chart).files
    assert set(files) == {f"{chart.name}.svg", f"{chart.name}.png"}
    assert {chart.title, *chart.labels} <= read_texts(files[f"{chart.name}.svg"])
    with Image.open(io.BytesIO(files[f"{chart.name}.png"])) as image:
        assert image.format == "PNG"
        assert image.text["Description"] == chart.description
        assert min(image.size) > 250


@charts
def test_the_same_chart_gives_the_same_bytes(chart):
    assert draw(chart) == draw(chart)


@charts
def test_the_element_for_the_page_holds_only_shapes_and_text_in_the_pages_colours(chart):
    element = ET.fromstring(draw(chart).svg)  # noqa: S314 - our own
    assert {node.tag for node in element.iter()} <= {
        *("svg", "title", "desc", "g", "path", "defs", "clipPath", "use", "rect", "text", "tspan", "pattern")
    }
    names = {name for node in element.iter() for name in node.attrib}
    assert not [name for name in names if name.startswith("on") or ":" in name or "{" in name]
    assert element.attrib["role"] == "img"
    assert [(node.tag, node.text) for node in list(element)[:2]] == [("title", chart.title), ("desc", chart.description)]
    assert element.attrib["aria-labelledby"].split() == [node.attrib["id"] for node in list(element)[:2]]
    assert "currentColor" in draw(chart).svg


def test_ids_of_two_pictures_on_a_page_never_meet():
    ids = [{node.attrib["id"] for node in ET.fromstring(draw(chart).svg).iter() if "id" in node.attrib} for chart in CHARTS]  # noqa: S314
    assert not ids[0] & ids[1]
    assert not ids[1] & ids[2]
    for chart in CHARTS:
        element = ET.fromstring(draw(chart).svg)  # noqa: S314 - our own
        known = {node.attrib.get("id") for node in element.iter()}
        asked = {node.attrib["href"][1:] for node in element.iter("use")}
        asked |= {node.attrib["clip-path"][5:-1] for node in element.iter() if "clip-path" in node.attrib}
        assert asked <= known


def test_whatever_is_not_known_to_be_harmless_is_left_out():
    hostile = (
        b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9" onload="a()">'
        b'<script>a()</script><style>*{}</style><a xlink:href="javascript:a()"><text>x</text></a>'
        b'<g onclick="a()"><use xlink:href="https://evil.example/x.svg#a" x="1"/>'
        b'<text x="1.23456" style="fill: #1d2328">t</text></g></svg>'
    )
    made = inline(hostile, CHARTS[0])
    for part in ("script", "style>", "javascript", "onload", "onclick", "evil.example", "<a"):
        assert part not in made
    assert '<text x="1.23" style="fill: currentColor">t</text>' in made


@charts
def test_a_picture_that_is_there_already_is_taken_again(chart):
    kept = draw(chart).files
    asked: list[str] = []

    def reuse(name: str) -> bytes:
        asked.append(name)
        return kept[name]

    assert draw(chart, reuse) == draw(chart)
    assert asked == [f"{chart.name}.svg", f"{chart.name}.png"]


@charts
def test_a_picture_of_something_else_or_a_damaged_one_is_drawn_anew(chart):
    other = draw(replace(chart, title="Другое")).files
    assert draw(chart, other.get).files == draw(chart).files
    assert draw(chart, lambda _: b"").files == draw(chart).files
    assert mark_of(chart) != mark_of(replace(chart, title="Другое"))


@pytest.mark.parametrize("name", ["🤖🤖", "ქართული", "漢字", "$\\frac{1}{2}$", "a\\nb", "<script>"], ids=ascii)
def test_names_in_any_script_are_drawn_without_a_word(name):
    chart = replace(CHARTS[1], labels=(name, "Причал"))
    assert name in read_texts(draw(chart).files["outlets.svg"])


def test_a_single_article_makes_a_picture_too():
    single = [
        replace(CHARTS[0], values=((0, 1), (0, 0))),
        replace(CHARTS[1], labels=("a",), flagged=(1,)),
        replace(CHARTS[2], labels=("a",), hours=((0.0, 0.0, 0.0),)),
    ]
    assert all(content for chart in single for content in draw(chart).files.values())
