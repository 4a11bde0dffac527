"""PhyWorld's velocity error against cases worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.reference.phyworld import (
    collision_index,
    collision_velocity_error,
    color_masks,
    named_values,
    scored_frames,
    track,
    velocity_error,
)

SIDE = 20  # px: half a unit each


def dots(xs: list[int | None], y: int = 10) -> np.ndarray:
    """One frame an x, with a single pixel set; an empty one for None."""
    masks = np.zeros((len(xs), SIDE, SIDE), bool)
    for mask, x in zip(masks, xs, strict=True):
        if x is not None:
            mask[y, x] = True
    return masks


def line(xs: list[float], y: float = 5.0) -> np.ndarray:
    return np.array([[x, y] for x in xs])


def test_a_ball_is_told_by_its_colour() -> None:
    frames = np.array([[[[128, 126, 126], [127, 0, 0], [200, 127, 0], [126, 126, 128]]]], np.uint8)
    assert color_masks(frames, "red").ravel().tolist() == [True, False, False, False]
    assert color_masks(frames, "blue").ravel().tolist() == [False, False, False, True]
    with pytest.raises(InputError, match="unknown ball colour"):
        color_masks(frames, "green")  # type: ignore[arg-type]


def test_a_place_is_the_mean_index_in_tenths_of_the_width() -> None:
    # Indices 4 and 5 of 20 px: 4.5 * 10 / 20 = 2.25 units. Both axes are over the width.
    masks = dots([4], 6)
    masks[0, 6, 5] = True
    assert track(masks).tolist() == [[2.25, 3.0]]
    assert track(masks[:, :10]).tolist() == [[2.25, 3.0]]


def test_a_missing_ball_is_at_the_edge_with_its_last_height() -> None:
    places = track(dots([None, 4, None]))
    assert places[:, 0].tolist() == [10.0, 2.0, 10.0]
    assert np.isnan(places[0, 1]) and places[1:, 1].tolist() == [5.0, 5.0]
    assert track(dots([None]), missing_x=0.0)[0, 0] == 0.0


def test_frames_count_from_the_fourth_on_while_the_ball_is_whole() -> None:
    xs = [5.0, 5.0, 5.0, 1.0, 0.9, 5.0, 9.0, 9.1]
    assert scored_frames(line(xs), 1.0).tolist() == [3, 5, 6]
    assert scored_frames(line(xs, y=9.5), 1.0).tolist() == []
    assert scored_frames(line(xs[:2]), 1.0).tolist() == []


def test_the_error_is_the_mean_absolute_velocity_difference_by_axis() -> None:
    # Frames 3, 4, 5: found 3, 4, 5 units (10, 10 a second); true 3, 4, 4.5 (10, 5): (0 + 5) / 2.
    masks = dots([0, 2, 4, 6, 8, 10])
    x, y = velocity_error(masks, line([0, 1, 2, 3, 4, 4.5]), 0.5)
    assert x == pytest.approx(2.5) and y == 0.0
    # True y 5, 5.1, 5.3: 1 and 2 a second, found 0: 1.5. At twice the step half of it.
    true = np.array([[0, 5], [1, 5], [2, 5], [3, 5], [4, 5.1], [5, 5.3]])
    assert velocity_error(masks, true, 0.5) == pytest.approx((0.0, 1.5))
    assert velocity_error(masks, true, 0.5, step_s=0.2) == pytest.approx((0.0, 0.75))


def test_a_vanished_ball_costs_its_way_to_the_edge() -> None:
    # True 3, 4, 5. Gone in the last frame: from 4 to 10 is 60 a second, not 10: (0 + 50) / 2.
    gone = velocity_error(dots([0, 2, 4, 6, 8, None]), line([0, 1, 2, 3, 4, 5]), 0.5)
    assert gone == pytest.approx((25.0, 0.0))
    # Near the edge it is almost free: true 8.5, 9, 9.5, from 9 to 10 is 10, not 5: (0 + 5) / 2.
    near = velocity_error(dots([0, 2, 4, 17, 18, None]), line([0, 1, 2, 8.5, 9, 9.5]), 0.5)
    assert near == pytest.approx((2.5, 0.0))


def test_a_ball_missing_from_the_first_scored_frame_has_no_height() -> None:
    x, y = velocity_error(dots([0, 2, 4, None, 8, 10]), line([0, 1, 2, 3, 4, 5]), 0.5)
    # From 10 to 4 is -60, not 10: (70 + 0) / 2.
    assert x == pytest.approx(35.0) and np.isnan(y)


def test_velocities_run_straight_across_dropped_frames() -> None:
    # Frame 4 is dropped: from 3 to 5 in what counts as one step; found 3 to 6. 30 - 20 = 10.
    masks = dots([0, 0, 0, 6, 0, 12])
    true = line([0, 0, 0, 3, 0.1, 5])
    assert velocity_error(masks, true, 0.5)[0] == pytest.approx(10.0)


def test_too_few_frames_in_view_give_no_number() -> None:
    assert np.isnan(velocity_error(dots([2] * 5), line([0.0] * 4 + [5.0]), 0.5)).all()
    assert np.isnan(velocity_error(dots([2, 2]), line([1.0, 1.0]), 0.5)).all()


def test_a_collision_is_the_first_change_above_a_tenth() -> None:
    velocity = np.array([[1.0, -1.0], [1.09, -1.0], [1.0, -0.8], [2.0, 0.0]])
    assert collision_index(velocity) == 2
    assert collision_index(velocity[:2]) == 1  # none: the last


def test_collisions_are_scored_on_both_sides_but_not_between() -> None:
    # Scored frames 3..7. True left 2, 3, 4, 3, 2: velocities 10, 10, -10, -10; right stands at 8.
    # The collision is velocity 2; before it are 0 and 1, after it is 3.
    left = line([1, 1, 1, 2, 3, 4, 3, 2])[:, 0]
    true = np.stack([left, np.full(8, 8.0)], axis=1)
    masks = dots([0, 0, 0, 4, 6, 8, 6, 3])  # found 2, 3, 4, 3, 1.5: the last is -15
    stands = dots([16] * 8)
    before, after = collision_velocity_error(masks, stands, true, (0.5, 0.5))
    assert before == pytest.approx(0.0)
    assert after == pytest.approx(2.5)  # 5 of the left ball, 0 of the right
    # Gone in the last frame, the left ball is at 0: from 3 to 0 is -30, not -10: 20 / 2.
    gone = dots([0, 0, 0, 4, 6, 8, 6, None])
    assert collision_velocity_error(gone, stands, true, (0.5, 0.5))[1] == pytest.approx(10.0)
    # And the right one at 10: from 8 to 10 is 20, not 0; with the 5 of the left (20 + 5) / 2.
    lost = dots([16] * 7 + [None])
    assert collision_velocity_error(masks, lost, true, (0.5, 0.5))[1] == pytest.approx(12.5)


def test_without_a_collision_there_is_no_error_after_it() -> None:
    true = np.stack([np.full(8, 2.0), np.full(8, 8.0)], axis=1)
    before, after = collision_velocity_error(dots([4] * 8), dots([16] * 8), true, (0.5, 0.5))
    assert before == 0.0 and np.isnan(after)
    out = collision_velocity_error(dots([4] * 8), dots([16] * 8), true, (3.0, 0.5))
    assert np.isnan(out).all()


@given(st.lists(st.integers(1, SIDE - 3), min_size=6, max_size=9), st.integers(0, 2))
def test_a_shift_of_the_whole_path_costs_nothing(xs: list[int], shift: int) -> None:
    true = track(dots(list(xs)))
    shifted = dots([x + shift for x in xs], y=10 + shift)
    x, y = velocity_error(shifted, true, 1e-9)
    assert x == pytest.approx(0.0, abs=1e-9) and y == pytest.approx(0.0, abs=1e-9)


@given(st.lists(st.integers(1, SIDE - 1), min_size=6, max_size=6), st.data())
def test_errors_are_never_negative_and_symmetric(xs: list[int], data: st.DataObject) -> None:
    others = data.draw(st.lists(st.integers(1, SIDE - 1), min_size=6, max_size=6))
    there = velocity_error(dots(list(xs)), track(dots(list(others))), 1e-9)
    back = velocity_error(dots(list(others)), track(dots(list(xs))), 1e-9)
    assert there == pytest.approx(back) and min(there) >= 0.0


def test_what_does_not_fit_is_refused() -> None:
    masks, true = dots([2] * 5), line([1.0] * 5)
    for wrong, message in (
        ({"position": true[:3]}, "position is .3, 2., not .5, 2."),
        ({"position": np.full((5, 2), np.nan)}, "NaN or infinity"),
        ({"radius": 0.0}, "radius is 0.0"),
        ({"step_s": float("nan")}, "step_s is nan"),
        ({"masks": masks.astype(np.uint8)}, "give bool"),
        ({"masks": masks[:0]}, "no frames"),
    ):
        given_values = {"masks": masks, "position": true, "radius": 0.5} | wrong
        with pytest.raises(InputError, match=message):
            velocity_error(**given_values)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="same shape"):
        collision_velocity_error(masks, masks[1:], true, (0.5, 0.5))
    with pytest.raises(InputError, match="right_radius is -1"):
        collision_velocity_error(masks, masks, true, (0.5, -1.0))
    with pytest.raises(InputError, match="give uint8"):
        color_masks(np.zeros((1, 4, 4, 3)), "red")


def test_episodes_are_compared_in_the_image_plane(episodes: list[Episode]) -> None:
    one = episodes[0]
    names = [one.scene.bodies[i].name for i in one.scene.moving]
    same = named_values(one, one, collide=(names[0], names[1]))
    assert same["phyworld_velocity_error_x"] == same["phyworld_velocity_error_y"] == 0.0
    assert same["phyworld_collision_velocity_error"] in (0.0, pytest.approx(np.nan, nan_ok=True))
    assert one.segmentation is not None
    labels = one.segmentation.copy()
    labels[20:] = 0
    gone = named_values(replace(one, segmentation=labels), one)
    assert gone["phyworld_velocity_error_x"] > 0.1
    with pytest.raises(InputError, match="no segmentation"):
        named_values(one, replace(one, segmentation=None))
    with pytest.raises(InputError, match="same shape"):
        named_values(one.part(0, 5), one)
