"""Lines on axes, and text that cannot break the drawing."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from bench.case import workloads
from bench.options import parse
from bench.plot import HEIGHT, LEGEND, SIZE, WIDTH, Axis, Plot, short, svg

SVG = "{http://www.w3.org/2000/svg}"
VALUES = st.floats(0, 1e12, allow_subnormal=False)
LINES = st.dictionaries(
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=8),
    st.lists(st.tuples(VALUES, VALUES), max_size=5),
    max_size=4,
)


@given(LINES)
def test_any_points_are_drawn_inside_the_picture(lines: dict[str, list[tuple[float, float]]]) -> None:
    drawing = ET.fromstring(svg(Plot("a < b & c", "x", "y", lines)))  # noqa: S314 - our own
    circles = list(drawing.iter(f"{SVG}circle"))
    assert len(circles) == sum(map(len, lines.values()))
    for circle in circles:
        assert 0 <= float(circle.attrib["cx"]) <= WIDTH
        assert 0 <= float(circle.attrib["cy"]) <= HEIGHT


def test_every_place_that_was_measured_is_written_below_it() -> None:
    line = [(count, 1.0) for count in (100, 300, 1000, 9500)]
    drawing = ET.fromstring(svg(Plot("", "", "", {"ours": line})))  # noqa: S314 - our own
    circles = [circle.attrib["cx"] for circle in drawing.iter(f"{SVG}circle")]
    below = {text.attrib["x"]: text.text for text in drawing.iter(f"{SVG}text")}
    assert [below[x] for x in circles] == ["100", "300", "1k", "9.5k"]


def test_every_line_has_a_name_of_its_own_that_fits_beside_it() -> None:
    for workload in workloads():
        drawn = [case for case in workload.cases(parse([])) if case.x is not None]
        assert len({(case.line, case.x) for case in drawn}) == len(drawn)
        for case in drawn:
            assert 0 < len(case.line) * SIZE * 0.6 <= LEGEND, case.line  # as wide as DejaVu's letters
            assert case.line in {case.series, case.group}


def test_an_axis_over_much_is_logarithmic_and_one_over_little_begins_at_0() -> None:
    wide = Axis.over([3, 3000], 0, 300)
    assert wide.logarithmic
    assert [round(wide.at(value)) for value in (1, 10, 100)] == [0, 86, 173]
    assert wide.ticks() == [1, 10, 100, 1000]
    narrow = Axis.over([40, 100], 0, 100)
    assert [narrow.at(value) for value in (0, 50, 100)] == [0, 50, 100]
    assert narrow.ticks() == [0, 20, 40, 60, 80, 100]


def test_numbers_are_short() -> None:
    assert [short(value) for value in (0, 0.5, 999, 1500, 2e6, 3e9)] == [
        "0",
        "0.5",
        "999",
        "1.5k",
        "2M",
        "3G",
    ]
