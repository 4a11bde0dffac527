"""Reading bodies off frames: the floor on the simulator's own frames, and what must not be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.checks.position import shown, split
from worldsim.eval.reading import search
from worldsim.eval.reading.perception import read

BODIES = ("pusher", "sphere", "box")


def blurred(frames: np.ndarray, sigma_px: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma_px) for frame in frames])


@pytest.mark.parametrize("name", BODIES)
def test_floor_on_true_frames(episodes: list[Episode], name: str) -> None:
    errors, found = [], []
    for episode in episodes:
        assert episode.states is not None and episode.segmentation is not None
        body = episode.scene.index(name)
        reading = read(episode.frames, episode.depth_m, episode.scene)
        truth = episode.states.position_m[:, body]
        _, lateral = split(reading.position_m[:, body] - truth, truth, episode.scene.camera)
        visible = shown(episode.segmentation, episode.scene)[:, body]
        found.append(reading.found[visible, body])
        errors.append(lateral[visible] / episode.scene.bodies[body].diameter_m)
    assert np.nanmedian(np.concatenate(errors)) <= 0.05
    assert np.concatenate(found).mean() >= 0.98


def test_segmentation_agrees_with_the_simulators(episodes: list[Episode]) -> None:
    episode = episodes[0]
    reading = read(episode.frames, episode.depth_m, episode.scene)
    assert reading.segmentation.dtype == np.uint8
    assert np.mean(reading.segmentation == episode.segmentation) > 0.98


def test_every_frame_is_read_by_itself(episodes: list[Episode]) -> None:
    episode = episodes[0]
    whole = read(episode.frames, episode.depth_m, episode.scene)
    for t in (0, 7, 20):
        alone = read(episode.frames[t : t + 1], episode.depth_m[t : t + 1], episode.scene)
        # Turns start from those of the frame before, so the last bits differ.
        np.testing.assert_allclose(alone.position_m[0], whole.position_m[t], atol=2e-4)
        np.testing.assert_array_equal(alone.segmentation[0], whole.segmentation[t])


def test_static_bodies_rest_where_the_scene_has_them(episodes: list[Episode]) -> None:
    episode = episodes[0]
    reading = read(episode.frames[:2], episode.depth_m[:2], episode.scene)
    for index, body in enumerate(episode.scene.bodies):
        if body.role == "static":
            np.testing.assert_array_equal(reading.position_m[:, index], [body.position_m] * 2)
            assert reading.found[:, index].all()


@pytest.mark.parametrize("sigma_px", [0.6, 1.0, 1.4])
@pytest.mark.parametrize("name", BODIES)
def test_blends_are_not_read_as_an_absent_body(
    episodes: list[Episode], rerender: Callable[..., Episode], name: str, sigma_px: float
) -> None:
    """Blurred edges of the bodies that are there must not make up the one that is not."""
    for episode in episodes[:2]:
        assert episode.states is not None
        body, places = episode.scene.index(name), episode.states.position_m.copy()
        places[:, body] = (9.0, 9.0, -9.0)
        without = rerender(episode, places)
        reading = read(blurred(without.frames, sigma_px), without.depth_m, episode.scene)
        assert not reading.found[:, body].any()


@pytest.mark.parametrize("name", BODIES)
def test_blur_moves_no_body(episodes: list[Episode], name: str) -> None:
    episode = episodes[1]
    assert episode.states is not None
    body = episode.scene.index(name)
    depth_m = blurred(episode.depth_m, 1.0)
    reading = read(blurred(episode.frames, 1.0), depth_m, episode.scene)
    truth = episode.states.position_m[:, body]
    _, lateral = split(reading.position_m[:, body] - truth, truth, episode.scene.camera)
    assert np.nanmedian(lateral) <= 0.1 * episode.scene.bodies[body].diameter_m
    assert reading.found[:, body].mean() >= 0.98


def test_a_fit_that_is_not_made_again_would_have_been_the_same(
    episodes: list[Episode], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blurred depth makes fits doubtful; few of them have a neighbour that could change them."""
    fits, fitted = [], search.Search._fitted

    def counted(*args: Any) -> Any:
        fits.append(args)
        return fitted(*args)

    monkeypatch.setattr(search.Search, "_fitted", counted)
    counts, readings = [], []
    depths_m = [
        np.stack([cv2.GaussianBlur(depth, (0, 0), 1.0) for depth in e.depth_m]) for e in episodes
    ]
    for beside_of in (search.beside_of, np.ones_like):
        monkeypatch.setattr(search, "beside_of", beside_of)
        fits.clear()
        readings.append(
            [
                read(blurred(episode.frames, 1.0), depth_m, episode.scene)
                for episode, depth_m in zip(episodes[:2], depths_m, strict=False)
            ]
        )
        counts.append(len(fits))
    assert counts[0] < counts[1]
    for one, other in zip(*readings, strict=True):
        for name, values in vars(one).items():
            np.testing.assert_array_equal(values, vars(other)[name], err_msg=name)


def test_faded_body_is_lost(episodes: list[Episode], rerender: Callable[..., Episode]) -> None:
    """A body painted at a third of its strength over the table is not there."""
    episode = episodes[0]
    assert episode.states is not None
    body, places = episode.scene.index("sphere"), episode.states.position_m.copy()
    places[:, body] = (9.0, 9.0, -9.0)
    without = rerender(episode, places).frames.astype(float)
    faded = (without + (episode.frames - without) / 3.0).astype(np.uint8)
    reading = read(faded, episode.depth_m, episode.scene)
    assert not reading.found[:, body].any()
    assert np.isnan(reading.position_m[:, body]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0, 1e-9, 1e30])
def test_a_body_without_depth_is_lost_and_no_other(episodes: list[Episode], bad: float) -> None:
    episode = episodes[0]
    sphere = episode.scene.index("sphere")
    wanted = read(episode.frames[:1], episode.depth_m[:1], episode.scene)
    depth_m = np.full_like(episode.depth_m[:1], bad)
    reading = read(episode.frames[:1], depth_m, episode.scene)
    assert wanted.found[0, sphere] and not reading.found[0, sphere]
    depth_m = episode.depth_m[:1].copy()
    depth_m[wanted.segmentation != sphere + 1] = bad
    alone = read(episode.frames[:1], depth_m, episode.scene)
    assert np.abs(alone.position_m - wanted.position_m)[0, sphere].max() < 0.01


def test_noise_holds_no_bodies(episodes: list[Episode]) -> None:
    scene = episodes[0].scene
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (20, 64, 64, 3), dtype=np.uint8)
    depth_m = rng.uniform(1.0, 1.5, (20, 64, 64)).astype(np.float32)
    assert not read(noise, depth_m, scene).found[:, list(scene.moving)].any()


@pytest.mark.parametrize(
    ("frames", "depth_m", "message"),
    [
        (np.zeros((2, 64, 64, 3), np.float32), np.ones((2, 64, 64), np.float32), "uint8"),
        (np.zeros((2, 32, 64, 3), np.uint8), np.ones((2, 32, 64), np.float32), "64, 64"),
        (np.zeros((2, 64, 64, 3), np.uint8), np.ones((1, 64, 64), np.float32), "depth"),
    ],
)
def test_wrong_shapes_are_refused(
    episodes: list[Episode], frames: np.ndarray, depth_m: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(frames, depth_m, episodes[0].scene)


def test_other_sizes_are_read(episodes: list[Episode], rerender: Callable[..., Episode]) -> None:
    episode = episodes[0].part(0, 4)
    assert episode.states is not None
    camera = episode.scene.camera.resized(128, 128)
    large = rerender(episode.part(0, 4), look=lambda scene, t: replace(scene, camera=camera))
    scene = replace(episode.scene, camera=camera)
    reading = read(large.frames, large.depth_m, scene)
    moving = list(scene.moving)
    error = reading.position_m[:, moving] - episode.states.position_m[:, moving]
    assert np.linalg.norm(error, axis=-1).max() < 0.01
