"""Names of points keep off each other, off what is drawn, and within the plot."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st
from trajset.filters.report.placing import Box, Name, place

AREA = Box(0, 0, 700, 400)


def point(x: float, y: float) -> Box:
    return Box(x - 6, y - 6, x + 6, y + 6)


def test_names_of_close_points_do_not_touch() -> None:
    points = [point(300 + 8 * number, 200 + 3 * number) for number in range(8)]
    placed = place([Name(box, 90, 15) for box in points], points, AREA)
    assert all(one.shared(other) == 0 for one, other in combinations(placed, 2))
    assert all(name.shared(box) == 0 for name in placed for box in points)
    assert all(AREA.holds(name) for name in placed)


def test_a_lone_name_stands_to_the_right_of_its_point() -> None:
    (name,) = place([Name(point(100, 100), 50, 15)], [point(100, 100)], AREA)
    assert 106 < name.left < 125
    assert (name.top + name.bottom) / 2 == 100


@settings(deadline=None, max_examples=40)  # a busy machine is no failure
@given(st.lists(st.tuples(st.floats(10, 690), st.floats(10, 390)), max_size=12))
def test_every_name_gets_a_place_of_its_size(centres: list[tuple[float, float]]) -> None:
    boxes = [point(*centre) for centre in centres]
    placed = place([Name(box, 120, 15) for box in boxes], boxes, AREA)
    assert len(placed) == len(boxes)
    assert all(abs(name.right - name.left - 120) < 1e-6 for name in placed)
    assert all(AREA.holds(name) for name in placed)
