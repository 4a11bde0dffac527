"""PyBullet shapes of a body.

PyBullet draws its own spheres and cylinders with few faces and shades them wrongly, so they are
drawn as meshes; the physics keeps the exact shapes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Body

Float = NDArray[np.float64]
Mesh = tuple[Float, Float, NDArray[np.int64]]  # vertices (V, 3), normals (V, 3), faces (F, 3)


def create_shapes(bullet: Any, client: int, body: Body) -> tuple[int, int]:
    """The body's collision shape (-1 for a marker: it touches nothing) and visual shape."""
    size_m = body.size_m
    solid: dict[str, Any]
    visible: dict[str, Any]
    if body.shape == "box":
        solid = visible = {
            "shapeType": bullet.GEOM_BOX,
            "halfExtents": [0.5 * edge_m for edge_m in size_m],
        }
    elif body.shape == "sphere":
        solid = {"shapeType": bullet.GEOM_SPHERE, "radius": size_m[0]}
        visible = {"shapeType": bullet.GEOM_MESH, "meshScale": [size_m[0]] * 3, **_lists("sphere")}
    else:
        solid = {"shapeType": bullet.GEOM_CYLINDER, "radius": size_m[0], "height": size_m[1]}
        mesh = _lists("disc" if body.role == "marker" else "cylinder")
        scale_m = [size_m[0], size_m[0], size_m[1]]
        visible = {"shapeType": bullet.GEOM_MESH, "meshScale": scale_m, **mesh}
    collision = -1
    if body.role != "marker":
        collision = bullet.createCollisionShape(**solid, physicsClientId=client)
    visual = bullet.createVisualShape(
        **visible,
        rgbaColor=(*body.color_rgb, 1.0),
        specularColor=(0.0, 0.0, 0.0),
        physicsClientId=client,
    )
    return collision, visual


@cache
def _lists(shape: str) -> dict[str, list[Any]]:
    """A unit mesh as arguments of createVisualShape, which keeps every list it is ever given."""
    meshes = {"sphere": unit_sphere, "disc": unit_disc, "cylinder": unit_cylinder}
    vertices, normals, faces = meshes[shape]()
    return {
        "vertices": vertices.tolist(),
        "normals": normals.tolist(),
        "indices": faces.ravel().tolist(),
    }


@cache
def unit_sphere(columns: int = 24, rows: int = 12) -> Mesh:
    """A sphere of radius 1 whose shading does not show its faces."""
    polar, azimuth = np.meshgrid(
        np.linspace(0.0, np.pi, rows + 1), np.linspace(0.0, 2.0 * np.pi, columns + 1), indexing="ij"
    )
    vertices = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], -1
    ).reshape(-1, 3)
    return vertices, vertices, _grid_faces(rows, columns)


@cache
def unit_disc(columns: int = 32) -> Mesh:
    """The top of `unit_cylinder` alone: a flat mark has no rim to show in single pixels."""
    vertices, normals, faces = unit_cylinder(columns)
    first = 2 * (columns + 1)
    return vertices[first:], normals[first:], faces[-columns:] - first


@cache
def unit_cylinder(columns: int = 32) -> Mesh:
    """A cylinder of radius 1 and height 1 along z, with sharp rims. Its underside is open."""
    azimuth = np.linspace(0.0, 2.0 * np.pi, columns + 1)
    rim = np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros_like(azimuth)], -1)
    up = np.array([0.0, 0.0, 1.0])
    vertices = np.concatenate([rim + 0.5 * up, rim - 0.5 * up, rim + 0.5 * up, 0.5 * up[None]])
    normals = np.concatenate([rim, rim, np.tile(up, (columns + 2, 1))])
    first = 2 * (columns + 1)
    column = np.arange(columns)
    cap = np.stack([np.full(columns, len(vertices) - 1), first + column, first + column + 1], -1)
    return vertices, normals, np.concatenate([_grid_faces(1, columns), cap])


def _grid_faces(rows: int, columns: int) -> NDArray[np.int64]:
    """Two triangles a cell of a (rows + 1, columns + 1) grid of vertices, facing outwards."""
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    corner = (row * (columns + 1) + column).ravel()
    below = corner + columns + 1
    faces = np.stack([corner, below, below + 1, corner, below + 1, corner + 1], -1)
    return faces.reshape(-1, 3)
