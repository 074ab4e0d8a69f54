"""Scanned rooms with meshes of another data set: its files, its names, and where a recipe says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import trimesh
from tests.world.made import tree

from concord3d.errors import ConfigError, DatasetMissing
from concord3d.geometry.mesh import Mesh
from concord3d.world.build import build_dataset
from concord3d.world.datasets import find_family
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.formats.cad_annotations import cad_id
from concord3d.world.formats.glb import glb_bytes
from concord3d.world.rooms.foreign.named_meshes import MESHES
from concord3d.world.rooms.kinds import KINDS

OPTIONS = {"frames": 4, "height": 24, "width": 32, "object_vertices": 60, "furniture": "named_meshes"}
RECIPE = WorldRecipe("scannet", {"train": 4, "val": 4}, ("Dining Room", "Bedroom / Hotel"), 1, 7, OPTIONS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny copy of the data set, in which everything is a box."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "named_meshes" / "glb").mkdir(parents=True)
    for kind, by_split in MESHES.items():
        depth, width, height = KINDS[kind].largest
        box = trimesh.creation.box((width, height, depth))
        box.apply_scale(0.4)
        data = glb_bytes(Mesh(box.vertices.astype("float32"), box.faces.astype("int32")))
        for heights in by_split.values():
            for mesh in heights:
                (folder / "named_meshes" / "glb" / f"{mesh}.glb").write_bytes(data)
    return {"named_meshes": folder}


@pytest.fixture(scope="module")
def built(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("furnished")
    build_dataset(RECIPE, folder, folders=folders)
    return folder


def models(root: Path, scans: list[str]) -> set[str]:
    """Return the CAD models that are placed in some scans."""
    records = json.loads((root / "Scan2CAD" / "full_annotations.json").read_text())
    return {one["id_cad"] for record in records if record["id_scan"] in scans for one in record["aligned_models"]}


def test_models_of_scans_are_the_meshes_of_their_split(built: Path) -> None:
    root = built / "scannet"
    name = SimpleNamespace
    named = {
        split: {cad_id(name(name=mesh)) for by_split in MESHES.values() for mesh in by_split[split]}
        for split in ("train", "val")
    }
    for split, other in (("train", "val"), ("val", "train")):
        found = models(root, (root / f"scannetv2_{split}.txt").read_text().split())
        assert len(found & named[split]) > 3 and not found & named[other]
    for model in models(root, [path.name for path in (root / "scans").iterdir()]):
        assert len(list((root / "ShapeNetCore.v2").glob(f"*/{model}/models/model_normalized.obj"))) == 1


def test_what_is_foreign_is_said_beside_the_data(built: Path, tmp_path: Path) -> None:
    told = json.loads((built / "world.json").read_text())
    assert told["data_kind"] == "synthetic" and told["recipe"]["options"]["furniture"] == "named_meshes"
    assert told["foreign"]["named_meshes"]["bed"] == {split: list(heights) for split, heights in MESHES["bed"].items()}
    assert "desk" not in told["foreign"]["named_meshes"]
    own = replace(RECIPE, splits={"val": 1}, options={**OPTIONS, "furniture": "world"})
    build_dataset(own, tmp_path)
    assert "foreign" not in json.loads((tmp_path / "world.json").read_text())


def test_bytes_do_not_depend_on_the_number_of_processes(built: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    build_dataset(RECIPE, tmp_path, workers=2, folders=folders)
    assert tree(built) == tree(tmp_path)


def test_3rscan_is_furnished_alike(folders: dict[str, Path], tmp_path: Path) -> None:
    build_dataset(replace(RECIPE, dataset="scan3r", splits={"train": 2}), tmp_path, folders=folders)
    assert len(list((tmp_path / "3RScan" / "scans").iterdir())) == 2
    assert "named_meshes" in json.loads((tmp_path / "world.json").read_text())["foreign"]


def test_the_folder_of_the_other_data_set_must_be_given(tmp_path: Path, folders: dict[str, Path]) -> None:
    with pytest.raises(DatasetMissing, match="'scannet' is made of 'named_meshes'"):
        build_dataset(RECIPE, tmp_path / "out")
    with pytest.raises(DatasetMissing, match=r"missing(.|\n)*\.glb"):
        build_dataset(RECIPE, tmp_path / "out", folders={"named_meshes": tmp_path})
    assert not (tmp_path / "out" / "world.json").exists()


def test_families_share_no_folders(folders: dict[str, Path]) -> None:
    family = find_family("scannet")
    assert family.with_folders(folders).folders == folders and not family.folders


def test_unknown_furniture_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'named_mesh'; did you mean 'named_meshes'"):
        build_dataset(replace(RECIPE, options={**OPTIONS, "furniture": "named_mesh"}), tmp_path)
