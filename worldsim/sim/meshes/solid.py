"""A closed surface becomes a Mesh: mass properties, principal axes, convex pieces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.mesh import Mesh, Triple
from worldsim.sim.meshes.convex import corners, decomposition, volume

Float = NDArray[np.float64]

NEARLY_CONVEX = 0.95
"""From this share of its hull's volume on a mesh collides as its hull."""
DIGITS = 6
"""Decimals of a coordinate, of a mesh of length 1: the same ones on every machine."""

_TILT = 1e-6


def solid(surface: Any, pieces: Sequence[Float] | None = None) -> Mesh:
    """The Mesh of a closed trimesh surface whose normals face outwards.

    `pieces` (corners (P, 3) each) are its convex parts where they are known. Else they are its
    hull, where that is nearly the mesh, or a decomposition of it: always the same one. Raises
    InputError where the surface encloses no solid.
    """
    found = surface.mass_properties
    centre, axes = np.array(found["center_mass"]), principal_axes(np.array(found["inertia"]))
    placed = (surface.vertices - centre) @ axes.T
    length = float(np.ptp(placed, axis=0).max())
    vertices, faces = _rounded(placed / length), np.array(surface.faces)
    moments = np.diag(axes @ found["inertia"] @ axes.T) / (found["mass"] * length**2)
    if min(moments) <= 0.0 or 2.0 * max(moments) > 1.01 * sum(moments):
        raise InputError("no solid body turns like this: its surface runs through itself")
    if pieces is None:
        hull = corners(vertices)
        convex = found["volume"] > NEARLY_CONVEX * volume(vertices) * length**3
        parts = [hull] if convex else decomposition(vertices, faces)
        parts = [_rounded(part) for part in parts]
    else:
        parts = [_rounded((piece - centre) @ axes.T / length) for piece in pieces]
    return Mesh(
        vertices=_triples(vertices),
        faces=tuple((int(a), int(b), int(c)) for a, b, c in faces),
        pieces=tuple(_triples(part) for part in parts),
        inertia=_triples(np.round(moments, 9)[None])[0],
    )


def principal_axes(inertia: Float) -> Float:
    """Principal axes of a tensor (3, 3) as the rows of a rotation, as near to x, y, z as can be.

    Where moments are equal the axes are free: those of the file are taken, as far as they go.
    """
    # A tilt that is far too small to matter otherwise chooses among equal moments.
    tilted = inertia + np.diag([0.0, 1.0, 2.0]) * _TILT * np.trace(inertia)
    rows = np.linalg.eigh(tilted)[1].T
    turns = (
        np.array(signs)[:, None] * rows[list(order)]
        for order in permutations(range(3))
        for signs in product((1.0, -1.0), repeat=3)
    )
    proper = [turn for turn in turns if np.linalg.det(turn) > 0.0]
    return max(proper, key=lambda turn: round(float(np.trace(turn)), DIGITS))


def _rounded(values: Float) -> Float:
    rounded: Float = np.round(values, DIGITS) + 0.0  # 0.0 in place of -0.0
    return rounded


def _triples(values: Float) -> tuple[Triple, ...]:
    return tuple((x, y, z) for x, y, z in values.tolist())
