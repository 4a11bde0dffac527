"""A mesh as a scene holds it: closed, about its centre of mass, along its principal axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Mesh:
    """The shape of a body of any form; `worldsim.sim.meshes` makes them.

    `vertices` are scaled so that the longest edge of their box is 1; a body's `size_m` scales
    them. The origin is the centre of mass of a solid of even density, the axes are its principal
    axes, and `inertia` is its principal moments for 1 kg at scale 1. `pieces` are convex parts for
    collisions, each the vertices of its hull.
    """

    vertices: tuple[Triple, ...]
    faces: tuple[tuple[int, int, int], ...]
    pieces: tuple[tuple[Triple, ...], ...]
    inertia: Triple

    @property
    def extents(self) -> Triple:
        """Edges of the box round the mesh, the longest being 1."""
        x, y, z = (max(axis) - min(axis) for axis in zip(*self.vertices, strict=True))
        return x, y, z

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Mesh:
        return cls(
            tuple(tuple(vertex) for vertex in values["vertices"]),
            tuple(tuple(face) for face in values["faces"]),
            tuple(tuple(tuple(vertex) for vertex in piece) for piece in values["pieces"]),
            tuple(values["inertia"]),
        )
