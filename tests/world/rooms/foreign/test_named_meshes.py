"""Which meshes of ``named_meshes`` stand in rooms: possible sizes, and none in rooms of two splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from concord3d.data.formats.mesh_files import read_mesh
from concord3d.world.rooms.foreign import foreign_meshes, suppliers
from concord3d.world.rooms.foreign.meshes import mesh_model
from concord3d.world.rooms.foreign.named_meshes import MESHES, supplier
from concord3d.world.rooms.furniture import WorldFurniture
from concord3d.world.rooms.kinds import KINDS


def meshes(split: str) -> list[str]:
    return [mesh for by_split in MESHES.values() for mesh in by_split[split]]


def test_no_mesh_stands_in_rooms_of_two_splits() -> None:
    train, val = meshes("train"), meshes("val")
    assert not set(train) & set(val)
    assert len(train) == len(set(train)) > len(val) == len(set(val)) > 30


@pytest.mark.parametrize("kind", list(MESHES))
def test_every_kind_has_meshes_of_possible_height_for_both_splits(kind: str) -> None:
    assert set(MESHES[kind]) == {"train", "val"} and kind in KINDS
    for heights in MESHES[kind].values():
        assert heights and all(0 < height <= KINDS[kind].largest[2] for height in heights.values())


def test_they_are_found_by_the_name_of_their_data_set() -> None:
    assert suppliers() == ("world", "named_meshes")
    assert foreign_meshes("named_meshes").MESHES is MESHES


def shape_of(path: Path) -> np.ndarray:
    """Return the sorted distances of a mesh's corners from its middle, the largest 1; copies of a shape share them."""
    mesh = read_mesh(path)
    corners = np.unique(mesh.vertices.round(4), axis=0)
    radius = np.sort(np.linalg.norm(corners - (corners.min(axis=0) + corners.max(axis=0)) / 2, axis=1))
    return radius / radius[-1]


def test_meshes_of_both_splits_are_there_and_differ_in_shape(mirror: Path) -> None:
    folder = mirror / "named_meshes" / "glb"
    train, val = ({mesh: shape_of(folder / f"{mesh}.glb") for mesh in meshes(split)} for split in ("train", "val"))
    for name, own in val.items():
        copies = [
            other for other, radii in train.items() if len(radii) == len(own) and np.allclose(radii, own, atol=1e-3)
        ]
        assert not copies, (name, copies)


@pytest.mark.parametrize("split", ["train", "val"])
def test_every_mesh_becomes_furniture(mirror: Path, split: str) -> None:
    coloured = 0
    for kind, by_split in MESHES.items():
        for mesh, height in by_split[split].items():
            model = mesh_model(mirror / "named_meshes" / "glb" / f"{mesh}.glb", kind, height, 250)
            assert (model.size <= np.array(KINDS[kind].largest) + 1e-6).all(), mesh
            assert model.size[2] == pytest.approx(height), mesh
            assert 250 <= len(model.vertices) < 10_000, mesh
            coloured += len(np.unique(model.colors, axis=0)) > 1
    assert coloured > 0.7 * len(meshes(split))


def test_rooms_are_furnished_from_the_folder_of_the_data_set(mirror: Path) -> None:
    others, rng = WorldFurniture(0, 3, 60), np.random.default_rng(0)
    for folder in (mirror, mirror / "named_meshes"):
        assert supplier(folder, "val", others, 60).draw("bed", rng).name in MESHES["bed"]["val"]
