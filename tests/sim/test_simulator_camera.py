"""The camera's geometry against what TinyRenderer draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from worldsim.sim.camera import Camera
from worldsim.sim.look import LOOKS
from worldsim.sim.scenarios import make_scene
from worldsim.sim.simulator import Simulator

SEEDS = range(8)


def table_height_m(simulator: Simulator, camera: Camera) -> float:
    """Median distance of the drawn table from the plane it lies in."""
    _, depth_m, segmentation = simulator.render()
    return float(np.median(np.abs(camera.unproject(depth_m)[segmentation == 1][:, 2])))


@pytest.mark.parametrize("size_px", [(64, 64), (96, 64), (128, 128)])
def test_unprojected_depth_lies_on_the_table(
    simulator: Simulator, size_px: tuple[int, int]
) -> None:
    for seed in SEEDS:
        scene = make_scene("push", seed, width_px=size_px[0], height_px=size_px[1])
        scene = scene.with_look(LOOKS["tiny"])
        simulator.reset(scene)
        assert table_height_m(simulator, scene.camera) < 1e-5
        # The planted fault: pixel centres instead of their lower left corners.
        centres = replace(scene.camera, sample_px=(0.5, 0.5))
        assert table_height_m(simulator, centres) > 5e-4


def test_a_sphere_is_drawn_where_its_centre_projects(simulator: Simulator) -> None:
    misses_px = []
    for seed in SEEDS:
        scene = make_scene("push", seed).with_look(LOOKS["tiny"])
        simulator.reset(scene)
        _, _, segmentation = simulator.render()
        mask = segmentation == scene.index("sphere") + 1
        rows, columns = np.nonzero(mask)
        drawn_px = np.array([columns.mean(), rows.mean()]) + scene.camera.sample_px
        centre_px, _ = scene.camera.project(np.array(scene.body("sphere").position_m))
        misses_px.append(drawn_px - centre_px)
        assert 7 <= np.ptp(columns) + 1 <= 13
    assert np.abs(misses_px).max() < 0.5
    assert np.abs(np.mean(misses_px, axis=0)).max() < 0.1


def test_every_pixel_shows_a_body_and_every_body_shows(simulator: Simulator) -> None:
    for seed in SEEDS:
        scene = make_scene("push", seed)
        simulator.reset(scene)
        rgb, depth_m, segmentation = simulator.render()
        assert rgb.dtype == segmentation.dtype == np.dtype(np.uint8)
        assert depth_m.dtype == np.dtype(np.float32)
        assert rgb.shape == (64, 64, 3) and depth_m.shape == segmentation.shape == (64, 64)
        assert np.array_equal(np.unique(segmentation), np.arange(1, len(scene.bodies) + 1))
        for name in ("pusher", "sphere", "box", "goal"):
            assert (segmentation == scene.index(name) + 1).sum() > 40


def test_colours_keep_to_their_bodies(simulator: Simulator) -> None:
    scene = make_scene("push", 0)
    simulator.reset(scene)
    rgb, _, segmentation = simulator.render()
    for name, channel in {"pusher": 2, "sphere": 0, "box": 1}.items():
        pixels = rgb[segmentation == scene.index(name) + 1]
        assert (pixels.argmax(-1) == channel).all()


def test_where_nothing_is_hit_segmentation_is_zero_and_depth_far(simulator: Simulator) -> None:
    scene = make_scene("push", 0)
    away = replace(scene.camera, position_m=(0.0, 0.0, 3.0), target_m=(0.0, 1.0, 6.0))
    simulator.reset(replace(scene, camera=away))
    _, depth_m, segmentation = simulator.render()
    assert not segmentation.any()
    assert depth_m == pytest.approx(away.far_m, rel=1e-4)
