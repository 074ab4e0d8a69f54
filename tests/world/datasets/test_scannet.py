"""ScanNet as a data set: bytes of the recipe alone, files that fit together, and options that are checked."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image
from tests.world.made import tree

from concord3d.data.scans.nyu40 import NAMES
from concord3d.errors import ConfigError
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.rooms.scene_types import SCENE_TYPES

OPTIONS = {"frames": 4, "height": 24, "width": 32, "object_vertices": 60}
RECIPE = WorldRecipe("scannet", {"train": 4, "val": 3}, None, 1, 7, OPTIONS)
SCANS = ["scene0000_00", "scene0000_01", "scene0001_00", "scene0001_01", "scene5000_00", "scene5000_01", "scene5001_00"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rooms")
    build_dataset(RECIPE, folder)
    return folder / "scannet"


def facts(root: Path, scan: str) -> dict[str, str]:
    lines = (root / "scans" / scan / f"{scan}.txt").read_text().splitlines()
    return dict(line.split(" = ", 1) for line in lines)


def mesh(root: Path, scan: str, suffix: str = "") -> Any:
    return trimesh.load(root / "scans" / scan / f"{scan}_vh_clean_2{suffix}.ply", process=False)


def instances(root: Path, scan: str) -> tuple[np.ndarray, dict[int, str]]:
    """Return the object of every vertex, -1 where there is none, and the labels of the objects."""
    folder = root / "scans" / scan
    segments = np.array(json.loads((folder / f"{scan}_vh_clean_2.0.010000.segs.json").read_text())["segIndices"])
    owner = np.full(segments.max() + 1, -1)
    labels = {}
    for group in json.loads((folder / f"{scan}.aggregation.json").read_text())["segGroups"]:
        assert (owner[group["segments"]] == -1).all()
        owner[group["segments"]] = group["objectId"]
        labels[group["objectId"]] = group["label"]
    return owner[segments], labels


def test_bytes_depend_on_the_recipe_alone(built: Path, tmp_path: Path) -> None:
    build_dataset(RECIPE, tmp_path / "two workers", workers=2)
    own = tree(built.parent)
    assert own == tree(tmp_path / "two workers")
    build_dataset(replace(RECIPE, seed=8), tmp_path / "other")
    other = tree(tmp_path / "other")
    drawn = [name for name in own if "/scans/" in name]
    assert len(drawn) == 7 * 9 and all(own[name] != other.get(name) for name in drawn)


def test_a_space_does_not_depend_on_the_others(built: Path, tmp_path: Path) -> None:
    build_dataset(replace(RECIPE, splits={"val": 2}), tmp_path)
    alone, among = tree(tmp_path), tree(built.parent)
    own = [name for name in alone if "/scans/" in name or "/scannet_planes/" in name or "/ShapeNetCore" in name]
    assert len(own) > 18 and all(alone[name] == among[name] for name in own)


def test_scans_and_lists(built: Path) -> None:
    assert sorted(path.name for path in (built / "scans").iterdir()) == SCANS
    assert (built / "scannetv2_train.txt").read_text().split() == SCANS[:4]
    assert (built / "scannetv2_val.txt").read_text().split() == SCANS[4:]
    types = [facts(built, scan)["sceneType"] for scan in SCANS]
    assert types[0] == types[1] != types[2] and set(types) <= set(SCENE_TYPES)


def test_vertices_labels_and_numbers_fit_together(built: Path) -> None:
    with (built / "scannetv2-labels.combined.tsv").open() as stream:
        rows = {row["raw_category"]: row for row in csv.DictReader(stream, delimiter="\t")}
    for scan in SCANS:
        labelled = mesh(built, scan, ".labels")
        plain = mesh(built, scan)
        np.testing.assert_array_equal(plain.vertices, labelled.vertices)
        nyu40 = np.ravel(labelled.metadata["_ply_raw"]["vertex"]["data"]["label"])
        owner, labels = instances(built, scan)
        assert len(owner) == len(nyu40) == len(plain.vertices)
        assert sorted(labels) == list(range(len(labels))) == sorted(set(owner.tolist()) - {-1})
        for number, label in labels.items():
            assert set(nyu40[owner == number]) == {int(rows[label]["nyu40id"])}
            assert NAMES[int(rows[label]["nyu40id"]) - 1] == rows[label]["nyu40class"]
        assert set(nyu40[owner == -1]) <= {0}
        # The raw colours are those of the room, not those of the classes.
        colors = plain.visual.vertex_colors[:, :3].astype(float)
        assert np.abs(colors - labelled.visual.vertex_colors[:, :3]).mean() > 10


def test_masks_number_the_objects_from_one(built: Path) -> None:
    with (built / "scannetv2-labels.combined.tsv").open() as stream:
        ids = {row["raw_category"]: int(row["id"]) for row in csv.DictReader(stream, delimiter="\t")}
    for scan in SCANS:
        _, labels = instances(built, scan)
        masks: dict[str, list[np.ndarray]] = {}
        for kind in ("instance", "label"):
            with zipfile.ZipFile(built / "scans" / scan / f"{scan}_2d-{kind}-filt.zip") as archive:
                files = [archive.read(f"{kind}-filt/{number}.png") for number in range(4)]
            masks[kind] = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
        for instance, label in zip(*masks.values(), strict=True):
            assert instance.shape == label.shape == (24, 32) and instance.dtype == np.uint8
            for number in set(np.unique(instance)) - {0}:
                assert set(label[instance == number]) == {ids[labels[number - 1]]}
            assert set(label[instance == 0]) <= {0}


def test_the_frame_of_the_scanner_is_turned_against_the_walls(built: Path) -> None:
    for scan in SCANS:
        alignment = np.array(facts(built, scan)["axisAlignment"].split(), float).reshape(4, 4)
        assert np.abs(alignment - np.eye(4)).max() > 0.1
        owner, labels = instances(built, scan)
        aligned = np.asarray(mesh(built, scan).vertices) @ alignment[:3, :3].T + alignment[:3, 3]
        floor = next(number for number, label in labels.items() if label == "floor")
        assert np.abs(aligned[owner == floor, 2]).max() < 0.03
        # Every vertex of the walls lies on a plane along an axis.
        wall = aligned[owner == next(number for number, label in labels.items() if label == "wall")]
        near = np.minimum(*(np.abs(wall[:, axis, None] - np.median(wall[:, axis])) for axis in (0, 1)))
        assert len(wall) and np.isfinite(near).all()
        planes = [np.unique(np.round(wall[:, axis], 1), return_counts=True)[1].max() for axis in (0, 1)]
        assert max(planes) > 0.2 * len(wall)


def test_annotations_refer_to_what_is_there(built: Path) -> None:
    aligned = json.loads((built / "Scan2CAD" / "full_annotations.json").read_text())
    assert {one["id_scan"] for one in aligned} <= set(SCANS) and len(aligned) > 3
    models = {(one["catid_cad"], one["id_cad"]) for record in aligned for one in record["aligned_models"]}
    for synset, name in models:
        assert (built / "ShapeNetCore.v2" / synset / name / "models" / "model_normalized.obj").is_file()
    written = {(path.parts[-4], path.parts[-3]) for path in (built / "ShapeNetCore.v2").rglob("*.obj")}
    assert written == models
    of_split = [
        {one["id_cad"] for record in aligned if record["id_scan"].startswith(start) for one in record["aligned_models"]}
        for start in ("scene0", "scene5")
    ]
    assert of_split[0] and of_split[1] and not of_split[0] & of_split[1]
    referrals = json.loads(
        (built / "SceneVerse" / "ScanNet" / "annotations" / "refer" / "ssg_ref_rel2_template.json").read_text()
    )
    assert len({one["item_id"] for one in referrals}) == len(referrals) > 50
    for one in referrals:
        assert instances(built, one["scan_id"])[1][one["target_id"]] == one["instance_type"]
        assert one["instance_type"] in one["utterance"]


def test_rescans_are_an_option_of_each_split(tmp_path: Path) -> None:
    options = {**OPTIONS, "rescans": {"train": 0, "val": 2}}
    build_dataset(replace(RECIPE, splits={"train": 2, "val": 4}, options=options), tmp_path)
    names = sorted(path.name for path in (tmp_path / "scannet" / "scans").iterdir())
    assert names == ["scene0000_00", "scene0001_00", "scene5000_00", "scene5000_01", "scene5000_02", "scene5001_00"]


def test_a_recipe_may_ask_for_some_kinds_of_rooms(tmp_path: Path) -> None:
    build_dataset(replace(RECIPE, splits={"val": 4}, categories=("Office", "Kitchen")), tmp_path)
    found = {facts(tmp_path / "scannet", path.name)["sceneType"] for path in (tmp_path / "scannet" / "scans").iterdir()}
    assert found == {"Office", "Kitchen"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": {"frame": 4}}, "no option 'frame'; did you mean 'frames'"),
        ({"options": {"frames": 0}}, r"Impossible option(.|\n)*frames(.|\n)*1 to 2000"),
        ({"options": {"height": 4}}, r"Impossible option(.|\n)*height"),
        ({"options": {"width": 12.5}}, r"Impossible option(.|\n)*width"),
        ({"options": {"rescans": -1}}, r"Impossible option(.|\n)*rescans"),
        ({"options": {"rescans": {"test": 1}}}, r"Impossible option(.|\n)*train, val"),
        ({"options": {"square": 0}}, r"Impossible option(.|\n)*square"),
        ({"options": {"object_vertices": True}}, r"Impossible option(.|\n)*object_vertices"),
        ({"splits": {"test": 1}}, "no split 'test'"),
        ({"categories": ("office",)}, "did you mean 'Office'"),
    ],
)
def test_impossible_recipes(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_dataset(replace(RECIPE, **change), tmp_path / "out")
    assert not (tmp_path / "out" / "scannet").exists()
