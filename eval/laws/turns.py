"""Turns: how a body turns from frame to frame, and what its mass resists that with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.sim.scene import Body

Float = NDArray[np.float64]


def steps_rad(body: Body, turns_xyzw: Float) -> Float:
    """Vectors (S+1, 3) of the turns of each step t-1 -> t in row t; row 0 is NaN.

    A cylinder's turn about its own axis does not show and is left out.
    """
    steps = np.full((len(turns_xyzw), 3), np.nan)
    known = np.logical_not(np.isnan(turns_xyzw).any(axis=1))
    rows = np.flatnonzero(known[1:] & known[:-1]) + 1
    if len(rows):
        after, before = (Rotation.from_quat(turns_xyzw[r]) for r in (rows, rows - 1))
        steps[rows] = (after * before.inv()).as_rotvec()
        if body.shape == "cylinder":
            axis = before.apply([0.0, 0.0, 1.0])
            steps[rows] -= (steps[rows] * axis).sum(1)[:, None] * axis
    return steps


def moments_kg_m2(body: Body) -> Float:
    """Principal moments of inertia (3,) about a body's axes, of even density."""
    if body.mesh is not None:
        moments: Float = body.mass_kg * max(body.size_m) ** 2 * np.array(body.mesh.inertia)
        return moments
    if body.shape == "sphere":
        return np.full(3, 0.4 * body.mass_kg * body.size_m[0] ** 2)
    if body.shape == "cylinder":
        radius_m, height_m = body.size_m
        across = (3.0 * radius_m**2 + height_m**2) / 12.0
        return body.mass_kg * np.array([across, across, 0.5 * radius_m**2])
    x, y, z = np.square(body.size_m)
    return body.mass_kg / 12.0 * np.array([y + z, x + z, x + y])


def turning_j(body: Body, turns_xyzw: Float, dt_s: float, most_rad: float) -> Float:
    """w I w / 2 (S+1,) in each step; 0 where no turn, or one beyond `most_rad`, was read."""
    steps = steps_rad(body, turns_xyzw)
    known = np.flatnonzero(np.linalg.norm(steps, axis=1) <= most_rad)
    energy_j = np.zeros(len(steps))
    if len(known):
        local = Rotation.from_quat(turns_xyzw[known]).inv().apply(steps[known]) / dt_s
        energy_j[known] = 0.5 * (local**2 @ moments_kg_m2(body))
    return energy_j
