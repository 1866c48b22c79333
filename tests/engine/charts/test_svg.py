"""Elements: escaped, well formed, named."""

from engine.charts import svg
from tests.engine.charts.drawings import parsed

HOSTILE = '</text><script>alert("1")</script>&'


def test_what_comes_from_outside_stays_text() -> None:
    drawing = svg.drawing("a", HOSTILE, HOSTILE, height=10, parts=[svg.text(HOSTILE, x=1), svg.element("rect", svg.title(HOSTILE), fill=HOSTILE)])
    root = parsed(drawing)
    assert "<script" not in drawing
    assert {part.text for part in root.iter() if part.tag in {"title", "desc", "text"}} == {HOSTILE}
    assert root.find("rect").get("fill") == HOSTILE  # type: ignore[union-attr]


def test_a_drawing_says_what_it_is_and_what_can_be_seen() -> None:
    root = parsed(svg.drawing("a", "Excess", "It rose.", height=10, parts=[]))
    assert root.get("role") == "img"
    labels = (root.get("aria-labelledby") or "").split()
    assert [next(part.text for part in root if part.get("id") == label) for label in labels] == ["Excess", "It rose."]


def test_attributes_are_named_as_svg_does_and_none_is_left_out() -> None:
    assert svg.element("rect", class_="bar", stroke_width=2, x=None, y=1.50, width=-0.001, height=3.0) == (
        '<rect class="bar" stroke-width="2" y="1.5" width="0" height="3"/>'
    )
    assert svg.percent(1 / 3) == "33.33%"
    assert 'viewBox="0 0 1000 240"' in svg.stretched(width=1000, height=240)
