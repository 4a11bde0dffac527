"""Signed distances of solids and the fit's derivatives: against definitions and differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.eval.reading.distance import (
    BOX,
    CYLINDER,
    SPHERE,
    distance,
    normal,
)
from worldsim.eval.reading.nearest import chord, nearest
from worldsim.eval.reading.pose import normal_equations, turned

HALF = {
    SPHERE: np.array([0.1, 0.1, 0.1]),
    BOX: np.array([0.1, 0.08, 0.05]),
    CYLINDER: np.array([0.09, 0.09, 0.06]),
}
KINDS = st.sampled_from([SPHERE, BOX, CYLINDER])
PLACE = st.tuples(*[st.floats(-0.3, 0.3, allow_subnormal=False)] * 3)
WAY = st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda w: np.linalg.norm(w) > 0.1)


def surface_points(kind: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Many points on the surface, from its definition."""
    half, count = HALF[kind], 60_000
    if kind == SPHERE:
        points = rng.normal(size=(count, 3))
        return half[0] * points / np.linalg.norm(points, axis=1, keepdims=True)
    points = rng.uniform(-1.0, 1.0, (count, 3)) * half
    if kind == BOX:
        axis = rng.integers(3, size=count)
        points[np.arange(count), axis] = rng.choice([-1.0, 1.0], count) * half[axis]
        return points
    turn = rng.uniform(0.0, 2.0 * np.pi, count)
    on_side = rng.random(count) < 0.5
    radius = np.where(on_side, half[0], half[0] * np.sqrt(rng.random(count)))
    points[:, 0], points[:, 1] = radius * np.cos(turn), radius * np.sin(turn)
    points[~on_side, 2] = rng.choice([-1.0, 1.0], np.count_nonzero(~on_side)) * half[2]
    return points


@pytest.mark.parametrize("kind", [SPHERE, BOX, CYLINDER])
def test_distance_is_that_to_the_nearest_point_of_the_surface(kind: int) -> None:
    rng = np.random.default_rng(0)
    surface = surface_points(kind, rng)
    for point in rng.uniform(-0.2, 0.2, (60, 3)):
        gap = distance(kind, HALF[kind], *point)
        least = np.linalg.norm(surface - point, axis=1).min()
        assert abs(gap) == pytest.approx(least, abs=4e-3)


@given(KINDS, PLACE)
@settings(deadline=None)
def test_the_normal_has_length_one_and_leads_out(
    kind: int, place: tuple[float, float, float]
) -> None:
    half, step = HALF[kind], 1e-6
    out = np.array(normal(kind, half, *place))
    assert np.linalg.norm(out) == pytest.approx(1.0, abs=1e-9) or np.allclose(place, 0.0)
    further = distance(kind, half, *(np.array(place) + step * out))
    assert further >= distance(kind, half, *place) + 0.5 * step or np.allclose(place, 0.0)


@given(KINDS, st.sampled_from([0.3, 1.0, 3.0]), PLACE, WAY)
@settings(max_examples=300, deadline=None)
def test_nearest_is_the_least_along_the_line(
    kind: int, tall: float, place: tuple[float, float, float], way: tuple[float, float, float]
) -> None:
    half, line = HALF[kind].copy(), np.array(way) / np.linalg.norm(way)
    half[2] *= 1.0 if kind == SPHERE else tall
    start = np.array(place) - 2.0 * line
    at = nearest(kind, half, *start, *line)
    found = distance(kind, half, *(start + at * line))
    tried = [distance(kind, half, *(start + t * line)) for t in np.linspace(0.0, 4.0, 2001)]
    assert found <= min(tried) + 1e-9
    enter, leave = chord(kind, half, *start, *line)
    assert (enter <= leave) == (found <= 0.0) or abs(found) < 1e-6


@pytest.mark.parametrize("kind", [SPHERE, BOX, CYLINDER])
def test_derivatives_are_those_of_the_cost(kind: int) -> None:
    rng = np.random.default_rng(kind)
    half, eye, place = HALF[kind], np.array([0.1, -1.5, 1.0]), np.array([0.02, 0.01, -0.03])
    turn = Rotation.random(random_state=1).as_matrix()
    lines = -eye / np.linalg.norm(eye) + rng.normal(0.0, 0.06, (300, 3))
    lines /= np.linalg.norm(lines, axis=1, keepdims=True)
    cover, none = rng.random(300), np.zeros((0, 3))
    matrix, vector = np.empty((7, 7)), np.empty(7)

    def cost(shift: NDArray[np.float64]) -> float:
        return normal_equations(
            kind, half, place + shift[:3], turned(turn, *shift[3:6]), 1.0 + shift[6], eye, lines,
            cover, none, 1.0, 0.006, 0.001, matrix, vector,
        )  # fmt: skip

    cost(np.zeros(7))
    exact, step = 2.0 * vector, 1e-6
    differences = [(cost(step * e) - cost(-step * e)) / (2.0 * step) for e in np.eye(7)]
    np.testing.assert_allclose(exact, differences, atol=0.05 * np.abs(exact).max())


def test_where_side_and_end_of_a_long_cylinder_are_equally_near() -> None:
    """There the equation has a second root within the same stretch, deep between the ends."""
    half, line = np.array([0.022, 0.022, 0.086]), np.array([-0.30432698, -0.37496751, 0.87566229])
    start = np.array([1.4787472, 1.78950259, -4.11194686])
    line /= np.linalg.norm(line)
    at = nearest(CYLINDER, half, *start, *line)
    tried = [
        distance(CYLINDER, half, *(start + t * line)) for t in at + np.linspace(-0.3, 0.3, 999)
    ]
    assert distance(CYLINDER, half, *(start + at * line)) <= min(tried) + 1e-9
