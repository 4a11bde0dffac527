"""A clip laid over its reference: rate, length, size, depth, and the start that tells scenes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from worldsim.data.dataset import Dataset
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.reading.episodes import has_depth
from worldsim.render import draw_states
from worldsim.videos.fitting import Fitted, every, fittings
from worldsim.videos.footage import Footage
from worldsim.videos.match import fit, start_fit


def footage(episode: Episode, depth: bool = False, rate_hz: float | None = None) -> Footage:
    depth_m = episode.depth_m if depth else None
    return Footage(Path("mine.mp4"), episode.frames, depth_m, rate_hz)


def only(clip: Footage, reference: Episode, rate_hz: float | None = None) -> Fitted:
    (fitted,) = fittings(clip, reference, rate_hz)
    return fitted


def test_the_same_clip_is_taken_as_it_is(recording: Dataset) -> None:
    fitted = only(footage(recording[0], depth=True), recording[0])
    assert np.array_equal(fitted.clip.frames, fitted.reference.frames)
    assert fitted.whole and has_depth(fitted.clip) and fitted.clip.states is None


def test_without_depth_both_are_read_without(recording: Dataset) -> None:
    fitted = only(footage(recording[0]), recording[0])
    assert not has_depth(fitted.clip) and not has_depth(fitted.reference)
    assert any("mode B" in note for note in fitted.notes)


def test_a_faster_clip_gives_the_frames_nearest_in_time(recording: Dataset) -> None:
    """30 Hz against 10: every third frame, and nothing is off."""
    true = recording[0]
    fast = replace(footage(true), frames=true.frames.repeat(3, axis=0), rate_hz=30.0)
    fitted = only(fast, true)
    assert np.array_equal(fitted.clip.frames, true.frames)
    assert any("0, 3 .. 30" in note for note in fitted.notes)
    uneven = only(replace(fast, rate_hz=24.0), true)
    assert any("ms off" in note for note in uneven.notes)


def test_a_slower_clip_meets_every_second_frame_of_the_reference(recording: Dataset) -> None:
    true = recording[0]
    slow = replace(footage(true), frames=true.frames[::2], rate_hz=5.0)
    fitted = only(slow, true)
    assert not fitted.whole and fitted.reference.scene.frame_rate_hz == 5
    assert np.array_equal(fitted.reference.frames, fitted.clip.frames)
    assert fitted.reference.states is not None and true.states is not None
    assert np.array_equal(fitted.reference.states.position_m, true.states.position_m[::2])
    with pytest.raises(InputError, match="no 20th frame"):
        every(true, 20)


def test_a_shorter_clip_is_measured_as_far_as_it_goes(recording: Dataset) -> None:
    short = replace(footage(recording[0]), frames=recording[0].frames[:5])
    assert only(short, recording[0]).reference.steps == 4
    with pytest.raises(InputError, match="--video-rate-hz"):
        list(fittings(short, recording[0], rate_hz=1000.0))


def test_the_reference_is_drawn_at_the_size_of_the_clip(recording: Dataset) -> None:
    true = recording[0]
    assert true.states is not None
    scene = replace(true.scene, camera=true.scene.camera.resized(96, 96))
    large = replace(footage(true), frames=draw_states(scene, true.states)[0])
    fitted = only(large, true)
    assert np.array_equal(fitted.clip.frames, fitted.reference.frames)
    assert any("drawn anew at 96 x 96" in note for note in fitted.notes)


@pytest.mark.parametrize("squeezed", [False, True])
def test_of_two_ways_to_take_an_aspect_the_one_that_fits_is_chosen(
    recording: Dataset, squeezed: bool
) -> None:
    true = recording[0]
    assert true.states is not None
    if squeezed:
        frames = np.stack([cv2.resize(frame, (112, 64)) for frame in true.frames])
    else:
        scene = replace(true.scene, camera=true.scene.camera.resized(112, 64))
        frames = draw_states(scene, true.states)[0]
    fitted = fit(replace(footage(true), frames=frames), recording, 0)
    assert fitted.clip.frames.shape[2] == (64 if squeezed else 112)


def test_a_reference_without_states_resizes_the_clip_and_says_what_is_lost(
    recording: Dataset,
) -> None:
    true = replace(recording[0], states=None)
    large = np.stack([cv2.resize(frame, (128, 128)) for frame in true.frames])
    fitted = only(replace(footage(true), frames=large), true)
    assert fitted.clip.frames.shape == true.frames.shape
    assert any("no states" in note and "read off" in note for note in fitted.notes)


def test_a_clip_of_another_episode_is_known_by_its_start(recording: Dataset) -> None:
    for index in range(len(recording)):
        for other in range(len(recording)):
            start = start_fit(only(footage(recording[other], depth=True), recording[index]))
            assert start.fits == (index == other), (index, other, start)
    with pytest.raises(InputError, match="does not begin as .*it looks like episode 2"):
        fit(footage(recording[2]), recording, 0)


def test_other_light_does_not_make_another_scene(recording: Dataset) -> None:
    dim = (recording[1].frames * 0.8).astype(np.uint8)
    assert fit(replace(footage(recording[1]), frames=dim), recording, 1).notes
