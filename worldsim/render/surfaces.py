"""The triangles of bodies that are meshes: those that scenes hold, and the Panda's.

The Panda's links lie here, in panda.npz, simplified from the meshes of pybullet_data (Franka Emika,
Apache License 2.0); `python -m worldsim.sim.meshes.panda` makes the file again.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import unknown
from worldsim.sim.mesh import Mesh
from worldsim.sim.scene import Body
from worldsim.sim.shapes import surface_of

Float = NDArray[np.float64]
Surface = tuple[Float, Float, NDArray[np.int64]]  # vertices (V, 3), normals (V, 3), faces (F, 3)

PANDA = Path(__file__).with_name("panda.npz")


def surface(body: Body, fine: bool = True) -> Surface:
    """A mesh body's surface in metres, in its frame; an asset may have fewer faces, not `fine`.

    Raises InputError on an unknown asset.
    """
    if body.mesh is not None:
        return _scaled(body.mesh, max(body.size_m))
    return _turned(body.asset, "fine" if fine else "coarse", body.asset_yaw_rad)


@cache
def _scaled(mesh: Mesh, scale_m: float) -> Surface:
    vertices, normals, faces = surface_of(mesh)
    return vertices * scale_m, normals, faces


@cache
def _turned(asset: str, detail: str, yaw_rad: float) -> Surface:
    links = _panda()
    if f"{asset}:{detail}" not in links:
        raise unknown("asset", asset, {name.rpartition(":")[0] for name in links})
    vertices, normals, faces = links[f"{asset}:{detail}"]
    if yaw_rad:
        cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
        turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        vertices, normals = vertices @ turn.T, normals @ turn.T
    return vertices, normals, faces


@cache
def _panda() -> dict[str, Surface]:
    """By asset and detail."""
    with np.load(PANDA, allow_pickle=False) as file:
        names = [name.removesuffix(":faces") for name in file.files if name.endswith(":faces")]
        return {
            name: (
                file[f"{name}:vertices"].astype(np.float64),
                file[f"{name}:normals"].astype(np.float64),
                file[f"{name}:faces"].astype(np.int64),
            )
            for name in names
        }
