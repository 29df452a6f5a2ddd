"""The plots of a table: the front, and which rows look alike."""

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread

from speechsrt.reports.pareto import PANEL_WIDTH, Panel, Point, _draw, _styles, front, panels_picture

NUMBERS = st.floats(0, 100)


def point(label: str, x: float, y: float, group: str = "g", published: bool = False) -> Point:
    return Point(label, group, x, y, y - 1, y + 1, published)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20), st.booleans())
def test_nothing_is_better_than_the_front(places: list[tuple[float, float]], high: bool) -> None:
    points = [point(str(k), x, y) for k, (x, y) in enumerate(places)]
    sign = 1 if high else -1
    best = front(points, high)
    for p in points:
        reached = max(sign * q.y for q in best if q.x <= p.x)
        assert reached >= sign * p.y
    assert all(a.x < b.x and sign * a.y < sign * b.y for a, b in pairwise(best))


def test_rows_of_one_name_in_two_groups_are_told_apart() -> None:
    panel = Panel(
        "x", "y", [point("narrow", 1, 2, "A"), point("narrow", 2, 3, "B"), point("full", 3, 4, "C")], True
    )
    styles = _styles([panel])
    assert list(styles) == ["narrow (A)", "narrow (B)", "full"]
    assert len({colour for colour, *_ in styles.values()}) == 3


def test_joined_groups_have_one_entry_each_and_published_points_are_hollow() -> None:
    points = [point("a 1", 0.1, 2, "a"), point("a 2", 0.9, 3, "a"), point("b", 0.5, 1, "b", published=True)]
    assert list(_styles([Panel("x", "y", points, True, joined=True)])) == ["a", "b"]
    assert _styles([Panel("x", "y", points, True)])["b"][2] == "white"


@pytest.mark.parametrize("largest", [0.95, 75000.0])
def test_a_picture_of_two_panels(largest: float) -> None:
    points = [point("one", largest / 2, 90), point("two", largest, 95, "h", published=True)]
    made = panels_picture([Panel("x", "y", points, True), Panel("x", "y", points, False, joined=True)])
    assert abs(imread(io.BytesIO(made)).shape[1] - 2 * 120 * PANEL_WIDTH) < 30


@pytest.mark.parametrize(
    ("settings", "joined", "own"),
    [((1, 2, 4), True, True), ((1, 2, 4), False, False), ((0, 0.9, 0.95), True, False), ((3,), True, True)],
)
def test_joined_points_have_a_tick_at_each_setting_where_there_is_room(
    settings: tuple[float, ...], joined: bool, own: bool
) -> None:
    panel = Panel("x", "y", [point(f"at {x}", x, 90 + x) for x in settings], True, joined=joined)
    axes = Figure().subplots()
    _draw(axes, panel, _styles([panel]))
    assert (tuple(axes.get_xticks()) == settings) is own
