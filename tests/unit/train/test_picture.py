import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest

from monitor.train.evaluate import evaluate
from monitor.train.picture import draw_calibration, draw_evaluation
from tests.unit.train.test_evaluate import GOLD, JUDGED, NARRATIVES

METRICS = evaluate(GOLD, JUDGED, NARRATIVES, resamples=20)


def read_texts(svg: bytes) -> list[str]:
    return ["".join(node.itertext()).strip() for node in ET.fromstring(svg).iter() if node.tag.endswith("}text")]  # noqa: S314 - our own


def test_the_picture_names_its_axes_and_what_it_shows():
    texts = read_texts(draw_evaluation(METRICS, title="Bundle X", image_format="svg"))
    for expected in (
        "Bundle X",
        "Average precision by narrative",
        "average precision, with 95 % interval",
        "a (2)",
        "b (1)",
        "Calibration of the scores",
        "mean score of the bin (numbers: pairs of text and narrative)",
        "share of the bin that carries the narrative",
    ):
        assert expected in texts


def test_the_curve_alone_has_no_bars():
    texts = read_texts(draw_calibration(METRICS, title="Held-out"))
    assert "Held-out" in texts
    assert "share of the bin that carries the narrative" in texts
    assert "a (2)" not in texts


@pytest.mark.parametrize("image_format", ["svg", "png"])
def test_the_same_figures_give_the_same_bytes(image_format):
    once, again = (draw_evaluation(METRICS, title="t", image_format=image_format) for _ in range(2))
    assert once == again
    assert once.startswith(b"<?xml" if image_format == "svg" else b"\x89PNG")


def test_settings_of_the_user_do_not_reach_the_picture():
    expected = draw_calibration(METRICS, title="t")
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert draw_calibration(METRICS, title="t") == expected
        assert mpl.rcParams["font.size"] == 30


def test_titles_with_marks_of_formulas_and_markup_are_plain_text():
    assert "a $x_1$ <b> & c" in read_texts(draw_calibration(METRICS, title="a $x_1$ <b> & c"))


@pytest.mark.parametrize(
    "metrics",
    [
        pytest.param(evaluate(GOLD, JUDGED, NARRATIVES, resamples=0), id="no intervals"),
        pytest.param(evaluate(GOLD[2:3], [{}], NARRATIVES), id="nothing carried"),
    ],
)
def test_pictures_can_be_drawn_of_few_figures(metrics):
    assert "Average precision by narrative" in read_texts(draw_evaluation(metrics, title="t", image_format="svg"))
