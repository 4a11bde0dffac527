"""A dream against the truth, frame by frame: errors, contacts, and for how long it was valid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.horizon import FRAMES_IN_A_ROW, TOLERANCE_DIAMETERS
from worldsim.eval.checks.position import VISIBLE_SHARE, Truth, errors, judged
from worldsim.eval.laws.gaps import gap
from worldsim.eval.laws.solidity import pairs
from worldsim.eval.laws.tracks import LEAST_SIGMA_M
from worldsim.eval.laws.windows import loose, near_m
from worldsim.eval.reading.poses import nearest_alike
from worldsim.eval.reading.reading import Reading
from worldsim.eval.reading.turns import turn_of
from worldsim.sim.scene import Scene

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

SIGMAS = 3.0
FEWEST_PX = 3


class Comparison:
    """A dream of a scene beside its simulation; of N bodies, in scene order.

    A body that moves and is not the camera is judged in every frame that truly shows it: at least
    `VISIBLE_SHARE` of the largest area it has had.
    `steps` counts those of the dream; `failed_at` is the step at which its first body was off by
    half its diameter for two frames in a row, None where none was yet.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.moving = judged(scene)
        self._diameter_m = np.array([body.diameter_m for body in scene.bodies])
        self._area_px = np.zeros(len(scene.bodies), np.int64)  # the largest yet
        self.restart()

    def restart(self) -> None:
        """The next dream of the same run begins."""
        self.steps = 0
        self.failed_at: int | None = None
        self._error_m = np.full(len(self.scene.bodies), np.nan)
        self._in_a_row = np.zeros(len(self.scene.bodies), np.int64)  # frames that are off

    def step(self, truth: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
        """`measure` one step further."""
        self.steps += 1
        found = self.measure(truth, reading)
        row = np.where(self.off(TOLERANCE_DIAMETERS), self._in_a_row + 1, 0)
        # Frames in which a body is hidden are passed over.
        self._in_a_row = np.where(np.isnan(self._error_m), self._in_a_row, row)
        if self.failed_at is None and (self._in_a_row >= FRAMES_IN_A_ROW).any():
            self.failed_at = self.steps - FRAMES_IN_A_ROW + 1
        return {**found, **self.horizon()}

    def horizon(self) -> dict[str, Any]:
        """For how long the dream has been valid; see `TwinEnv`."""
        valid = self.failed_at is None
        return {"valid_horizon_steps": self.failed_at or self.steps, "valid": valid}

    def measure(self, truth: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
        """The simulator's info of a frame, and what was read off the dream's; see `TwinEnv`."""
        names = tuple(self.scene.bodies[i].name for i in self.moving)
        visible = self._visible(truth["segmentation"])[self.moving]
        true = Truth(self.scene, names, truth["position_m"][None, self.moving], visible[None])
        found = errors(reading.position_m[:, self.moving], true)
        known, lost = np.zeros((2, len(self.scene.bodies)), np.bool_)
        self._error_m = np.full(len(self.scene.bodies), np.nan)
        self._error_m[self.moving], lost[self.moving] = found.total_m[0], found.lost[0]
        known[self.moving] = visible
        turned_deg = _turned_deg(self.scene, self.moving, truth["orientation_xyzw"], reading)
        return {
            "judged": known,
            "lost": lost,
            "error_m": np.nan_to_num(self._error_m),
            "turn_read": ~np.isnan(turned_deg),
            "error_deg": np.nan_to_num(turned_deg),
            "contact_agreement": _agreement(self.scene, truth, reading),
        }

    def off(self, diameters: float) -> Bool:
        """Bodies (N,) that were off by more than so many diameters in the last frame."""
        off: Bool = np.nan_to_num(self._error_m) > diameters * self._diameter_m
        return off

    def _visible(self, segmentation: NDArray[np.uint8]) -> Bool:
        bodies = len(self.scene.bodies)
        area_px = np.bincount(segmentation.ravel(), minlength=bodies + 1)[1 : bodies + 1]
        self._area_px = np.maximum(self._area_px, area_px)
        visible: Bool = area_px >= np.maximum(VISIBLE_SHARE * self._area_px, FEWEST_PX)
        return visible


def _turned_deg(scene: Scene, moving: list[int], true_xyzw: Float, reading: Reading) -> Float:
    """Angle (N,) from the true turn to the nearest that looks like the one read, in degrees."""
    angle = np.full(len(scene.bodies), np.nan)
    for body in moving:
        read_xyzw = reading.orientation_xyzw[0, body]
        if np.isnan(read_xyzw).any():
            continue
        true = turn_of(true_xyzw[body])
        like = nearest_alike(scene.bodies[body], turn_of(read_xyzw), true)
        cosine = 0.5 * (float(np.trace(like.T @ true)) - 1.0)
        angle[body] = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return angle


def _agreement(scene: Scene, truth: Mapping[str, Any], reading: Reading) -> float:
    """Pairs of bodies that touch in both over those that touch in either; 1 where none do.

    What an actuator moves by itself may be held up just above what rests: such pairs do not count.
    """
    held = [i for i in scene.driven if i not in loose(scene)]
    meeting = [
        pair
        for pair in pairs(scene, judged(scene))
        if not any(i in held for i in pair) or all(scene.bodies[i].moves for i in pair)
    ]
    rows = truth["contact_bodies"][: int(truth["contact_count"])]
    logged = {frozenset(map(int, row)) for row in rows}
    true = {pair for pair in meeting if frozenset(pair) in logged}
    made = {pair for pair in meeting if _touch(scene, reading, *pair)}
    return len(true & made) / len(true | made) if true | made else 1.0


def _touch(scene: Scene, reading: Reading, one: int, other: int) -> bool:
    """Whether two bodies are read no farther apart than the reading errs, or in each other."""
    gap_m = float(gap(reading, scene, one, other).gap_m[0])
    variance = np.trace(reading.covariance_m2[0, [one, other]], axis1=1, axis2=2) / 3.0
    sigma_m = np.maximum(np.sqrt(np.nan_to_num(variance).clip(0.0)), LEAST_SIGMA_M)
    return gap_m <= max(near_m(scene, one), SIGMAS * float(np.linalg.norm(sigma_m)))
