"""Meshes: the library, files good and bad, and convex pieces. Their physics: test_mesh_physics."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from worldsim.errors import InputError
from worldsim.sim.mesh import Mesh
from worldsim.sim.meshes import (
    EXTRUSIONS,
    HULLS,
    PRIMITIVES,
    extrusion,
    hull,
    load_mesh,
    primitive,
)
from worldsim.sim.meshes.convex import MOST_CORNERS, MOST_PIECES
from worldsim.sim.meshes.solid import principal_axes, solid
from worldsim.sim.shapes import surface_of

LIBRARY = {
    **{f"hull {number}": hull(number) for number in range(HULLS)},
    **{name: extrusion(name) for name in EXTRUSIONS},
    **{name: primitive(name) for name in PRIMITIVES},
}
EDGES_M = (0.1, 0.06, 0.08)
BRIEF = settings(max_examples=25, deadline=None)


def surface(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def check_normal_form(mesh: Mesh) -> None:
    """Closed, outwards, about its centre of mass, along its principal axes, of length 1."""
    found = surface(mesh)
    assert found.is_volume
    assert max(mesh.extents) == pytest.approx(1.0, abs=2e-6)
    assert np.abs(found.center_mass).max() < 1e-5
    inertia = found.moment_inertia / found.volume
    assert np.abs(inertia - np.diag(mesh.inertia)).max() < 5e-6


@pytest.mark.parametrize("name", LIBRARY)
def test_the_library_holds_solids_and_their_pieces(name: str) -> None:
    mesh = LIBRARY[name]
    check_normal_form(mesh)
    pieces = [np.array(piece) for piece in mesh.pieces]
    reach = ConvexHull(np.concatenate(pieces)).volume
    assert reach == pytest.approx(ConvexHull(np.array(mesh.vertices)).volume, rel=1e-4)
    # Points of the surface lie on the pieces, not outside of them.
    points, _ = trimesh.sample.sample_surface(surface(mesh), 300, seed=0)
    planes = [ConvexHull(piece).equations for piece in pieces]
    beyond = np.min([(points @ p[:, :3].T + p[:, 3]).max(1) for p in planes], axis=0)
    assert beyond.max() < 1e-5


def test_hulls_are_chunky_and_differ() -> None:
    hulls = [hull(number) for number in range(HULLS)]
    assert len(set(hulls)) == HULLS
    for mesh in hulls:
        assert min(mesh.extents) > 0.6
        assert surface(mesh).volume > 0.33 * np.prod(mesh.extents)  # a sphere has 0.52
        assert len(mesh.pieces) == 1
        assert hull(hulls.index(mesh)) is mesh


@pytest.mark.parametrize("name", ["arch", "cross", "ell", "star", "tee", "zee"])
def test_pieces_of_an_extrusion_fill_no_notch(name: str) -> None:
    mesh = extrusion(name)
    corners = np.concatenate([np.array(piece) for piece in mesh.pieces])
    assert len(mesh.pieces) > 1
    planes = [ConvexHull(np.array(piece)).equations for piece in mesh.pieces]
    points = np.random.default_rng(0).uniform(corners.min(0), corners.max(0), (20_000, 3))
    within = np.any([(points @ p[:, :3].T + p[:, 3]).max(1) < 0.0 for p in planes], axis=0)
    box = np.prod(np.ptp(corners, axis=0))
    assert within.mean() * box == pytest.approx(surface(mesh).volume, rel=0.05)


def test_names_that_do_not_exist() -> None:
    with pytest.raises(InputError, match="did you mean star?"):
        extrusion("stra")
    with pytest.raises(InputError, match="did you mean torus?"):
        primitive("tors")
    for number in (-1, HULLS):
        with pytest.raises(InputError, match="hulls 0 to 15"):
            hull(number)


def test_the_library_is_the_same_in_another_process() -> None:
    program = (
        "import json; from dataclasses import asdict; from worldsim.sim.meshes import *;"
        "print(json.dumps([asdict(m) for m in (hull(3), extrusion('star'), primitive('torus'))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    here = [asdict(mesh) for mesh in (hull(3), extrusion("star"), primitive("torus"))]
    assert done.stdout.strip() == json.dumps(here)


def test_a_mesh_goes_through_json_without_loss() -> None:
    for mesh in LIBRARY.values():
        assert Mesh.from_dict(json.loads(json.dumps(asdict(mesh)))) == mesh


@given(
    edges=st.tuples(*[st.floats(0.2, 3.0)] * 3),
    turn=st.tuples(*[st.floats(-1.0, 1.0)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1),
    length=st.floats(1e-3, 1e6),
    at=st.tuples(*[st.floats(-10.0, 10.0)] * 3),
)
@BRIEF
def test_a_box_is_found_whatever_its_place_turn_and_size(
    edges: tuple[float, float, float],
    turn: tuple[float, float, float, float],
    length: float,
    at: tuple[float, float, float],
) -> None:
    box = trimesh.creation.box(edges)
    box.vertices = length * (box.vertices @ Rotation.from_quat(turn).as_matrix().T + np.array(at))
    mesh = solid(box)
    check_normal_form(mesh)
    apart = np.diff(np.sort(np.array(edges) / max(edges)))
    if apart.min() > 0.05:  # else two moments are equal and the axes are free
        assert np.sort(mesh.extents) == pytest.approx(np.sort(edges) / max(edges), abs=1e-4)


@given(st.integers(0, 2**32 - 1))
@BRIEF
def test_principal_axes_are_right_handed_and_nearest_to_the_given_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    moments = np.array([1.0, 1.3, 1.7])
    turn = Rotation.random(random_state=seed).as_matrix()
    axes = principal_axes(turn.T @ np.diag(rng.permutation(moments)) @ turn)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    assert np.allclose(axes @ axes.T, np.eye(3))
    assert np.trace(axes) > 0.8  # the largest angle to the nearest of 24 turns is 63 degrees
    assert np.allclose(principal_axes(np.diag([2.0, 1.0, 1.5])), np.eye(3), atol=1e-3)
    assert np.array_equal(principal_axes(np.eye(3)), np.eye(3))


@pytest.mark.parametrize("ending", ["obj", "stl", "glb", "ply", "off"])
def test_every_format_gives_the_same_mesh(ending: str, tmp_path: Path) -> None:
    box = trimesh.creation.box(EDGES_M)
    box.apply_translation((5.0, -3.0, 1.0))
    box.export(tmp_path / f"box.{ending}")
    mesh = load_mesh(tmp_path / f"box.{ending}")
    check_normal_form(mesh)
    assert mesh.extents == pytest.approx((1.0, 0.6, 0.8), abs=2e-5)
    expected = [(0.6**2 + 0.8**2) / 12, (1.0 + 0.8**2) / 12, (1.0 + 0.6**2) / 12]
    assert mesh.inertia == pytest.approx(expected, abs=1e-5)
    assert len(mesh.pieces) == 1 and len(mesh.pieces[0]) == 8


def test_the_bodies_of_a_scene_are_taken_where_it_puts_them(tmp_path: Path) -> None:
    box = trimesh.creation.box((1.0, 1.0, 1.0))
    mirrored = np.diag([-1.0, 1.0, 1.0, 1.0])
    mirrored[0, 3] = 1.0  # side by side: they touch
    scene = trimesh.Scene()
    scene.add_geometry(box)
    scene.add_geometry(box.copy(), transform=mirrored)
    scene.export(tmp_path / "two.glb")
    mesh = load_mesh(tmp_path / "two.glb")
    assert mesh.extents == pytest.approx((1.0, 0.5, 0.5))
    assert len(mesh.faces) == 24
    assert mesh.inertia == pytest.approx([0.5 / 12, 1.25 / 12, 1.25 / 12], abs=1e-5)


def test_a_body_in_several_materials_is_closed_as_a_whole(tmp_path: Path) -> None:
    box = trimesh.creation.box(EDGES_M)
    scene = trimesh.Scene()
    for faces in (np.arange(12) < 5, np.arange(12) >= 5):
        part = box.copy()
        part.update_faces(faces)
        scene.add_geometry(part)
    scene.export(tmp_path / "parts.glb")
    assert load_mesh(tmp_path / "parts.glb").extents == pytest.approx((1.0, 0.6, 0.8), abs=2e-5)


def test_what_is_inside_out_or_wound_both_ways_is_turned(tmp_path: Path) -> None:
    straight = trimesh.creation.box(EDGES_M)
    inverted = straight.copy()
    inverted.invert()
    faces = straight.faces.copy()
    faces[[3, 7]] = faces[[3, 7]][:, ::-1]
    mixed = trimesh.Trimesh(straight.vertices, faces, process=False)
    lumps = trimesh.util.concatenate([straight, inverted.apply_translation((0.3, 0.0, 0.0))])
    inertia = []
    for name, mesh in {"a": straight, "b": inverted, "c": mixed, "d": lumps}.items():
        mesh.export(tmp_path / f"{name}.off")
        inertia.append(load_mesh(tmp_path / f"{name}.off").inertia)
    assert inertia[0] == inertia[1] == inertia[2]
    assert surface(load_mesh(tmp_path / "d.off")).volume > 0.0
    assert inertia[3][0] < 0.2 * inertia[3][1]


def test_a_hollow_stays_hollow(tmp_path: Path) -> None:
    inner = trimesh.creation.box((0.8, 0.8, 0.8))
    inner.invert()
    shell = trimesh.util.concatenate([trimesh.creation.box((1.0, 1.0, 1.0)), inner])
    shell.export(tmp_path / "shell.stl")
    moment = (1.0 - 0.8**5) / (1.0 - 0.8**3) / 6.0
    assert load_mesh(tmp_path / "shell.stl").inertia == pytest.approx([moment] * 3, rel=1e-4)


def test_cracks_and_small_holes_are_mended_large_ones_are_not(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(3)
    one, many = ball.copy(), ball.copy()
    one.update_faces(np.arange(len(ball.faces)) != 100)
    many.update_faces(ball.triangles_center[:, 2] < 0.7)
    torn = trimesh.Trimesh(ball.triangles.reshape(-1, 3), process=False)
    torn.faces = np.arange(3 * len(ball.faces)).reshape(-1, 3)
    for name, mesh in {"one": one, "many": many, "torn": torn}.items():
        mesh.export(tmp_path / f"{name}.ply")
    for name in ("one", "torn"):
        assert len(load_mesh(tmp_path / f"{name}.ply").faces) == len(ball.faces)
    with pytest.raises(InputError, match="not closed: [0-9]+ edges"):
        load_mesh(tmp_path / "many.ply")


def test_a_concave_file_gives_the_same_few_pieces_every_time(tmp_path: Path) -> None:
    surface(extrusion("ell")).export(tmp_path / "ell.stl")
    mesh = load_mesh(tmp_path / "ell.stl")
    program = f"from worldsim.sim.meshes import *; print(hash(load_mesh('{tmp_path}/ell.stl')))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == hash(mesh)
    assert 2 <= len(mesh.pieces) <= MOST_PIECES
    assert max(len(piece) for piece in mesh.pieces) <= MOST_CORNERS
    assert mesh.inertia == pytest.approx(extrusion("ell").inertia, abs=1e-5)
    volumes = [ConvexHull(np.array(piece)).volume for piece in mesh.pieces]
    assert sum(volumes) == pytest.approx(surface(mesh).volume, rel=0.06)
    whole = ConvexHull(np.array(mesh.vertices)).volume
    corners = np.concatenate([np.array(piece) for piece in mesh.pieces])
    assert ConvexHull(corners).volume == pytest.approx(
        whole, rel=1e-5
    )  # reaches as far, no further
    assert whole > 1.2 * surface(mesh).volume


def corners_text(mesh: trimesh.Trimesh) -> str:
    return "".join(f"v {x} {y} {z}\n" for x, y, z in mesh.vertices)


def box_text() -> str:
    box = trimesh.creation.box((1.0, 2.0, 3.0))
    return corners_text(box) + "".join(f"f {a + 1} {b + 1} {c + 1}\n" for a, b, c in box.faces)


def exported(mesh: trimesh.Trimesh, ending: str) -> bytes:
    content = mesh.export(file_type=ending)
    return content.encode() if isinstance(content, str) else content


def flat() -> trimesh.Trimesh:
    corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.3, 0.3, 1e-9]]
    return trimesh.Trimesh(corners, [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], process=False)


def one_sided(edge: int = 8) -> trimesh.Trimesh:
    """A closed surface with no outside: a Klein bottle's grid, its corners anywhere."""

    def corner(row: int, column: int) -> int:
        turned = column if (row // edge) % 2 == 0 else -column
        return (row % edge) * edge + turned % edge

    faces = []
    for row in range(edge):
        for column in range(edge):
            a, b = corner(row, column), corner(row + 1, column)
            c, d = corner(row + 1, column + 1), corner(row, column + 1)
            faces += [[a, b, c], [a, c, d]]
    corners = np.random.default_rng(0).uniform(size=(edge * edge, 3))
    return trimesh.Trimesh(corners, faces, process=False)


def bad_files() -> dict[str, tuple[bytes, str]]:
    box = trimesh.creation.box((1.0, 2.0, 3.0))
    text = box_text()
    lid = box.copy()
    lid.update_faces(np.abs(box.face_normals[:, 2] - 1.0) > 0.1)
    corner = trimesh.util.concatenate([box, box.copy().apply_translation((1.0, 2.0, 0.0))])
    point = trimesh.Trimesh(np.ones((4, 3)), flat().faces, process=False)
    files: dict[str, tuple[bytes, str]] = {
        "notes.txt": (b"hello", "ends in .glb, .obj, .off, .ply, .stl"),
        "none": (b"hello", "ends in"),
        "corners.obj": (corners_text(box).encode(), "no faces"),
        "cloud.ply": (trimesh.PointCloud(box.vertices).export(file_type="ply"), "no faces"),
        "nan.obj": (text.replace("v -0.5", "v nan", 1).encode(), "not a finite number"),
        "inf.obj": (text.replace("v 0.5", "v inf", 1).encode(), "not a finite number"),
        "vast.obj": (
            text.replace("v 0.5", "v 1e308").replace("v -0.5", "v -1e308").encode(),
            "too far apart",
        ),
        "word.obj": (text.replace("v 0.5", "v half", 1).encode(), "cannot be read as .obj"),
        "lacking.obj": ((text + "f 1 2 99\n").encode(), "export it again"),
        "short.obj": (text[:-30].encode(), "not closed"),
        "open.stl": (exported(lid, "stl"), "not closed: 4 edges"),
        "touching.stl": (exported(corner, "stl"), "separate the bodies that touch"),
        "flat.ply": (exported(flat(), "ply"), "encloses no volume"),
        "point.stl": (exported(point, "stl"), "in one point"),
        "klein.off": (exported(one_sided(), "off"), "has no outside"),
        "fine.stl": (exported(trimesh.creation.icosphere(5), "stl"), "20480 faces, 20000 are"),
    }
    for ending in ("glb", "obj", "off", "ply", "stl"):
        whole = exported(box, ending)
        files[f"empty.{ending}"] = (b"", "")
        files[f"noise.{ending}"] = (np.random.default_rng(0).bytes(500), "")
        for share in (0.2, 0.5, 0.8):
            files[f"cut_{share}.{ending}"] = (whole[: int(share * len(whole))], "")
    return files


BAD = bad_files()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_said_to_be_one(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content, said = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        load_mesh(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: ")
    assert said in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_mesh(tmp_path / "nowhere.obj")
    (tmp_path / "folder.obj").mkdir()
    with pytest.raises(InputError, match="is not a file"):
        load_mesh(tmp_path / "folder.obj")


def test_edges_are_sharp_and_round_things_smooth() -> None:
    _, normals, faces = surface_of(solid(trimesh.creation.box(EDGES_M)))
    assert np.allclose(np.sort(np.abs(normals), axis=1), [0.0, 0.0, 1.0], atol=1e-5)
    assert len(normals) == 24 and faces.shape == (12, 3)
    points, normals, faces = surface_of(solid(trimesh.creation.icosphere(3)))
    radial = points / np.linalg.norm(points, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", radial, normals).min() > np.cos(np.radians(2.0))
    assert len(points) == 642 and len(faces) == 1280
