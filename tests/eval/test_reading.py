"""What is read off frames, against the simulator's states: scenes, lights, without depth."""

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
from worldsim.eval.reading.perception import read
from worldsim.eval.reading.poses import nearest_alike, quaternion_of
from worldsim.eval.reading.reading import Reading
from worldsim.proof.controls import degraded
from worldsim.render.renderer import Renderer, draw_states
from worldsim.sim.look import LOOKS
from worldsim.sim.scene import Body

STEPS = 10
SCENARIOS = ("drop", "throw", "collide", "topple", "occlude", "push")


@pytest.fixture(scope="module")
def recorded() -> Callable[[str], Episode]:
    pytest.importorskip("pybullet")
    known: dict[str, Episode] = {}

    def record(name: str) -> Episode:
        if name not in known:
            known[name] = Collector(scenario=name, seed=5, steps=STEPS, size_px=128)(0)
        return known[name]

    return record


def read_back(episode: Episode, depth: bool = True) -> Reading:
    states = episode.states
    assert states is not None
    start = states.position_m[0], states.orientation_xyzw[0]
    depth_m = episode.depth_m if depth else None
    return read(episode.frames, depth_m, episode.scene, start=start)


def errors_of(
    episode: Episode, reading: Reading
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Share of visible bodies found; their lateral and along-view errors in diameters."""
    states, segmentation = episode.states, episode.segmentation
    assert states is not None and segmentation is not None
    moving = list(episode.scene.moving)
    visible = shown(segmentation, episode.scene)[:, moving]
    found = reading.found[:, moving] & visible
    offset = reading.position_m - states.position_m
    along, lateral = split(offset, states.position_m, episode.scene.camera)
    width = np.array([body.diameter_m for body in episode.scene.bodies])
    pick = (along / width)[:, moving][found], (lateral / width)[:, moving][found]
    return float(found.sum() / visible.sum()), pick[1], pick[0]


@pytest.mark.parametrize("name", SCENARIOS)
def test_bodies_are_found_where_they_are(recorded: Callable[[str], Episode], name: str) -> None:
    episode = recorded(name)
    share, lateral, along = errors_of(episode, read_back(episode))
    assert share >= 0.98
    assert np.median(lateral) <= 0.01 and np.median(along) <= 0.01


@pytest.mark.parametrize("name", ["drop", "push"])
def test_without_depth_known_sizes_give_it(recorded: Callable[[str], Episode], name: str) -> None:
    episode = recorded(name)
    share, lateral, along = errors_of(episode, read_back(episode, depth=False))
    assert share >= 0.9  # half hidden, a cylinder's outline leaves its distance open
    assert np.median(lateral) <= 0.05 and np.median(along) <= 0.5


@pytest.mark.parametrize("look", ["noon", "evening", "night", "metal", "matte"])
def test_other_light_does_not_move_the_figure(
    recorded: Callable[[str], Episode], look: str
) -> None:
    episode = recorded("drop")
    assert episode.states is not None
    frames, depth_m, _ = draw_states(episode.scene.with_look(LOOKS[look]), episode.states)
    share, lateral, _ = errors_of(
        episode, read_back(replace(episode, frames=frames, depth_m=depth_m))
    )
    assert share >= 0.98 and np.median(lateral) <= 0.01


def hue_shifted(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    shifted = []
    for frame in frames:
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)
        image[..., 0] = (image[..., 0].astype(int) + 15) % 180
        shifted.append(cv2.cvtColor(image, cv2.COLOR_HSV2RGB))
    return np.stack(shifted).astype(np.uint8)


def noisy(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    values = 1.15 * frames + rng.normal(0.0, 6.0, frames.shape)
    return np.clip(values, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", [hue_shifted, noisy])
def test_other_colours_do_not_lose_bodies(
    recorded: Callable[[str], Episode], change: Callable[..., NDArray[np.uint8]]
) -> None:
    episode = recorded("push")
    share, lateral, _ = errors_of(
        episode, read_back(replace(episode, frames=change(episode.frames)))
    )
    assert share >= 0.98 and np.median(lateral) <= 0.03


def test_a_body_of_scattered_depth_is_found_by_its_outline(
    recorded: Callable[[str], Episode],
) -> None:
    """As a blurred body's depth is in part that of what lies behind it."""
    episode = recorded("throw")
    assert episode.segmentation is not None
    index = episode.scene.index("projectile")
    shows = episode.segmentation == index + 1
    depth_m, rng = episode.depth_m.copy(), np.random.default_rng(2)
    shows[0] = False  # the start frame is given
    depth_m[shows] += rng.uniform(0.0, 2.0, np.count_nonzero(shows)).astype(np.float32)
    scattered = replace(episode, depth_m=depth_m)
    reading = read_back(scattered)
    assert reading.found[:, index].all()
    assert np.isnan(reading.scale[:, index]).mean() > 0.5  # by the outline
    share, lateral, _ = errors_of(scattered, reading)
    assert share == 1.0 and np.median(lateral) <= 0.1


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_body_of_a_true_clip_is_found_by_its_outline_alone(
    recorded: Callable[[str], Episode], name: str
) -> None:
    """Nor blurred, noisy, through a codec and with noisy depth."""
    episode = recorded(name)
    moving = list(episode.scene.moving)
    for clip in (episode, degraded(episode, np.random.default_rng(4))):
        reading = read(clip.frames, clip.depth_m, episode.scene)
        found = reading.found[:, moving]
        assert found.mean() > 0.7
        assert not np.isnan(reading.scale[:, moving][found]).any()


@pytest.mark.parametrize(("name", "body"), [("drop", "ball"), ("throw", "projectile")])
def test_a_body_of_another_size_is_not_found_nearer(
    recorded: Callable[[str], Episode], name: str, body: str
) -> None:
    """Its depth is all of one surface: that of a body twice as large, where it really is."""
    episode = recorded(name)
    states, scene = episode.states, episode.scene
    assert states is not None
    index = next(i for i, one in enumerate(scene.bodies) if one.name.startswith(body))
    bodies = list(scene.bodies)
    bodies[index] = replace(bodies[index], size_m=tuple(2.0 * s for s in bodies[index].size_m))
    renderer = Renderer(replace(scene, bodies=tuple(bodies)))
    poses = zip(states.position_m, states.orientation_xyzw, strict=True)
    frames, depth_m, _ = zip(*(renderer.draw(*pose) for pose in poses), strict=True)
    reading = read_back(replace(episode, frames=np.stack(frames), depth_m=np.stack(depth_m)))
    away_m = np.linalg.norm(reading.position_m - states.position_m, axis=-1)[:, index]
    assert not (away_m > 2.0 * scene.bodies[index].diameter_m).any()


def test_a_body_behind_the_screen_is_hidden_and_one_taken_away_is_lost(
    recorded: Callable[[str], Episode],
) -> None:
    episode = recorded("occlude")
    states = episode.states
    assert states is not None
    ball, screen = episode.scene.index("ball"), episode.scene.body("screen")
    behind, away = states.position_m.copy(), states.position_m.copy()
    from_eye = np.array(screen.position_m) - np.array(episode.scene.camera.position_m)
    behind[5:, ball] = np.array(screen.position_m) + 0.15 * from_eye / np.linalg.norm(from_eye)
    away[2:, ball] = (0.0, 0.0, -50.0)  # while it is far from the screen

    def drawn(position_m: NDArray[np.float64]) -> Reading:
        renderer = Renderer(episode.scene)
        poses = zip(position_m, states.orientation_xyzw, strict=True)
        frames, depth_m, _ = zip(*(renderer.draw(*pose) for pose in poses), strict=True)
        return read_back(replace(episode, frames=np.stack(frames), depth_m=np.stack(depth_m)))

    on_the_way = np.linspace(states.position_m[0, ball], behind[5, ball], 6)
    behind[:6, ball] = on_the_way
    reading = drawn(away)
    assert not reading.found[2:, ball].any() and not reading.hidden[2:5, ball].any()
    reading = drawn(behind)
    assert not reading.found[6:, ball].any() and reading.hidden[6:, ball].all()


def test_a_second_body_of_the_same_looks_is_counted(
    recorded: Callable[[str], Episode],
) -> None:
    episode = recorded("push")
    states, scene = episode.states, episode.scene
    assert states is not None
    index = scene.index("sphere")
    twin = replace(scene, bodies=(*scene.bodies, replace(scene.bodies[index], name="twin")))
    places = np.concatenate([states.position_m, states.position_m[:, index : index + 1]], axis=1)
    corners = np.array(
        [[x, y, scene.bodies[index].position_m[2]] for x in (-0.2, 0.2) for y in (-0.2, 0.2)]
    )
    others = states.position_m[:, list(scene.moving)].reshape(-1, 1, 3)
    places[:, -1] = corners[np.linalg.norm(corners - others, axis=-1).min(0).argmax()]
    turns = np.concatenate(
        [states.orientation_xyzw, states.orientation_xyzw[:, index : index + 1]], axis=1
    )
    renderer = Renderer(twin)
    poses = zip(places, turns, strict=True)
    frames, depth_m, _ = zip(*(renderer.draw(*pose) for pose in poses), strict=True)
    reading = read_back(replace(episode, frames=np.stack(frames), depth_m=np.stack(depth_m)))
    assert (reading.extra[1:, index] == 1).all()
    assert (read_back(episode).extra == 0).all()


def test_reported_errors_are_honest(recorded: Callable[[str], Episode]) -> None:
    episode = recorded("collide")
    noise = np.random.default_rng(1).normal(0.0, 0.004, episode.depth_m.shape)
    depth_m = (episode.depth_m + noise).astype(np.float32)
    reading = read_back(replace(episode, frames=noisy(episode.frames), depth_m=depth_m))
    assert episode.states is not None
    moving = [i for i in episode.scene.moving if episode.scene.bodies[i].shape == "sphere"]
    error = (reading.position_m - episode.states.position_m)[:, moving]
    sigma = np.sqrt(np.diagonal(reading.covariance_m2, axis1=2, axis2=3))[:, moving]
    inside = np.abs(error) <= 3.0 * sigma
    assert inside.mean() > 0.7
    assert np.median(sigma) < 0.01


@pytest.mark.parametrize("size_m", [(0.1, 0.1, 0.1), (0.1, 0.1, 0.2), (0.1, 0.2, 0.3)])
def test_of_turns_that_look_alike_the_nearest_is_taken(size_m: tuple[float, ...]) -> None:
    body = Body("box", "box", size_m, (1.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    last = np.eye(3)
    half_turn = np.diag([-1.0, -1.0, 1.0])
    np.testing.assert_allclose(nearest_alike(body, half_turn, last), last, atol=1e-12)
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    alike = np.allclose(nearest_alike(body, quarter, last), last)
    assert alike == (size_m[0] == size_m[1])


def test_quaternions_are_those_of_the_matrices() -> None:
    from scipy.spatial.transform import Rotation

    for turn in Rotation.random(50, random_state=0):
        expected = turn.as_quat(canonical=True)
        np.testing.assert_allclose(quaternion_of(turn.as_matrix()), expected, atol=1e-12)
