"""Meshes of files as they stand in rooms: upright, in metres, along the wall, in their own colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from concord3d.errors import BadMesh, DatasetMissing, UnreadableFile
from concord3d.geometry.mesh import Mesh
from concord3d.world.formats.glb import glb_bytes
from concord3d.world.rooms.foreign.meshes import MAX_FACES, ForeignFurniture, mesh_model
from concord3d.world.rooms.furniture import WorldFurniture
from concord3d.world.rooms.kinds import KINDS

RED, BLUE = (200, 10, 10), (10, 10, 200)
OTHERS = WorldFurniture(0, 3, 60)


def written(folder: Path, name: str, size: tuple[float, float, float], shift: float = 5.0) -> Path:
    """Write a box that hangs somewhere, y up: its upper half red, the lower half blue."""
    box = trimesh.creation.box(size).subdivide()
    faces = np.asarray(box.faces, np.int32)
    upper = np.asarray(box.vertices)[faces].mean(axis=1)[:, 1] > 0
    colors = np.where(upper[:, None], RED, BLUE).astype(np.uint8)
    mesh = Mesh((np.asarray(box.vertices) + shift).astype(np.float32), faces, colors)
    path = folder / f"{name}.glb"
    path.write_bytes(glb_bytes(mesh))
    return path


def test_a_model_is_upright_on_the_floor_and_as_high_as_asked(tmp_path: Path) -> None:
    model = mesh_model(written(tmp_path, "pack__Chair", (4, 9, 5)), "chair", 0.9, 60)
    assert model.name == "pack__Chair" and model.kind == "chair" and len(model.vertices) >= 60
    # Depth was z, width was x, height was y.
    np.testing.assert_allclose(model.size, [0.5, 0.4, 0.9], atol=1e-6)
    np.testing.assert_allclose(model.vertices.min(axis=0), [-0.25, -0.2, 0], atol=1e-6)


def test_colours_stay_where_they_were(tmp_path: Path) -> None:
    model = mesh_model(written(tmp_path, "a", (4, 9, 5)), "chair", 0.9, 60)
    heights = model.vertices[model.faces].mean(axis=1)[:, 2]
    assert len(model.colors) == len(model.faces)
    red = model.colors[:, 0] > model.colors[:, 2]
    assert (red == (heights > 0.45)).all() and 0.3 < red.mean() < 0.7
    # A file's factors are linear in light or plain: what is read is what was written.
    assert np.abs(model.colors[red].astype(int) - RED).max() <= 1


@pytest.mark.parametrize(("kind", "wider"), [("table", True), ("bench", True), ("bed", False), ("toilet", False)])
def test_the_longer_side_lies_along_the_wall_unless_the_kind_is_deep(tmp_path: Path, kind: str, wider: bool) -> None:
    for name, size in (("x", (3.0, 1.0, 1.0)), ("z", (1.0, 1.0, 3.0))):
        depth, width, _ = mesh_model(written(tmp_path, f"{kind}_{name}", size), kind, 0.3, 10).size
        assert (width > depth) == wider


def test_a_front_stays_in_front_where_sides_are_alike(tmp_path: Path) -> None:
    box = trimesh.creation.box((1.0, 1.0, 1.05)).subdivide()
    front = np.asarray(box.vertices)[box.faces].mean(axis=1)[:, 2] > 0.5
    colors = np.where(front[:, None], RED, BLUE).astype(np.uint8)
    path = tmp_path / "front.glb"
    path.write_bytes(glb_bytes(Mesh(np.asarray(box.vertices, np.float32), np.asarray(box.faces, np.int32), colors)))
    model = mesh_model(path, "night_stand", 0.5, 10)
    red = model.colors[:, 0] > model.colors[:, 2]
    assert red.any() and (model.vertices[model.faces[red]].mean(axis=1)[:, 0] > 0.2).all()


def test_a_footprint_is_no_larger_than_its_kind_allows_while_the_height_stays(tmp_path: Path) -> None:
    depth, width, height = mesh_model(written(tmp_path, "wide", (8, 1, 3)), "table", 0.75, 10).size
    assert height == pytest.approx(0.75) and width == pytest.approx(KINDS["table"].largest[1])
    assert width / depth == pytest.approx(8 / 3)


def test_too_many_faces_become_fewer_and_long_edges_short(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=5)
    path = tmp_path / "ball.glb"
    path.write_bytes(glb_bytes(Mesh(np.asarray(ball.vertices, np.float32), np.asarray(ball.faces, np.int32))))
    assert len(ball.faces) > 10 * MAX_FACES
    model = mesh_model(path, "box", 0.4, 10)
    assert MAX_FACES / 3 < len(model.faces) <= MAX_FACES
    # Not coloured: grey all over.
    assert (model.colors == model.colors[0, 0]).all()
    flat = mesh_model(written(tmp_path, "flat", (2, 0.02, 2)), "rug", 0.02, 10)
    corners = flat.vertices[flat.faces]
    assert np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max() <= 0.15 + 1e-9


def test_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing, match=r"absent\.glb"):
        mesh_model(tmp_path / "absent.glb", "chair", 0.9, 10)
    (tmp_path / "broken.glb").write_bytes(b"glTF")
    with pytest.raises(UnreadableFile, match=r"broken\.glb"):
        mesh_model(tmp_path / "broken.glb", "chair", 0.9, 10)
    point = Mesh(np.zeros((3, 3), np.float32), np.array([[0, 1, 2]], np.int32))
    (tmp_path / "point.glb").write_bytes(glb_bytes(point))
    with pytest.raises(BadMesh, match="no surface"):
        mesh_model(tmp_path / "point.glb", "chair", 0.9, 10)


def test_what_stands_on_something_is_low_and_what_is_not_shown_is_the_worlds(tmp_path: Path) -> None:
    for name in ("low", "tall", "chair"):
        written(tmp_path, name, (1, 2, 1))
    heights = {"lamp": {"low": 0.5, "tall": 1.5}, "chair": {"chair": 0.95}}
    supplier = ForeignFurniture(tmp_path, heights, OTHERS, 10)
    rng = np.random.default_rng(0)
    assert {supplier.draw("lamp", rng, raised=True).name for _ in range(9)} == {"low"}
    assert {supplier.draw("lamp", rng).name for _ in range(9)} == {"tall"}
    # There is no choice.
    assert supplier.draw("chair", rng, raised=True).name == "chair"
    own, theirs = (one.draw("desk", np.random.default_rng(7)) for one in (supplier, OTHERS))
    assert own is theirs
