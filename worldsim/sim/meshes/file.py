"""load_mesh: a user's file becomes a Mesh, or an error that says what to do about it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from worldsim.errors import InputError
from worldsim.sim.mesh import Mesh
from worldsim.sim.meshes.solid import DIGITS, solid

FORMATS = ("glb", "obj", "off", "ply", "stl")
MOST_FACES = 20_000
MOST_BYTES = 64 * 2**20
MOST_FILLED = 0.02  # of the area, by mending holes
LEAST_VOLUME = 1e-6  # of a mesh whose box has a longest edge of 1


def load_mesh(path: Path | str) -> Mesh:
    """The Mesh of an .obj, .stl, .glb, .ply or .off file: one solid body of even density.

    Units, place and size do not matter. The bodies of a .glb scene are taken together, where it
    puts them. Cracks, small holes and faces that look inwards are mended. Raises InputError naming
    the file where it cannot be read, is not closed, encloses no volume, holds a NaN or an infinite
    number, or has more than 20,000 faces.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return solid(_closed(_scaled(_read(path))))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read(path: Path) -> list[Any]:
    """The trimesh surfaces in a file, where its scene puts them, without colours."""
    import trimesh

    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise InputError(f"a mesh is a file that ends in .{', .'.join(FORMATS)}; export it as one")
    if not path.is_file():
        raise InputError("no such file" if not path.exists() else "is not a file")
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path.stat().st_size >> 20} MiB, 64 are the most; simplify the mesh")
    options: dict[str, Any] = {"skip_materials": True} if ending == "obj" else {}
    try:
        scene = trimesh.load_scene(path, process=False, **options)
        found = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh)]
        parts = [trimesh.Trimesh(part.vertices, part.faces, process=False) for part in found]
    except Exception as error:  # every reader of every format has its own
        raise InputError(
            f"cannot be read as .{ending}: it is truncated, damaged or of another format "
            f"({type(error).__name__}: {error}); export it again"
        ) from error
    parts = [part for part in parts if len(part.faces)]
    if not parts:
        raise InputError("it has no faces: empty, truncated or no surface; export it as triangles")
    faces = sum(len(part.faces) for part in parts)
    if faces > MOST_FACES:
        raise InputError(f"{faces} faces, {MOST_FACES} are the most; simplify the mesh")
    if any(part.faces.max() >= len(part.vertices) or part.faces.min() < 0 for part in parts):
        raise InputError("its faces name vertices that it lacks; export it again")
    return parts


def _scaled(parts: list[Any]) -> list[Any]:
    """The surfaces about the middle of their box, its longest edge 1."""
    used = np.concatenate([part.vertices[np.unique(part.faces)] for part in parts])
    if not np.isfinite(used).all():
        raise InputError("a vertex is not a finite number (NaN or infinite); export it again")
    low, high = used.min(0), used.max(0)
    length = float((high - low).max())
    if not np.isfinite(length):
        raise InputError("its vertices are too far apart for numbers; scale it down")
    if length == 0.0:
        raise InputError("all its vertices lie in one point; there is no body")
    for part in parts:
        part.vertices = (part.vertices - 0.5 * (low + high)) / length
    return parts


def _closed(parts: list[Any]) -> Any:
    """One closed surface whose normals face outwards."""
    import trimesh

    fix_winding: Any = trimesh.repair.fix_winding
    for part in parts:
        _merge(part)
    parts = [part for part in parts if len(part.faces)]
    if not parts:
        raise InputError("its faces have no area; export it again")
    # Bodies may touch; where materials split one body, its parts are closed only together.
    whole = [part for part in parts if part.is_watertight]
    broken = [part for part in parts if not part.is_watertight]
    if broken:
        rest: Any = trimesh.util.concatenate(broken)
        _merge(rest)
        whole.append(_filled(rest))
    for part in whole:
        fix_winding(part)
        if not part.is_winding_consistent:
            raise InputError("its surface has no outside (a Moebius strip?); mend it")
        _face_outwards(part)
    surface: Any = trimesh.util.concatenate(whole)
    if surface.volume < LEAST_VOLUME:
        raise InputError("it encloses no volume; give the surface a thickness")
    return surface


def _merge(part: Any) -> None:
    """Make one vertex of all that lie in one place, and drop faces that vanish or come twice."""
    part.merge_vertices(merge_tex=True, merge_norm=True, digits_vertex=DIGITS)
    first, second, third = part.faces.T
    part.update_faces((first != second) & (second != third) & (third != first))
    part.update_faces(part.unique_faces())
    part.remove_unreferenced_vertices()


def _filled(part: Any) -> Any:
    """The surface without its small holes."""
    import trimesh

    filled = part.copy()
    trimesh.repair.fill_holes(filled, use_fan=True)
    if filled.area > (1.0 + MOST_FILLED) * part.area:
        filled = part
    _check_edges(filled)
    return filled


def _check_edges(part: Any) -> None:
    counts = np.unique(part.edges_sorted, axis=0, return_counts=True)[1]
    single, many = int((counts == 1).sum()), int((counts > 2).sum())
    if single:
        raise InputError(
            f"it is not closed: {single} edges have a face on one side only; fill its holes"
        )
    if many:
        raise InputError(f"{many} edges have more than two faces; separate the bodies that touch")


def _face_outwards(part: Any) -> None:
    """Turn what is inside out: a closed piece of negative volume that is no hole in another."""
    import trimesh

    groups = trimesh.graph.connected_components(
        part.face_adjacency, nodes=np.arange(len(part.faces))
    )
    pieces = [part.submesh([group], append=True, repair=False) for group in groups]
    faces = part.faces.copy()
    for group, piece in zip(groups, pieces, strict=True):
        inside = any(
            np.all(other.bounds[0] < piece.bounds[0]) and np.all(piece.bounds[1] < other.bounds[1])
            for other in pieces
        )
        if piece.volume < 0.0 and not inside:
            faces[group] = faces[group][:, ::-1]
    part.faces = faces
