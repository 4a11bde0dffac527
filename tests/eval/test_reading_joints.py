"""Bodies on joints read through the joint's numbers: a hinge's parts and the Panda's links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from worldsim.agents.collect import Collector
from worldsim.episode import Episode
from worldsim.eval.checks.position import shown, split
from worldsim.eval.reading.joints import Panda, joint_of
from worldsim.eval.reading.perception import read
from worldsim.eval.reading.reading import Reading
from worldsim.eval.reading.turns import turn_of
from worldsim.sim.actuators.panda import BASE, HAND, joints_for, link_poses

SCENARIOS = ("ramp", "swing", "arm")
BLOT_M = 0.015
AWAY_M = (0.0, 0.0, -1000.0)
Rerender = Callable[..., Episode]


@pytest.fixture(scope="module")
def recorded() -> dict[str, list[Episode]]:
    """Two episodes of each scenario, 12 steps, 128 px."""
    pytest.importorskip("pybullet")
    makers = {name: Collector(name, seed=5, steps=12, size_px=128) for name in SCENARIOS}
    return {name: [maker(index) for index in range(2)] for name, maker in makers.items()}


def depth_read(episode: Episode) -> Reading:
    return read(episode.frames, episode.depth_m, episode.scene)


def places(episode: Episode) -> NDArray[np.float64]:
    assert episode.states is not None
    return episode.states.position_m.copy()


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_part_is_found_where_it_is(recorded: dict[str, list[Episode]], name: str) -> None:
    found: dict[str, list[bool]] = {}
    errors: dict[str, list[float]] = {}
    for episode in recorded[name]:
        reading, truth = depth_read(episode), places(episode)
        assert episode.segmentation is not None
        visible = shown(episode.segmentation, episode.scene)
        _, lateral = split(reading.position_m - truth, truth, episode.scene.camera)
        for index in episode.scene.moving:
            body, seen = episode.scene.bodies[index], visible[:, index]
            found.setdefault(body.name, []).extend(reading.found[seen, index])
            errors.setdefault(body.name, []).extend(lateral[seen, index] / body.diameter_m)
    for body_name, values in errors.items():
        if values:
            assert np.mean(found[body_name]) >= 0.98, body_name
            assert np.nanmedian(values) <= 0.05, body_name


@pytest.mark.parametrize(
    ("name", "gone"),
    [("arm", HAND), ("arm", "panda_link7"), ("ramp", "left_stop"), ("swing", "rod")],
)
def test_a_part_that_is_gone_is_lost_and_no_other(
    recorded: dict[str, list[Episode]], rerender: Rerender, name: str, gone: str
) -> None:
    episode = recorded[name][0]
    index, position_m = episode.scene.index(gone), places(episode)
    before = depth_read(episode).found
    position_m[6:, index] = AWAY_M
    reading = depth_read(rerender(episode, position_m))
    assert before[:, index].all()
    assert reading.found[:6, index].all() and not reading.found[6:, index].any()
    assert not reading.hidden[6:, index].any()
    others = [i for i in episode.scene.moving if i != index]
    assert reading.found[:, others][before[:, others]].mean() >= 0.98


def test_links_out_of_view_are_hidden_and_not_lost(recorded: dict[str, list[Episode]]) -> None:
    for episode in recorded["arm"]:
        assert episode.segmentation is not None
        reading, moving = depth_read(episode), list(episode.scene.moving)
        drawn = [(episode.segmentation == index + 1).any() for index in moving]
        assert not all(drawn)  # the camera leaves out the arm's foot
        assert (reading.found | reading.hidden)[:, moving].all()


def test_a_part_beside_its_place_is_not_found_there(
    recorded: dict[str, list[Episode]], rerender: Rerender
) -> None:
    episode = recorded["ramp"][0]
    index, position_m = episode.scene.index("right_stop"), places(episode)
    position_m[:, index, 2] += 0.15
    reading = depth_read(rerender(episode, position_m))
    assert not reading.found[:, index].any()
    assert reading.found[:, episode.scene.index("plank")].all()


def test_each_frame_shows_the_joint_by_itself(recorded: dict[str, list[Episode]]) -> None:
    for name in SCENARIOS:
        episode = recorded[name][1]
        whole = depth_read(episode)
        alone = read(episode.frames[-1:], episode.depth_m[-1:], episode.scene)
        np.testing.assert_allclose(alone.position_m[0], whole.position_m[-1], atol=2e-3)


def smeared(episode: Episode) -> Episode:
    """As a model draws what moves: blurred, with depth that runs into what is behind, in blots."""
    assert episode.segmentation is not None
    rng, joint = np.random.default_rng(0), joint_of(episode.scene)
    assert joint is not None
    frames, depth_m = episode.frames.copy(), episode.depth_m.astype(np.float64)
    for t, labels in enumerate(episode.segmentation):
        shown = np.isin(labels, np.array(joint.parts) + 1).astype(np.uint8)
        near = cv2.dilate(shown, np.ones((7, 7), np.uint8)) > 0
        blots = cv2.GaussianBlur(rng.normal(size=near.shape), (0, 0), 3.0)
        deep = cv2.GaussianBlur(depth_m[t], (0, 0), 1.5) + BLOT_M * blots / blots.std()
        frames[t][near] = cv2.GaussianBlur(frames[t], (0, 0), 1.0)[near]
        depth_m[t][near] = deep[near]
    return replace(episode, frames=frames, depth_m=depth_m.astype(np.float32))


@pytest.mark.parametrize("size_px", [128, 64])
@pytest.mark.parametrize(
    ("name", "part", "within_m"),
    [("arm", HAND, 0.01), ("swing", "bob", 0.02), ("ramp", "left_stop", 0.006)],
)
def test_smeared_depth_does_not_lead_the_joint_astray(
    recorded: dict[str, list[Episode]], name: str, part: str, within_m: float, size_px: int
) -> None:
    episode = recorded[name][0]
    if size_px != 128:
        episode = Collector(name, seed=5, steps=12, size_px=size_px)(0)
    index, reading = episode.scene.index(part), depth_read(smeared(episode))
    away_m = np.linalg.norm(reading.position_m - places(episode), axis=-1)[:, index]
    assert np.quantile(away_m, 0.7) < within_m


def test_a_smeared_part_that_is_gone_is_lost(
    recorded: dict[str, list[Episode]], rerender: Rerender
) -> None:
    episode = recorded["arm"][0]
    index, position_m = episode.scene.index("panda_left_finger"), places(episode)
    there = depth_read(smeared(episode)).found
    position_m[6:, index] = AWAY_M
    gone = depth_read(smeared(rerender(episode, position_m))).found
    assert there[:, index].mean() >= 0.9 and not gone[6:, index].any()


def test_links_are_where_the_actuator_has_them(recorded: dict[str, list[Episode]]) -> None:
    scene = recorded["arm"][0].scene
    panda, base = joint_of(scene), scene.body(BASE)
    assert isinstance(panda, Panda)
    hand_m, opening_m = (0.1, 0.05, 0.2), 0.03
    posed = panda.poses(np.array([[*hand_m, opening_m]]))
    assert posed is not None
    pose = (base.position_m, base.orientation_xyzw)
    yaw_rad = 0.5 * np.pi
    links = link_poses(pose, joints_for(pose, hand_m, yaw_rad), opening_m)
    for part, index in enumerate(panda.parts):
        place, quaternion = links[scene.bodies[index].name]
        np.testing.assert_allclose(posed[1][0, part], place, atol=1e-12)
        np.testing.assert_allclose(posed[0][0, part], turn_of(quaternion), atol=1e-12)


def test_an_arm_out_of_reach_has_no_pose(recorded: dict[str, list[Episode]]) -> None:
    panda = joint_of(recorded["arm"][0].scene)
    assert isinstance(panda, Panda)
    assert panda.poses(np.array([[5.0, 0.0, 0.2, 0.02]])) is None
