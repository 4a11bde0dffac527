"""PhyWorld's velocity error: balls found by colour, velocities by differences, in world units.

Source: phyworld/phyworld, id_ood_data/evaluate.py (evaluate_xy, evaluate_xy_collision); Kang et al.
2024, "How far is video generation from world model". The world is 10 units wide and so is the
frame; y grows downwards in the frames, so frames of a world whose y grows upwards are flipped
first. Kept as coded: a ball that is gone is put at the edge, shape counts for nothing, velocities
run straight across frames that were left out.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.errors import InputError, unknown

from .inputs import (
    Bool,
    Float,
    Frames,
    body_masks,
    check_alike,
    check_frames,
    check_masks,
    check_numbers,
    mean_of_known,
    moving_bodies,
)

Color = Literal["red", "blue"]

WORLD = 10.0
"""Width of the frame in world units."""
STEP_S = 0.1
FIRST = 3
"""The first frame scored; those before it are the condition."""
TURN = 0.1
"""Change of a true velocity, in units a second, that counts as the collision."""


def color_masks(frames: Frames, color: Color) -> Bool:
    """Pixels of the ball, (T, H, W, 3) -> (T, H, W): its channel above 127, the others below."""
    check_frames("frames", frames)
    if color not in ("red", "blue"):
        raise unknown("ball colour", color, ("red", "blue"))
    red, green, blue = (frames[..., i] for i in range(3))
    own, other = (red, blue) if color == "red" else (blue, red)
    masks: Bool = (own > 127) & (green < 127) & (other < 127)
    return masks


def track(masks: Bool, missing_x: float = WORLD) -> Float:
    """Centre of the ball in world units, (T, H, W) -> (T, 2): mean pixel index * 10 / width.

    Where no pixel shows it, x is `missing_x` and y the last one known, NaN before there is one.
    """
    check_masks("masks", masks)
    scale = WORLD / masks.shape[2]
    places = np.empty((len(masks), 2))
    last_y = np.nan
    for t, mask in enumerate(masks):
        y, x = np.nonzero(mask)
        places[t] = (x.mean() * scale, y.mean() * scale) if len(x) else (missing_x, last_y)
        last_y = places[t, 1]
    return places


def scored_frames(position: Float, radius: float) -> NDArray[np.int64]:
    """Indices from frame 3 on at which the true ball (T, 2) is wholly in the frame."""
    inside = (position >= radius) & (position <= WORLD - radius)
    return _after_the_start(inside[:, 0] & inside[:, 1])


def velocity_error(
    masks: Bool, position: Float, radius: float, step_s: float = STEP_S
) -> tuple[float, float]:
    """Mean absolute error of the x and of the y velocity of one ball, in units a second.

    `masks` (T, H, W) show the generated ball, `position` (T, 2) and `radius` are the true ones in
    units. Frames in which the true ball is partly out of view are dropped. Both NaN with fewer
    than two frames left; y NaN where the ball is missing in the first of them. The paper
    reports x for uniform motion. Raises InputError on shapes that do not fit, NaN or a step of 0.
    """
    check_masks("masks", masks)
    check_numbers("position", position, (len(masks), 2))
    _check_above_zero(radius=radius, step_s=step_s)
    kept = scored_frames(position, radius)
    if len(kept) < 2:
        return float("nan"), float("nan")
    # Read after dropping, so that a lost ball keeps the y of the last frame that counts.
    found = np.diff(track(masks[kept]), axis=0) / step_s
    true = np.diff(position[kept], axis=0) / step_s
    x, y = np.abs(found - true).mean(0)
    return float(x), float(y)


def collision_index(velocity: Float) -> int:
    """Index of the first true x velocity (T, 2 balls) that differs from the one before by > 0.1.

    The last index where none does.
    """
    turned = (np.abs(np.diff(velocity, axis=0)) > TURN).any(1)
    return int(turned.argmax()) + 1 if turned.any() else len(velocity) - 1


def collision_velocity_error(
    left: Bool, right: Bool, position_x: Float, radii: tuple[float, float], step_s: float = STEP_S
) -> tuple[float, float]:
    """Mean absolute error of two balls' x velocities before and after they collide.

    The paper's figure is the second. `left` and `right` (T, H, W) show the generated balls,
    `position_x` (T, 2) and `radii` are the true ones in units. Frames count while the left ball
    is not out at the left nor the right one at the right. A lost left ball is put at x = 0, a lost
    right one at 10. The velocity at the collision counts on neither side. NaN for a side
    without frames: clips without a collision have no error after it. Raises InputError as
    `velocity_error` does.
    """
    check_masks("left", left)
    check_masks("right", right)
    check_alike("left", left, "right", right)
    check_numbers("position_x", position_x, (len(left), 2))
    _check_above_zero(left_radius=radii[0], right_radius=radii[1], step_s=step_s)
    kept = _after_the_start((position_x[:, 0] >= radii[0]) & (position_x[:, 1] <= WORLD - radii[1]))
    if len(kept) < 2:
        return float("nan"), float("nan")
    places = np.stack([track(left[kept], 0.0)[:, 0], track(right[kept], WORLD)[:, 0]], axis=1)
    true = np.diff(position_x[kept], axis=0) / step_s
    wrong = np.abs(np.diff(places, axis=0) / step_s - true)
    at = collision_index(true)
    before, after = (mean_of_known(list(part.ravel())) for part in (wrong[:at], wrong[at + 1 :]))
    return before, after


def named_values(
    generated: Episode,
    reference: Episode,
    bodies: tuple[str, ...] = (),
    collide: tuple[str, str] | None = None,
) -> dict[str, float]:
    """PhyWorld on this pair, in the image plane: the mean over the bodies, or all that can move.

    Bodies are told by segmentation instead of colour, and the truth is read off the reference's in
    the same way, its radius as that of a disc of the largest area seen. Bodies that are never in
    view as a whole are left out. `collide` names a left and a right body whose collision is
    scored too. Raises InputError where an episode has no segmentation.
    """
    step_s = reference.scene.dt_s
    errors = []
    for name in bodies or moving_bodies(reference):
        made = body_masks("generated", generated, name)
        true = body_masks("reference", reference, name)
        check_alike("generated", made, "reference", true)
        if true.any():
            errors.append(velocity_error(made, *_truth(true, WORLD), step_s))
    values = {
        "phyworld_velocity_error_x": mean_of_known([x for x, _ in errors]),
        "phyworld_velocity_error_y": mean_of_known([y for _, y in errors]),
    }
    if collide is not None:
        values["phyworld_collision_velocity_error"] = _after_collision(
            [body_masks("generated", generated, name) for name in collide],
            [body_masks("reference", reference, name) for name in collide],
            step_s,
        )
    return values


def _after_collision(made: list[Bool], true: list[Bool], step_s: float) -> float:
    if not all(masks.any() for masks in true):
        return float("nan")
    (left, left_radius), (right, right_radius) = _truth(true[0], 0.0), _truth(true[1], WORLD)
    position_x = np.stack([left[:, 0], right[:, 0]], axis=1)
    radii = (left_radius, right_radius)
    return collision_velocity_error(made[0], made[1], position_x, radii, step_s)[1]


def _truth(masks: Bool, missing_x: float) -> tuple[Float, float]:
    """Places (T, 2) and radius of a body in world units, read off its true masks.

    Where it is hidden its place is at the edge, so that the frame counts as one out of view.
    """
    area_px = float(masks.sum((1, 2)).max())
    places = np.nan_to_num(track(masks, missing_x))
    return places, float(np.sqrt(area_px / np.pi)) * WORLD / masks.shape[2]


def _after_the_start(inside: Bool) -> NDArray[np.int64]:
    return FIRST + np.flatnonzero(inside[FIRST:])


def _check_above_zero(**values: float) -> None:
    for name, value in values.items():
        if not value > 0.0 or not np.isfinite(value):
            raise InputError(f"{name} is {value}; a number above 0 needed")
