"""The Panda's meshes of pybullet_data, simplified for the renderer.

python -m worldsim.sim.meshes.panda worldsim/render/panda.npz
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from worldsim.sim.actuators.panda import LINKS
from worldsim.sim.bullet import data_path
from worldsim.sim.mesh import Mesh
from worldsim.sim.shapes import Surface, surface_of

MOST_FACES = {"fine": 1600, "coarse": 400}
"""Faces of a link; coarse is for images of less than 128 px, where a pixel is 8 mm wide."""


def simplified(path: Path, most_faces: int) -> Surface:
    """The surface in a mesh file with at most so many faces. Needs fast-simplification."""
    import trimesh

    mesh: Any = trimesh.load(path, force="mesh", process=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    if len(mesh.faces) > most_faces:
        mesh = mesh.simplify_quadric_decimation(face_count=most_faces)
    vertices = [(x, y, z) for x, y, z in np.asarray(mesh.vertices).tolist()]
    faces = [(a, b, c) for a, b, c in np.asarray(mesh.faces).tolist()]
    return surface_of(Mesh(tuple(vertices), tuple(faces), (), (1.0, 1.0, 1.0)))


def write(out: Path) -> None:
    """Write all links' surfaces to an .npz file."""
    arrays: dict[str, Any] = {}
    for asset in sorted({link.asset for link in LINKS}):
        for detail, most_faces in MOST_FACES.items():
            vertices, normals, faces = simplified(data_path() / asset, most_faces)
            arrays[f"{asset}:{detail}:vertices"] = vertices.astype(np.float32)
            arrays[f"{asset}:{detail}:normals"] = normals.astype(np.float32)
            arrays[f"{asset}:{detail}:faces"] = faces.astype(np.uint16)
            print(asset, detail, len(vertices), len(faces))
    np.savez_compressed(out, allow_pickle=False, **arrays)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
