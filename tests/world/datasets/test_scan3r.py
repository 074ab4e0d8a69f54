"""3RScan as a data set: files that fit together, and transformations that lead from one visit to the next."""

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
from scipy.spatial import cKDTree
from tests.world.made import tree

from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

OPTIONS = {"frames": 16, "height": 30, "width": 40, "object_vertices": 60}
RECIPE = WorldRecipe("scan3r", {"train": 6, "val": 4}, None, 1, 5, OPTIONS)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rescans")
    build_dataset(RECIPE, folder)
    return folder / "3RScan"


def spaces(root: Path) -> list[dict[str, Any]]:
    return json.loads((root / "3RScan.json").read_text())


def matrix(values: list[float]) -> np.ndarray:
    return np.array(values).reshape(4, 4, order="F")


def labelled(root: Path, scan: str) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    read = trimesh.load(root / "scans" / scan / "labels.instances.annotated.v2.ply", process=False)
    data = read.metadata["_ply_raw"]["vertex"]["data"]
    columns = {name: np.ravel(data[name]) for name in ("objectId", "globalId", "NYU40", "Eigen13", "RIO27")}
    return np.asarray(read.vertices), read.visual.vertex_colors[:, :3], columns


def moved(points: np.ndarray, by: np.ndarray) -> np.ndarray:
    return points @ by[:3, :3].T + by[:3, 3]


def test_bytes_depend_on_the_recipe_alone(built: Path, tmp_path: Path) -> None:
    build_dataset(RECIPE, tmp_path / "two workers", workers=2)
    assert tree(built.parent) == tree(tmp_path / "two workers")
    build_dataset(replace(RECIPE, seed=6), tmp_path / "other")
    own, other = tree(built.parent), tree(tmp_path / "other")
    assert not {name for name in own if "/scans/" in name} & set(other)


def test_references_rescans_and_lists(built: Path) -> None:
    listed = {split: (built / f"{split}_scans.txt").read_text().split() for split in ("train", "val")}
    references = {split: (built / f"{split}.txt").read_text().split() for split in ("train", "val")}
    assert [len(listed[split]) for split in listed] == [6, 4]
    for split, kind in (("train", "train"), ("val", "validation")):
        own = [space for space in spaces(built) if space["type"] == kind]
        assert [space["reference"] for space in own] == references[split]
        every = [name for space in own for name in (space["reference"], *(one["reference"] for one in space["scans"]))]
        assert every == listed[split]
    folders = {path.name for path in (built / "scans").iterdir()}
    assert folders == {*listed["train"], *listed["val"]} and all(len(name) == 36 for name in folders)


def test_a_rescan_is_aligned_and_its_objects_are_led_to_where_they_are(built: Path) -> None:
    compared = shifted = 0
    for space in spaces(built):
        before, _, own = labelled(built, space["reference"])
        for rescan in space["scans"]:
            after, _, now = labelled(built, rescan["reference"])
            reference_from_rescan = matrix(rescan["transform"])
            assert np.abs(reference_from_rescan - np.eye(4)).max() > 0.1
            floor = moved(after[now["objectId"] == 2], reference_from_rescan)
            assert abs(np.median(floor[:, 2]) - np.median(before[own["objectId"] == 2, 2])) < 0.02
            assert {one["instance_reference"] for one in rescan["rigid"]} <= set(own["objectId"]) & set(now["objectId"])
            assert not set(rescan["removed"]) & set(now["objectId"])
            for one in rescan["rigid"]:
                assert one["instance_reference"] == one["instance_rescan"]
                there = moved(before[own["objectId"] == one["instance_reference"]], matrix(one["transform"]))
                found = after[now["objectId"] == one["instance_rescan"]]
                # Not every vertex was seen both times; those that were lie on each other.
                assert np.quantile(cKDTree(found).query(there)[0], 0.2) < 0.03, one
                compared += 1
                stays = np.linalg.inv(reference_from_rescan)
                shifted += bool(np.abs(matrix(one["transform"]) - stays).max() > 0.05)
    assert compared > shifted > 3


def test_labels_segments_and_objects_fit_together(built: Path) -> None:
    with (built / "3RScan.v2 Semantic Classes - Mapping.csv").open() as stream:
        next(stream)
        rows = {int(row[0]): row for row in list(csv.reader(stream))[1:]}
    objects = {one["scan"]: one["objects"] for one in json.loads((built / "objects.json").read_text())["scans"]}
    for scan, listed in objects.items():
        vertices, colors, columns = labelled(built, scan)
        groups = json.loads((built / "scans" / scan / "semseg.v2.json").read_text())["segGroups"]
        segments = np.array(
            json.loads((built / "scans" / scan / "mesh.refined.0.010000.segs.v2.json").read_text())["segIndices"]
        )
        assert len(segments) == len(vertices)
        assert [one["objectId"] for one in groups] == [int(one["id"]) for one in listed]
        assert {one["objectId"] for one in groups} == set(columns["objectId"]) - {0}
        for group, one in zip(groups, listed, strict=True):
            own = columns["objectId"] == group["objectId"]
            assert set(segments[own]) == set(group["segments"]) and group["label"] == one["label"]
            row = rows[int(one["global_id"])]
            assert row[1] == one["label"] and set(columns["globalId"][own]) == {int(one["global_id"])}
            assert set(columns["NYU40"][own]) == {int(row[2])} == {int(one["nyu40"])}
            color = [int(one["ply_color"][place : place + 2], 16) for place in (1, 3, 5)]
            assert (colors[own] == color).all()
            centre, half = np.array(group["obb"]["centroid"]), np.array(group["obb"]["axesLengths"]) / 2
            assert (np.abs(vertices[own] - centre) <= half + 1e-4).all()


def test_the_textured_mesh_has_the_same_vertices_and_the_colours_of_the_room(built: Path) -> None:
    for scan in (built / "train_scans.txt").read_text().split()[:3]:
        folder = built / "scans" / scan
        lines = (folder / "mesh.refined.v2.obj").read_text().splitlines()
        vertices = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
        places = np.array([line.split()[1:] for line in lines if line.startswith("vt ")], float)
        own, colors, _ = labelled(built, scan)
        np.testing.assert_allclose(vertices, own, atol=2e-6)
        picture = np.asarray(Image.open(folder / "mesh.refined_0.png"))
        side = len(picture)
        texels = picture[((1 - places[:, 1]) * side).astype(int), (places[:, 0] * side).astype(int)]
        # Not the colours of the classes, and not a single one.
        assert np.abs(texels.astype(float) - colors).mean() > 10 and texels.std(axis=0).min() > 5
        assert "map_Kd mesh.refined_0.png" in (folder / "mesh.refined.mtl").read_text()


def test_pictures_lie_on_their_left_side(built: Path) -> None:
    for scan in (built / "val_scans.txt").read_text().split():
        with zipfile.ZipFile(built / "scans" / scan / "sequence.zip") as archive:
            info = dict(line.split(" = ") for line in archive.read("_info.txt").decode().splitlines())
            assert (info["m_colorWidth"], info["m_colorHeight"], info["m_frames.size"]) == ("40", "30", "16")
            for number in range(16):
                pose = np.loadtxt(io.BytesIO(archive.read(f"frame-{number:06d}.pose.txt")))
                # The first axis of the camera, to the right of the picture, points down in the room.
                assert pose[2, 0] < -0.5 and abs(pose[2, 1]) < 0.3
                assert np.linalg.det(pose[:3, :3]) == pytest.approx(1, abs=1e-5)
                picture = Image.open(io.BytesIO(archive.read(f"frame-{number:06d}.color.jpg")))
                depth = np.asarray(Image.open(io.BytesIO(archive.read(f"frame-{number:06d}.depth.pgm"))))
                assert picture.size == (40, 30) and depth.shape == (30, 40) and 300 < np.median(depth) < 8000


def test_referrals_name_objects_by_their_own_numbers(built: Path) -> None:
    path = built / "SceneVerse" / "3RScan" / "annotations" / "ssg_ref_rel2_template.json"
    objects = {one["scan"]: {int(x["id"]): x["label"] for x in one["objects"]}
               for one in json.loads((built / "objects.json").read_text())["scans"]}  # fmt: skip
    referrals = json.loads(path.read_text())
    assert len(referrals) > 50
    assert all(objects[one["scan_id"]][one["target_id"]] == one["instance_type"] for one in referrals)
