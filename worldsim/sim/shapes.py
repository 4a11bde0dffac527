"""PyBullet shapes of a body.

PyBullet draws its own spheres and cylinders with few faces and shades them wrongly, so they are
drawn as meshes; the physics keeps the exact shapes. A mesh collides as its convex pieces.
"""

from __future__ import annotations

from functools import cache
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.mesh import Mesh
from worldsim.sim.scene import Body

Float = NDArray[np.float64]
Surface = tuple[Float, Float, NDArray[np.int64]]  # vertices (V, 3), normals (V, 3), faces (F, 3)

MOST_FACETED = 32
"""Corners of a convex piece up to which it meets others face to face: the time grows as n^3."""

_SMOOTH = float(np.cos(np.radians(30.0)))


def create_shapes(bullet: Any, client: int, body: Body) -> tuple[int, int]:
    """The body's collision shape (-1 for a marker: it touches nothing) and visual shape.

    Raises InputError on an asset: only its actuator can build it.
    """
    if body.asset:
        raise InputError(f"body {body.name!r} is an asset that the scene's actuator does not build")
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
    elif body.mesh is not None:
        scale_m = [max(size_m)] * 3
        visible = {"shapeType": bullet.GEOM_MESH, "meshScale": scale_m, **_lists(body.mesh)}
        solid = {"shapeType": bullet.GEOM_MESH, "meshScale": scale_m}
        # Without these features flat faces meet in one point, and a flat fall ends in a spin.
        if max(len(piece) for piece in body.mesh.pieces) <= MOST_FACETED:
            solid["flags"] = bullet.URDF_INITIALIZE_SAT_FEATURES
    else:
        solid = {"shapeType": bullet.GEOM_CYLINDER, "radius": size_m[0], "height": size_m[1]}
        mesh = _lists("disc" if body.role == "marker" else "cylinder")
        scale_m = [size_m[0], size_m[0], size_m[1]]
        visible = {"shapeType": bullet.GEOM_MESH, "meshScale": scale_m, **mesh}
    collision = -1
    if body.role != "marker" and body.mesh is not None:
        with NamedTemporaryFile("w", suffix=".obj") as file:
            file.write(_pieces(body.mesh))
            file.flush()
            collision = bullet.createCollisionShape(
                **solid, fileName=file.name, physicsClientId=client
            )
    elif body.role != "marker":
        collision = bullet.createCollisionShape(**solid, physicsClientId=client)
    visual = bullet.createVisualShape(
        **visible,
        rgbaColor=(*body.color_rgb, 1.0),
        specularColor=(0.0, 0.0, 0.0),
        physicsClientId=client,
    )
    return collision, visual


@cache
def _lists(shape: str | Mesh) -> dict[str, list[Any]]:
    """A unit mesh as arguments of createVisualShape, which keeps every list it is ever given."""
    surfaces = {"sphere": unit_sphere, "disc": unit_disc, "cylinder": unit_cylinder}
    vertices, normals, faces = surfaces[shape]() if isinstance(shape, str) else surface_of(shape)
    return {
        "vertices": vertices.tolist(),
        "normals": normals.tolist(),
        "indices": faces.ravel().tolist(),
    }


@cache
def _pieces(mesh: Mesh) -> str:
    """A mesh's convex pieces as an .obj: PyBullet makes a compound of hulls from files only."""
    lines, first = [], 1
    for number, piece in enumerate(mesh.pieces):
        lines.append(f"o piece_{number}")
        lines += [f"v {x!r} {y!r} {z!r}" for x, y, z in piece]
        # The hull is taken of the vertices; the faces only say that they belong to the piece.
        lines += [f"f {first + i} {first + i + 1} {first + i + 2}" for i in range(len(piece) - 2)]
        first += len(piece)
    return "\n".join(lines) + "\n"


def load_box(bullet: Any, client: int, body: Body, mass_kg: float) -> int:
    """Add a box that meets meshes face to face; PyBullet's identifier of it.

    Boxes get the features that this needs from a URDF file only. Its contacts with what is no mesh
    are those of any other box.
    """
    size, color = (" ".join(map(repr, values)) for values in (body.size_m, body.color_rgb))
    geometry = f'<geometry><box size="{size}"/></geometry>'
    urdf = (
        f'<robot name="box"><material name="paint"><color rgba="{color} 1"/></material>'
        f'<link name="box"><inertial><mass value="{mass_kg!r}"/>'
        '<inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/></inertial>'
        f'<visual>{geometry}<material name="paint"/></visual>'
        f"<collision>{geometry}</collision></link></robot>"
    )
    with NamedTemporaryFile("w", suffix=".urdf") as file:
        file.write(urdf)
        file.flush()
        identifier: int = bullet.loadURDF(
            file.name,
            body.position_m,
            body.orientation_xyzw,
            useFixedBase=not mass_kg,
            flags=bullet.URDF_INITIALIZE_SAT_FEATURES,
            physicsClientId=client,
        )
    bullet.changeVisualShape(identifier, -1, specularColor=(0.0, 0.0, 0.0), physicsClientId=client)
    return identifier


def surface_of(mesh: Mesh) -> Surface:
    """A mesh with sharp edges: faces that meet at more than 30 degrees do not share a normal."""
    vertices, faces = np.array(mesh.vertices), np.array(mesh.faces)
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    units = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    # Every face of a vertex gets the mean of those it continues smoothly, large faces the more.
    order = np.argsort(faces.ravel(), kind="stable")
    bounds = np.searchsorted(faces.ravel()[order], np.arange(len(vertices) + 1))
    shaded = np.empty((3 * len(faces), 3))
    for first, last in zip(bounds, bounds[1:], strict=False):
        here = order[first:last]
        around = here // 3
        smooth = units[around] @ units[around].T > _SMOOTH
        shaded[here] = smooth @ normals[around]
    shaded /= np.maximum(np.linalg.norm(shaded, axis=-1, keepdims=True), 1e-12)
    points, indices = np.unique(
        np.hstack([corners.reshape(-1, 3), shaded.round(6)]), axis=0, return_inverse=True
    )
    return points[:, :3], points[:, 3:], indices.reshape(-1, 3)


@cache
def unit_sphere(columns: int = 24, rows: int = 12) -> Surface:
    """A sphere of radius 1 whose shading does not show its faces."""
    polar, azimuth = np.meshgrid(
        np.linspace(0.0, np.pi, rows + 1), np.linspace(0.0, 2.0 * np.pi, columns + 1), indexing="ij"
    )
    vertices = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], -1
    ).reshape(-1, 3)
    return vertices, vertices, _grid_faces(rows, columns)


@cache
def unit_disc(columns: int = 32) -> Surface:
    """The top of `unit_cylinder` alone: a flat mark has no rim to show in single pixels."""
    vertices, normals, faces = unit_cylinder(columns)
    first, end = 2 * (columns + 1), 3 * (columns + 1) + 1
    return vertices[first:end], normals[first:end], faces[-columns:] - first


@cache
def unit_cylinder(columns: int = 32) -> Surface:
    """A cylinder of radius 1 and height 1 along z, with sharp rims. The top's faces come last."""
    azimuth = np.linspace(0.0, 2.0 * np.pi, columns + 1)
    rim = np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros_like(azimuth)], -1)
    up = np.array([0.0, 0.0, 1.0])
    top, base = rim + 0.5 * up, rim - 0.5 * up
    vertices = np.concatenate([top, base, top, 0.5 * up[None], base, -0.5 * up[None]])
    flat = np.tile(up, (columns + 2, 1))
    normals = np.concatenate([rim, rim, flat, -flat])
    column = np.arange(columns)
    first = 2 * (columns + 1)
    centre = first + columns + 1
    cap = np.stack([np.full(columns, centre), first + column, first + column + 1], -1)
    underside = columns + 2 + cap[:, [0, 2, 1]]
    return vertices, normals, np.concatenate([_grid_faces(1, columns), underside, cap])


def _grid_faces(rows: int, columns: int) -> NDArray[np.int64]:
    """Two triangles a cell of a (rows + 1, columns + 1) grid of vertices, facing outwards."""
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    corner = (row * (columns + 1) + column).ravel()
    below = corner + columns + 1
    faces = np.stack([corner, below, below + 1, corner, below + 1, corner + 1], -1)
    return faces.reshape(-1, 3)
