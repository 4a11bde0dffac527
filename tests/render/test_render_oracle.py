"""Depth and segmentation against PyBullet's TinyRenderer, which knows nothing of ours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from worldsim.errors import InputError
from worldsim.render import Renderer
from worldsim.sim.look import Look
from worldsim.sim.scenarios import SCENARIOS, find_scenario
from worldsim.sim.simulator import Simulator

SIZE_PX = 128
STEPS = 13
EVERY = 4
LEAST_SAME = 0.998
MOST_MEDIAN_M = 1e-4


@pytest.mark.parametrize("name", SCENARIOS)
def test_depth_and_segmentation_are_those_of_tinyrenderer(name: str) -> None:
    scene = find_scenario(name).make_scene(3, "id", SIZE_PX, SIZE_PX)
    scene = scene.with_look(Look(samples=1, shadows="none"))
    scene = replace(scene, camera=replace(scene.camera, sample_px=(0.0, 1.0)))
    try:
        simulator = Simulator()
    except InputError as error:
        pytest.skip(str(error))
    renderer, rng = Renderer(scene), np.random.default_rng(0)
    same, difference_m, hit = [], [], []
    with simulator:
        simulator.reset(scene)
        for step in range(STEPS):
            if step % EVERY == 0:
                state = simulator.state()
                _, depth_m, segmentation = renderer.draw(
                    state["position_m"], state["orientation_xyzw"]
                )
                _, true_m, truth = simulator.render()
                same.append(float((segmentation == truth).mean()))
                difference_m.append(np.abs(depth_m - true_m)[truth > 0])
                hit.append(len(np.unique(truth)))
            simulator.step(rng.uniform(-1, 1, scene.action_spec.size).astype(np.float32))
    assert min(hit) > 2, "the oracle sees next to nothing: this test cannot fail"
    assert min(same) >= LEAST_SAME, same
    medians_m = [float(np.median(row)) for row in difference_m]
    assert max(medians_m) <= MOST_MEDIAN_M, medians_m
