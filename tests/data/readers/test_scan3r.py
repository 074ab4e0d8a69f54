"""Rooms as 3RScan files: what is read, and what every damage is called."""

from __future__ import annotations

import io
import json
import logging
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.formats.ply import read_scan_mesh
from concord3d.data.readers import find_reader
from concord3d.data.reading import read_split, recognise
from concord3d.data.scans.nyu40 import NAMES
from concord3d.data.scans.options import ScanOptions
from concord3d.data.scans.scan import Scan
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import ConcordError, ConfigError, DatasetMissing, UnreadableFile, WrongRelease
from concord3d.geometry.rigid import turn_about_z
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

OPTIONS = {"frames": 5, "height": 24, "width": 32, "rescans": 2}
SCANS = ScanOptions(views=2, key_frames=3, cad_points=50, floorplan_pixels=32)


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["scan3r"].model_copy(update={"scans": SCANS})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reference with two rescans to train, and another to test with."""
    folder = tmp_path_factory.mktemp("scan3r")
    build_dataset(WorldRecipe("scan3r", {"train": 3, "val": 3}, None, 1, 4, OPTIONS), folder)
    return folder


def read(spec: DatasetSpec, root: Path, split: str = "train") -> ScanSplit:
    store = read_split(spec, root, split, "synthetic")
    assert isinstance(store, ScanSplit)
    return store


def space(root: Path, kind: str = "train") -> dict[str, Any]:
    spaces = json.loads((root / "3RScan" / "3RScan.json").read_text())
    return next(one for one in spaces if one["type"] == kind)


def change(root: Path, alter: Callable[[dict[str, Any]], Any]) -> None:
    """Change every space."""
    path = root / "3RScan" / "3RScan.json"
    spaces = json.loads(path.read_text())
    for one in spaces:
        alter(one)
    path.write_text(json.dumps(spaces))


def reference(root: Path) -> Path:
    return root / "3RScan" / "scans" / space(root)["reference"]


def matrix(numbers: list[float]) -> np.ndarray:
    return np.array(numbers).reshape(4, 4).T


def test_scans_are_what_the_files_hold(spec: DatasetSpec, world: Path) -> None:
    store, own = read(spec, world), space(world)
    assert store.names == (own["reference"], *(scan["reference"] for scan in own["scans"]))
    assert store.spaces == (own["reference"],) * 3 and store.reference.tolist() == [True, False, False]
    assert store.aligned.all() and store.scene_types == ("",) * 3 and store.class_names == NAMES
    assert set(store.spaces).isdisjoint(read(spec, world, "val").spaces)
    assert not store.has_floorplan.any() and len(store.cad_objects) == 0
    for index, name in enumerate(store.names):
        scan = store.scan(index)
        mesh = read_scan_mesh(world / "3RScan" / "scans" / name / "labels.instances.annotated.v2.ply")
        transform = np.eye(4) if index == 0 else matrix(own["scans"][index - 1]["transform"])
        np.testing.assert_allclose(scan.points, mesh.points @ transform[:3, :3].T + transform[:3, 3], atol=1e-4)
        np.testing.assert_array_equal(scan.instance, mesh.properties["objectid"])
        classes = np.append(scan.labels, -1)[scan.object_rows()]
        np.testing.assert_array_equal(classes, mesh.properties["nyu40"].astype(int) - 1)
        groups = json.loads((world / "3RScan" / "scans" / name / "semseg.v2.json").read_text())["segGroups"]
        labels = {group["objectId"]: group["label"] for group in groups}
        assert scan.object_names == tuple(labels[int(identifier)] for identifier in scan.object_ids)


def test_colours_are_those_of_the_texture_and_not_of_the_labels(spec: DatasetSpec, world: Path) -> None:
    scan = read(spec, world).scan(0)
    texture = np.asarray(Image.open(reference(world) / "mesh.refined_0.png").convert("RGB")).reshape(-1, 3)
    np.testing.assert_array_equal(scan.colors, texture[: len(scan.points)])
    labelled = read_scan_mesh(reference(world) / "labels.instances.annotated.v2.ply").colors
    assert (scan.colors != labelled).any(axis=1).mean() > 0.9


def test_rescans_lie_on_their_reference(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    first, distances = store.scan(0), []
    for scan in map(store.scan, (1, 2)):
        floors = [one.points[one.instance == one.object_ids[one.object_names.index("floor")]] for one in (first, scan)]
        assert abs(np.median(floors[0][:, 2]) - np.median(floors[1][:, 2])) < 0.03
        for identifier in np.intersect1d(first.object_ids, scan.object_ids):
            own = [one.points[one.instance == identifier] for one in (first, scan)]
            name = scan.object_names[scan.object_ids.tolist().index(identifier)]
            if identifier not in scan.change_ids and name not in ("wall", "floor") and min(map(len, own)) > 50:
                distances.append(np.linalg.norm(own[0].mean(0) - own[1].mean(0)))
    assert len(distances) > 2 and np.median(distances) < 0.3


def test_movements_are_measured_between_scans(spec: DatasetSpec, world: Path) -> None:
    store, own = read(spec, world), space(world)
    listed = [len(scan["rigid"]) for scan in own["scans"]]
    assert np.bincount(store.change_scans, minlength=3).tolist() == [0, *listed] and sum(listed) > 1
    first = store.scan(0)
    for index in (1, 2):
        scan = store.scan(index)
        for identifier, angle, shift in zip(scan.change_ids, scan.change_angles, scan.change_shifts, strict=True):
            before, after = (one.points[one.instance == identifier] for one in (first, scan))
            if len(before) < 100 or len(after) < 100:
                continue
            # Scanners lose vertices, so that means move a little.
            assert abs(np.linalg.norm(after.mean(0) - before.mean(0)) - shift) < 0.25
            assert 0 <= angle <= 180


def mask_of(scan: Scan, frame: int) -> np.ndarray:
    """Which object is nearest in each pixel of an upright frame, by projecting vertices."""
    camera = np.linalg.inv(scan.poses[frame])
    own = scan.points @ camera[:3, :3].T + camera[:3, 3]
    pixels = own @ scan.intrinsics.T
    x, y = np.rint(pixels[:, :2] / pixels[:, 2:]).T
    seen = (own[:, 2] > 0.1) & (x >= 0) & (x < 32) & (y >= 0) & (y < 24)
    found = np.zeros((24, 32), int)
    for i in np.flatnonzero(seen)[np.argsort(-own[seen, 2])]:
        found[int(y[i]), int(x[i])] = scan.instance[i]
    return np.rot90(found, scan.quarter_turns)


def test_pictures_lie_on_their_side_and_boxes_stand_upright(spec: DatasetSpec, world: Path) -> None:
    scan = read(spec, world).scan(1)
    assert scan.quarter_turns == 3 and scan.picture(0).shape == (32, 24, 3)
    with zipfile.ZipFile(world / "3RScan" / "scans" / scan.name / "sequence.zip") as archive:
        for row, number in enumerate(scan.frame_numbers):
            assert scan.encoded_picture(row) == archive.read(f"frame-{number:06d}.color.jpg")
            raw = np.array(archive.read(f"frame-{number:06d}.pose.txt").split(), dtype=float).reshape(4, 4)
            moved = matrix(space(world)["scans"][0]["transform"]) @ raw
            np.testing.assert_allclose(scan.poses[row], moved, atol=1e-6)
    assert (scan.vote_boxes[:, 2] <= 24).all() and (scan.vote_boxes[:, 3] <= 32).all()
    assert scan.vote_boxes[:, 3].max() > 24
    shares = []
    for vote in np.flatnonzero(scan.vote_pixels > 30):
        y, x = np.nonzero(mask_of(scan, scan.vote_frames[vote]) == scan.object_ids[scan.vote_objects[vote]])
        x0, y0, x1, y1 = scan.vote_boxes[vote]
        if len(x) > 5:
            shares.append(((x >= x0 - 1) & (x <= x1) & (y >= y0 - 1) & (y <= y1)).mean())
    assert len(shares) > 3 and np.median(shares) > 0.95


def test_sentences_belong_to_their_objects(spec: DatasetSpec, world: Path) -> None:
    path = world / "3RScan" / "SceneVerse" / "3RScan" / "annotations" / "ssg_ref_rel2_template.json"
    told = {(one["scan_id"], one["target_id"], one["utterance"]) for one in json.loads(path.read_text())}
    store = read(spec, world)
    assert len(store.referrals) > 3
    for index in range(len(store)):
        scan = store.scan(index)
        ids = scan.object_ids[scan.referral_objects]
        found = {(scan.name, int(one), text) for one, text in zip(ids, scan.referrals, strict=True)}
        assert found == {one for one in told if one[0] == scan.name}


def in_millimetres(one: dict[str, Any]) -> None:
    for scan in one["scans"]:
        for entry in (scan, *scan["rigid"]):
            numbers = entry["transform"]
            numbers[12:15] = [1000 * number for number in numbers[12:15]]


def test_transformations_in_millimetres_give_the_same_store(spec: DatasetSpec, copy: Path) -> None:
    before = read(spec, copy)
    change(copy, in_millimetres)
    after = read(spec, copy)
    np.testing.assert_allclose(after.points, before.points, atol=1e-5)
    np.testing.assert_allclose(after.poses, before.poses, atol=1e-9)
    np.testing.assert_allclose(after.change_shifts, before.change_shifts, atol=1e-5)


def test_a_reference_without_rescans(spec: DatasetSpec, copy: Path) -> None:
    change(copy, lambda one: one["scans"].clear())
    store = read(spec, copy)
    assert len(store) == 1 and store.reference.all() and len(store.change_ids) == 0


def test_a_rescan_without_a_transformation_keeps_its_own_frame(spec: DatasetSpec, copy: Path) -> None:
    change(copy, lambda one: one["scans"][0].pop("transform"))
    store = read(spec, copy)
    assert store.aligned.tolist() == [True, False, True] and 1 not in store.change_scans
    mesh = read_scan_mesh(copy / "3RScan" / "scans" / store.names[1] / "labels.instances.annotated.v2.ply")
    np.testing.assert_array_equal(store.scan(1).points, mesh.points)


def sequence(root: Path, alter: Callable[[dict[str, bytes]], Any]) -> None:
    path = reference(root) / "sequence.zip"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    alter(members)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    path.write_bytes(stream.getvalue())


def test_frames_without_a_pose_are_passed_over(spec: DatasetSpec, copy: Path) -> None:
    lost = b"-1.#IND 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n"
    sequence(
        copy, lambda members: members.update({"frame-000001.pose.txt": lost, "frame-000002.pose.txt": b"nan " * 16})
    )
    assert set(read(spec, copy).scan(0).frame_numbers.tolist()) <= {0, 3, 4}


def test_a_scan_without_pictures_has_no_votes(spec: DatasetSpec, copy: Path) -> None:
    def bare(members: dict[str, bytes]) -> None:
        for name in [name for name in members if name != "_info.txt"]:
            del members[name]

    sequence(copy, bare)
    scan = read(spec, copy).scan(0)
    assert scan.num_frames == len(scan.vote_objects) == 0 and scan.num_objects > 1


def test_a_scan_without_objects(spec: DatasetSpec, copy: Path) -> None:
    path = reference(copy) / "labels.instances.annotated.v2.ply"
    head, _, body = path.read_text().partition("end_header\n")
    count = len(read_scan_mesh(path).points)
    rows = body.splitlines()
    rows[:count] = [" ".join([*row.split()[:6], "0 0 0 0 0"]) for row in rows[:count]]
    path.write_text(f"{head}end_header\n" + "\n".join(rows) + "\n")
    scan = read(spec, copy).scan(0)
    assert scan.num_objects == len(scan.vote_objects) == len(scan.referrals) == 0 and len(scan.key_frames) == 3


def test_sentences_about_strange_objects_are_left_out(
    spec: DatasetSpec, copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy / "3RScan" / "SceneVerse" / "3RScan" / "annotations" / "ssg_ref_rel2_template.json"
    records = json.loads(path.read_text())
    records.append({"scan_id": space(copy)["reference"], "target_id": 9999, "utterance": "a ghost"})
    path.write_text(json.dumps(records))
    with caplog.at_level(logging.WARNING):
        assert "a ghost" not in read(spec, copy).referrals
    assert "1 sentences are about objects that it lacks" in caplog.text


def test_counts_are_those_of_the_list(spec: DatasetSpec, world: Path) -> None:
    reader = find_reader("scan3r")
    assert [reader.census(spec, world, split).num_items for split in ("train", "val")] == [3, 3]
    with pytest.raises(WrongRelease, match=r"val 157(.|\n)*val 3"):
        recognise(spec, world)
    with pytest.raises(ConfigError, match="no split 'test'"):
        read(spec, world, "test")


def turned_away(one: dict[str, Any]) -> None:
    for scan in one["scans"]:
        moved = np.eye(4)
        moved[:3, :3], moved[:3, 3] = turn_about_z(2.0), [9.0, 9.0, 0.0]
        scan["transform"] = moved.T.ravel().tolist()


def in_reference(name: str, alter: Callable[[Path], Any]) -> Callable[[Path], None]:
    return lambda root: alter(reference(root) / name)


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def without_labels(path: Path) -> None:
    path.write_text(path.read_text().replace("objectId", "otherId"))


def info(old: str, new: str) -> Callable[[Path], None]:
    return lambda root: sequence(
        root, lambda members: members.update({"_info.txt": members["_info.txt"].replace(old.encode(), new.encode())})
    )


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (lambda root: change(root, turned_away), WrongRelease, r"onto its reference(.|\n)*10% of its vertices"),
        (lambda root: change(root, lambda one: one.update(type="test")), DatasetMissing, "No scan"),
        (lambda root: (root / "3RScan" / "3RScan.json").unlink(), DatasetMissing, r"3RScan\.json"),
        (in_reference("labels.instances.annotated.v2.ply", Path.unlink), DatasetMissing, "no labels"),
        (in_reference("labels.instances.annotated.v2.ply", shortened), UnreadableFile, "PLY"),
        (in_reference("labels.instances.annotated.v2.ply", without_labels), UnreadableFile, "no objectid"),
        (in_reference("mesh.refined.v2.obj", Path.unlink), DatasetMissing, "textured mesh"),
        (in_reference("semseg.v2.json", Path.unlink), DatasetMissing, r"semseg\.v2\.json"),
        (in_reference("semseg.v2.json", lambda path: path.write_text("{}")), UnreadableFile, "segGroups"),
        (in_reference("sequence.zip", Path.unlink), DatasetMissing, "no pictures"),
        (in_reference("sequence.zip", shortened), UnreadableFile, "Cannot read pictures"),
        (lambda root: sequence(root, lambda m: m.pop("frame-000003.pose.txt")), DatasetMissing, "frame-000003.pose"),
        (lambda root: sequence(root, lambda m: m.pop("_info.txt")), DatasetMissing, "_info"),
        (lambda root: sequence(root, lambda m: m.update({"frame-000003.pose.txt": b"1 2"})), UnreadableFile, "form"),
        (info("m_colorWidth", "m_width"), UnreadableFile, "m_colorWidth"),
        (info("m_calibrationColorIntrinsic = ", "m_calibrationColorIntrinsic = -"), UnreadableFile, "focal length"),
    ],
)  # fmt: skip
def test_every_damage_has_a_name(
    spec: DatasetSpec, copy: Path, damage: Callable[[Path], None], kind: type[ConcordError], message: str
) -> None:
    damage(copy)
    with pytest.raises(kind, match=message):
        read(spec, copy)


def test_a_scan_that_is_absent_is_named(spec: DatasetSpec, copy: Path) -> None:
    shutil.rmtree(reference(copy))
    with pytest.raises(DatasetMissing, match="1 absent"):
        find_reader("scan3r").census(spec, copy, "train")
