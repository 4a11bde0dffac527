"""Shadows where geometry says, edges as bright as they are covered, turns that show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion
from scipy.spatial.transform import Rotation
from stage import GROUND, PLAIN, draw, make_scene, poses

from worldsim.sim.camera import Camera
from worldsim.sim.look import Look
from worldsim.sim.mesh import Mesh
from worldsim.sim.scene import Body, Light, Scene

SUN = (0.7, -0.45, 1.0)
ABOVE = Camera((0.5, -2.5, 5.0), (0.0, 0.0, 0.2), width_px=96, height_px=96, far_m=20.0)
BALL = Body("ball", "sphere", (0.25,), (0.9, 0.2, 0.1), (0.45, -0.3, 0.9), "free", 1.0)
RED = (0.8, 0.3, 0.2)
CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float) / 2
CUBE = Mesh(
    tuple((float(x), float(y), float(z)) for x, y, z in CORNERS),
    (
        (0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1),
        (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3),
    ),
    (tuple((float(x), float(y), float(z)) for x, y, z in CORNERS),),
    (1 / 6, 1 / 6, 1 / 6),
)  # fmt: skip


def quaternion(axis: Any, degrees: float) -> tuple[float, float, float, float]:
    turned = Rotation.from_rotvec(np.radians(degrees) * np.array(axis, float))
    x, y, z, w = turned.as_quat()
    return float(x), float(y), float(z), float(w)


def lit_as(shadows: Any, *bodies: Body, camera: Camera = ABOVE, **look: Any) -> Any:
    drawn = Look(shadows=shadows, **{**PLAIN, **look})
    return draw(make_scene(*bodies, camera=camera, look=drawn, sun=SUN))


def test_a_sphere_darkens_the_disc_that_geometry_says() -> None:
    bright, depth_m, segmentation = lit_as("none", GROUND, BALL)
    dark, _, _ = lit_as("hard", GROUND, BALL)
    ground = segmentation == 1
    points_m = ABOVE.unproject(depth_m)
    sun = np.array(SUN) / np.linalg.norm(SUN)
    aside_m = np.linalg.norm(np.cross(points_m - np.array(BALL.position_m), sun), axis=-1)
    expected = ground & (aside_m < 0.25)
    found = ground & (dark < bright).all(-1)
    assert expected.sum() > 50
    assert (found ^ expected).sum() <= 1
    np.testing.assert_array_equal(dark[ground & ~found], bright[ground & ~found])
    centre_m = np.array(BALL.position_m) - sun * BALL.position_m[2] / sun[2]
    (x, y), _ = ABOVE.project(centre_m)
    rows, columns = np.nonzero(found)
    # The ball hides none of it: then its middle in the image is that of the ellipse.
    assert abs(columns.mean() + 0.5 - x) < 1.0 and abs(rows.mean() + 0.5 - y) < 1.0


def test_a_mesh_throws_the_shadow_of_the_box_that_it_is() -> None:
    place = {"position_m": (0.2, -0.1, 0.9), "orientation_xyzw": quaternion((0.3, 0.5, 0.8), 50)}
    box = replace(BALL, shape="box", size_m=(0.6, 0.6, 0.6), **place)
    mesh = replace(box, shape="mesh", mesh=CUBE)
    bright, _, segmentation = lit_as("none", GROUND, box)
    shadows = [
        (lit_as("hard", GROUND, body)[0] < bright).all(-1) & (segmentation == 1)
        for body in (box, mesh)
    ]
    assert shadows[0].sum() > 100
    # The mesh's comes from a map of the light, true to a texel: borders may differ.
    border = binary_dilation(shadows[0]) & ~binary_erosion(shadows[0])
    assert not ((shadows[0] ^ shadows[1]) & ~border).any()
    assert (shadows[0] ^ shadows[1]).sum() < 0.1 * shadows[0].sum()


def test_shadows_reach_the_last_row_also_where_pixels_are_sampled_at_their_edge() -> None:
    low = replace(ABOVE, target_m=(0.0, 3.5, 0.2), sample_px=(1.0, 1.0))
    lit_as(
        "hard", GROUND, BALL, replace(BALL, name="other", position_m=(0.5, -0.9, 0.3)), camera=low
    )


def test_wide_light_softens_the_border_and_nothing_else() -> None:
    none, hard, soft = (lit_as(kind, GROUND, BALL)[0].astype(int) for kind in _kinds())
    segmentation = lit_as("none", GROUND, BALL)[2]
    assert (soft <= none).all() and (hard <= none).all()
    between = (segmentation == 1) & (soft < none).all(-1) & (soft > hard.min((0, 1))).all(-1)
    shadow = (segmentation == 1) & (hard < none).all(-1)
    assert between.sum() > 20, "the border is not soft"
    core = binary_erosion(shadow, iterations=3)
    assert core.any()
    np.testing.assert_array_equal(soft[core], hard[core])
    outside = ~binary_dilation(shadow, iterations=5)
    np.testing.assert_array_equal(soft[outside], none[outside])


def _kinds() -> tuple[str, str, str]:
    return "none", "hard", "soft"


@pytest.mark.parametrize("shape", ["sphere", "box", "cylinder", "mesh"])
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_a_convex_body_does_not_shadow_itself(shape: str, kind: str) -> None:
    body = _body(shape, orientation_xyzw=quaternion((0.2, 0.9, 0.4), 35))
    camera = replace(ABOVE, position_m=(0.6, -1.6, 2.2), target_m=(0.0, 0.0, 0.0))
    lone = draw(make_scene(body, camera=camera, look=Look(shadows="none", **PLAIN), sun=SUN))[0]
    own = draw(make_scene(body, camera=camera, look=Look(shadows=kind, **PLAIN), sun=SUN))[0]
    changed = (lone != own).any(-1).sum()
    # A mesh's facets at grazing light are darkened by its map in single pixels at most.
    assert changed <= (0.01 * lone.shape[0] * lone.shape[1] if shape == "mesh" else 0)


def test_no_shadow_falls_on_a_side_that_is_turned_away_from_the_light() -> None:
    box = Body("box", "box", (0.6, 0.6, 0.6), RED, (0.0, 0.0, 0.3), "static")
    ball = replace(BALL, position_m=(0.55, -0.3, 1.0))
    camera = replace(ABOVE, position_m=(-2.0, 0.3, 1.4), target_m=(0.0, 0.0, 0.3))
    bright, depth_m, segmentation = lit_as("none", GROUND, box, ball, camera=camera)
    dark, _, _ = lit_as("hard", GROUND, box, ball, camera=camera)
    points_m = camera.unproject(depth_m)
    away = (segmentation == 2) & (np.abs(points_m[..., 0] + 0.3) < 1e-5)
    top = (segmentation == 2) & (np.abs(points_m[..., 2] - 0.6) < 1e-5)
    assert away.sum() > 100 and top.sum() > 50
    np.testing.assert_array_equal(dark[away], bright[away])
    assert (dark[top] < bright[top]).any(), "the ball shadows the top: this test cannot fail"
    assert (bright[top].mean(0) > bright[away].mean(0)).all()


def _body(shape: str, **other: Any) -> Body:
    size_m = {"sphere": (0.3,), "cylinder": (0.25, 0.5)}.get(shape, (0.5, 0.5, 0.5))
    mesh = CUBE if shape == "mesh" else None
    made = Body(shape, shape, size_m, RED, (0.0, 0.0, 0.0), "free", 1.0, mesh=mesh)  # type: ignore[arg-type]
    return replace(made, **other)


FLAT = {"zenith_rgb": (0.2, 0.6, 0.4), "horizon_rgb": (0.2, 0.6, 0.4), "nadir_rgb": (0.2, 0.6, 0.4)}
FRONT = Camera((0.0, -3.0, 0.0), (0.0, 0.0, 0.0), width_px=64, height_px=64)


def _square(samples: int, degrees: float) -> tuple[Scene, NDArray[np.float64]]:
    """A square that faces the camera, turned, of one colour, and its corners in the image."""
    box = Body(
        "box", "box", (1.1, 0.2, 1.1), (0.9, 0.1, 0.1), (0.03, 0.1, 0.02), "static",
        orientation_xyzw=quaternion((0, 1, 0), degrees),
    )  # fmt: skip
    look = Look(samples=samples, shadows="none", texture=0.0, gloss=0.0, **FLAT)
    scene = make_scene(box, camera=FRONT, look=look, light=Light(ambient=1.0, diffuse=0.0))
    ring = 0.55 * np.array([(-1, 0, -1), (1, 0, -1), (1, 0, 1), (-1, 0, 1)], float)
    ring[:, 1] = -0.1
    turned = Rotation.from_quat(box.orientation_xyzw).apply(ring) + np.array(box.position_m)
    return scene, FRONT.project(turned)[0]


def _covered(corners_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of every pixel that lies in a convex outline, by 32 x 32 points in each."""
    fine = (np.arange(64 * 32) + 0.5) / 32
    x, y = np.meshgrid(fine, fine)
    inside = np.ones(x.shape, bool)
    sides = set()
    for (x0, y0), (x1, y1) in zip(corners_px, np.roll(corners_px, -1, 0), strict=True):
        side = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        sides.add(bool(side[32 * 32, 32 * 32] > 0))
        inside &= (side > 0) == (side[32 * 32, 32 * 32] > 0)
    assert len(sides) == 1
    shares: NDArray[np.float64] = inside.reshape(64, 32, 64, 32).mean((1, 3))
    return shares


@pytest.mark.parametrize("degrees", [0.0, 11.0, 30.0, 40.0])
def test_an_edge_is_as_bright_as_it_is_covered(degrees: float) -> None:
    errors = {}
    for samples in (1, 4, 8):
        scene, corners_px = _square(samples, degrees)
        frame, _, segmentation = draw(scene)
        inner, outer = frame[32, 32].astype(float), frame[0, 0].astype(float)
        shown = (frame[..., 0] - outer[0]) / (inner[0] - outer[0])
        true = _covered(corners_px)
        np.testing.assert_allclose(shown[true == 0.0], 0.0)
        np.testing.assert_allclose(shown[true == 1.0], 1.0)
        edge = (true > 0.0) & (true < 1.0)
        errors[samples] = np.abs(shown - true)[edge].mean()
        off = abs(shown[edge].mean() - true[edge].mean())
        assert off < (0.1 if degrees == 0.0 else 0.05) or samples == 1
        values = len(np.unique(shown[edge].round(2)))
        assert values == 2 if samples == 1 and degrees else values <= samples + 1
        assert (segmentation > 0).sum() == (shown > 0.5).sum() or samples > 1
    assert errors[8] < errors[4] < errors[1] or degrees == 0.0, errors


def test_inside_and_outside_of_an_outline_nothing_changes_with_more_samples() -> None:
    ball = Body("ball", "sphere", (0.5,), RED, (0.0, 0.0, 0.0), "static")
    look = Look(shadows="none")
    drawn = [
        draw(make_scene(ball, camera=FRONT, look=replace(look, samples=samples)))
        for samples in (1, 4, 8)
    ]
    seen = drawn[0][2] > 0
    border = binary_dilation(seen) & ~binary_erosion(seen)
    for frame, depth_m, segmentation in drawn[1:]:
        np.testing.assert_array_equal(depth_m, drawn[0][1])
        np.testing.assert_array_equal(segmentation, drawn[0][2])
        np.testing.assert_array_equal(frame[~border], drawn[0][0][~border])
        assert (frame[border] != drawn[0][0][border]).any(-1).mean() > 0.3


@pytest.mark.parametrize("degrees", [45, 90])
@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
@pytest.mark.parametrize("shape", ["sphere", "box", "cylinder", "mesh"])
def test_turning_shows(shape: str, axis: tuple[int, int, int], degrees: int) -> None:
    camera = replace(FRONT, position_m=(0.8, -1.6, 1.1))
    still, turned = (
        draw(make_scene(_body(shape, orientation_xyzw=quaternion(axis, angle)), camera=camera))
        for angle in (0, degrees)
    )
    changed = (still[0] != turned[0]).any(-1).sum()
    assert changed > 0.1 * (still[2] > 0).sum()


def test_a_cube_of_triangles_is_where_the_box_is() -> None:
    camera = replace(FRONT, position_m=(0.7, -1.4, 0.9), width_px=128, height_px=128)
    for angle in (0, 20, 45, 130):
        turn = quaternion((0.4, -0.6, 0.69), angle)
        box, mesh = (
            draw(make_scene(_body(shape, orientation_xyzw=turn), camera=camera))
            for shape in ("box", "mesh")
        )
        same = box[2] == mesh[2]
        assert same.mean() >= 0.999 and (box[2] > 0).sum() > 1000
        np.testing.assert_allclose(mesh[1][same], box[1][same], atol=1e-5)


def _crowd() -> Scene:
    bodies = (
        _body("box", position_m=(-0.3, 0.0, 0.0), name="a"),
        _body("sphere", position_m=(0.35, 0.1, 0.1), name="b"),
        _body("cylinder", position_m=(0.1, 0.6, 0.0), name="c"),
        _body("mesh", position_m=(0.1, -0.5, -0.2), name="d"),
        Body("e", "cylinder", (0.6, 0.01), RED, (0.0, 0.0, -0.6), "marker"),
    )
    return make_scene(*bodies, camera=replace(FRONT, position_m=(0.6, -2.0, 1.3)), sun=SUN)


@settings(max_examples=20, deadline=None)
@given(
    st.tuples(*[st.floats(-3.0, 3.0)] * 3),
    st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda v: sum(x * x for x in v) > 0.01),
    st.floats(-180.0, 180.0),
)
def test_only_where_things_are_to_each_other_counts(
    shift_m: tuple[float, float, float], axis: tuple[float, float, float], degrees: float
) -> None:
    scene = _crowd()
    turn = Rotation.from_rotvec(np.radians(degrees) * np.array(axis) / np.linalg.norm(axis))

    def moved(point: Any) -> Any:
        return tuple(float(x) for x in turn.apply(point) + np.array(shift_m))

    def turned(vector: Any) -> Any:
        return tuple(float(x) for x in turn.apply(vector))

    bodies = tuple(
        replace(
            body,
            position_m=moved(body.position_m),
            orientation_xyzw=tuple(
                float(x) for x in (turn * Rotation.from_quat(body.orientation_xyzw)).as_quat()
            ),
        )
        for body in scene.bodies
    )
    camera = scene.camera
    camera = replace(
        camera,
        position_m=moved(camera.position_m),
        target_m=moved(camera.target_m),
        up=turned(camera.up),
    )
    other = replace(scene, bodies=bodies, camera=camera, light=Light(turned(scene.light.direction)))
    _, depth_m, segmentation = draw(scene)
    _, other_m, its = draw(other)
    same = segmentation == its
    assert same.mean() > 0.999
    np.testing.assert_allclose(other_m[same], depth_m[same], atol=1e-4)
    assert len(np.unique(segmentation)) == 6


def test_poses_of_the_stage_are_the_scenes() -> None:
    position_m, orientation_xyzw = poses(_crowd())
    assert position_m.shape == (5, 3) and orientation_xyzw.shape == (5, 4)
