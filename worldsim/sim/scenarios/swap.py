"""with_mesh: a scene in which one body has the form of a mesh."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

from worldsim.errors import InputError, unknown
from worldsim.sim.mesh import Mesh
from worldsim.sim.relations import surface_points
from worldsim.sim.scenarios import find_scenario
from worldsim.sim.scene import Scene


def with_mesh(scene: Scene, mesh: Mesh, scale: float = 1.0, name: str | None = None) -> Scene:
    """The scene with the body `name`, or else the subject of its scenario, in the form of a mesh.

    The longest edge of the mesh's box is `scale` times the old body's width. Its axes are those of
    the world, its centre is above or below the old body's, and its lowest point as high as the old
    body's; all else stays as it was. Raises InputError where there is no such body, or the scale
    is no positive number.
    """
    if not (isfinite(scale) and scale > 0.0):
        raise InputError(f"the scale of a mesh must be a positive number, got {scale}")
    subject = find_scenario(scene.scenario).subject if name is None else name
    names = [body.name for body in scene.bodies if body.role != "camera"]
    if subject not in names:
        raise unknown("body", subject, names)
    old = scene.body(subject)
    length_m = scale * old.diameter_m
    x_m, y_m, _ = old.position_m
    new = replace(
        old,
        shape="mesh",
        mesh=mesh,
        asset="",
        size_m=tuple(length_m * edge for edge in mesh.extents),
        position_m=(x_m, y_m, 0.0),
        orientation_xyzw=(0.0, 0.0, 0.0, 1.0),
    )
    z_m = float(surface_points(old)[:, 2].min() - surface_points(new)[:, 2].min())
    bodies = list(scene.bodies)
    bodies[scene.index(subject)] = replace(new, position_m=(x_m, y_m, z_m))
    return replace(scene, bodies=tuple(bodies))
