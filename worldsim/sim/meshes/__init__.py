"""Meshes that scenes hold: a library of forms, and the user's own files."""

from worldsim.sim.meshes.file import load_mesh
from worldsim.sim.meshes.library import EXTRUSIONS, HULLS, PRIMITIVES, extrusion, hull, primitive

__all__ = [
    "EXTRUSIONS",
    "HULLS",
    "PRIMITIVES",
    "extrusion",
    "hull",
    "load_mesh",
    "primitive",
]
