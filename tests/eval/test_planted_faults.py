"""Every planted fault is flagged; the true episode and mere changes of looks are not.

Faults are re-simulated or rendered anew from changed states, never painted in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.eval.suite import evaluate
from worldsim.sim.scene import Light, Scene

ONSET = 12
EPISODES = range(4)
Make = Callable[..., Episode]


def verdict(generated: Episode, reference: Episode) -> str:
    return "; ".join(evaluate(generated, reference).verdicts[0].violations)


def places(episode: Episode) -> NDArray[np.float64]:
    assert episode.states is not None
    return episode.states.position_m.copy()


def free_spot(episode: Episode, body: int) -> NDArray[np.float64]:
    """The point of a grid in the arena that is farthest from every body at all times."""
    side = np.linspace(-0.18, 0.18, 7)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    at = places(episode)[:, list(episode.scene.moving), :2].reshape(-1, 1, 2)
    best = grid[np.linalg.norm(at - grid, axis=-1).min(0).argmax()]
    return np.array([*best, places(episode)[0, body, 2]])


@pytest.mark.parametrize("index", EPISODES)
def test_true_episode_is_not_flagged(episodes: list[Episode], index: int) -> None:
    assert verdict(episodes[index], episodes[index]) == ""


def test_rendering_anew_shows_the_same_frames(episodes: list[Episode], rerender: Make) -> None:
    again = rerender(episodes[0])
    assert np.mean(again.frames == episodes[0].frames) > 0.999
    assert verdict(again, episodes[0]) == ""


@pytest.mark.parametrize("name", ["sphere", "box", "pusher"])
@pytest.mark.parametrize("index", EPISODES)
def test_removed_body(episodes: list[Episode], rerender: Make, index: int, name: str) -> None:
    true = episodes[index]
    moved = places(true)
    moved[ONSET:, true.scene.index(name)] = (9.0, 9.0, -9.0)
    flagged = verdict(rerender(true, moved), true)
    assert f"{name} lost at step " in flagged
    others = {"sphere", "box", "pusher"} - {name}
    assert not any(f"{other} lost" in flagged for other in others)


@pytest.mark.parametrize("name", ["sphere", "box"])
@pytest.mark.parametrize("index", EPISODES)
def test_teleported_body(episodes: list[Episode], rerender: Make, index: int, name: str) -> None:
    true = episodes[index]
    body, moved = true.scene.index(name), places(true)
    moved[ONSET:, body] = free_spot(true, body)
    assert f"{name} off by" in verdict(rerender(true, moved), true)


@pytest.mark.parametrize("name", ["sphere", "box"])
@pytest.mark.parametrize("index", EPISODES)
def test_floating_body(episodes: list[Episode], rerender: Make, index: int, name: str) -> None:
    true = episodes[index]
    moved = places(true)
    moved[ONSET:, true.scene.index(name), 2] += 0.04
    assert f"{name} floats: 4 cm above its place" in verdict(rerender(true, moved), true)


@pytest.mark.parametrize("index", EPISODES)
def test_frozen_clip(episodes: list[Episode], index: int) -> None:
    true = episodes[index]
    frozen = replace(
        true,
        frames=np.repeat(true.frames[:1], true.steps + 1, axis=0),
        depth_m=np.repeat(true.depth_m[:1], true.steps + 1, axis=0),
        states=None,
    )
    assert "motion gate: pusher moved 0.00" in verdict(frozen, true)


@pytest.mark.parametrize("index", EPISODES)
def test_swapped_colours(episodes: list[Episode], rerender: Make, index: int) -> None:
    def swapped(scene: Scene, t: int) -> Scene:
        colour = {"sphere": scene.body("box").color_rgb, "box": scene.body("sphere").color_rgb}
        bodies = tuple(
            replace(b, color_rgb=colour.get(b.name, b.color_rgb)) if t >= ONSET else b
            for b in scene.bodies
        )
        return replace(scene, bodies=bodies)

    flagged = verdict(rerender(episodes[index], look=swapped), episodes[index])
    assert "changed places" in flagged or ("sphere" in flagged and "box" in flagged)


@pytest.mark.parametrize("index", EPISODES)
def test_shuffled_actions(episodes: list[Episode], resimulate: Make, index: int) -> None:
    other = episodes[(index + 1) % len(episodes)].actions
    assert "pusher off by" in verdict(resimulate(episodes[index], other), episodes[index])


def test_resimulated_with_its_own_actions_is_not_flagged(
    episodes: list[Episode], resimulate: Make
) -> None:
    assert verdict(resimulate(episodes[0], episodes[0].actions), episodes[0]) == ""


@pytest.mark.parametrize("index", EPISODES)
def test_other_light_is_not_flagged(episodes: list[Episode], rerender: Make, index: int) -> None:
    light = Light(direction=(-0.5, 0.2, 1.0), ambient=0.55, diffuse=0.4)
    lit = rerender(episodes[index], look=lambda scene, t: replace(scene, light=light))
    assert verdict(lit, episodes[index]) == ""


@pytest.mark.parametrize("index", EPISODES)
def test_blur_and_noise_are_not_flagged(episodes: list[Episode], index: int) -> None:
    rng = np.random.default_rng(index)
    true = episodes[index]
    frames = [cv2.GaussianBlur(f, (0, 0), 0.8) + rng.normal(0, 4, f.shape) for f in true.frames]
    depth = [cv2.GaussianBlur(d, (0, 0), 0.8) + rng.normal(0, 0.004, d.shape) for d in true.depth_m]
    blurred = replace(
        true,
        frames=np.clip(frames, 0, 255).astype(np.uint8),
        depth_m=np.array(depth, np.float32),
        states=None,
    )
    assert verdict(blurred, true) == ""
