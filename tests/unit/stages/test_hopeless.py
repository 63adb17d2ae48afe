import pytest

from monitor.errors import FeedDocumentError
from monitor.stages.hopeless import MAX_ATTRIBUTES_OF_A_TAG, MAX_BRACKETS, MAX_REFERENCES, MAX_TAGS, refuse_hopeless

ITEM = "<item><title>Мост</title></item>"


def make_tag(attributes: int) -> str:
    return "<item" + " a1='x'" * attributes + "/>"


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        pytest.param("<x>" * (MAX_TAGS + 1), "too_complex", "300001 tags", id="tags"),
        pytest.param("<x>" + "< " * (MAX_BRACKETS + 1), "too_complex", "1500002 tags", id="brackets"),
        pytest.param("<x>" + "& " * (MAX_REFERENCES + 1), "too_complex", "2000001 references", id="references"),
        pytest.param(make_tag(MAX_ATTRIBUTES_OF_A_TAG + 1), "too_complex", "a tag of 10001 attributes", id="attributes"),
        pytest.param(ITEM + make_tag(200_000) + ITEM, "too_complex", "200000 attributes", id="attributes between items"),
        pytest.param("", "empty_body", "empty", id="nothing"),
        pytest.param("Мост " * 1000, "not_a_feed", "neither RSS nor Atom", id="text"),
        pytest.param('{"items": [1, 2]}', "json", "JSON", id="json"),
        pytest.param("1 < 2 > 0 & so on", "not_a_feed", "neither RSS nor Atom", id="brackets without tags"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(text, kind, what):
    with pytest.raises(FeedDocumentError, match=what) as caught:
        refuse_hopeless(text)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ITEM * 2_000, id="a long feed"),
        pytest.param("<x>" * MAX_TAGS, id="as many tags as may be"),
        pytest.param("<rss>" + "<!---->" * 1_000_000, id="comments are no tags"),
        pytest.param(make_tag(MAX_ATTRIBUTES_OF_A_TAG), id="as many attributes as may be"),
        pytest.param(f'<enclosure url="data:image/png;base64,{"A" * 5_000_000}="/>', id="a picture in an attribute"),
        pytest.param("<p " + "слово " * 100_000, id="a tag that never ends"),
        pytest.param("<x>" + "&amp;lt;p&amp;gt;" * 500_000, id="escaped markup"),
    ],
)
def test_what_can_be_read_is_not_refused(text):
    assert refuse_hopeless(text) is None
