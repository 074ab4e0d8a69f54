"""Rooms as ScanNet files: what is read, and what every damage is called."""

from __future__ import annotations

import io
import json
import logging
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.formats.ply import read_scan_mesh
from concord3d.data.formats.sens import SensFile
from concord3d.data.readers import find_reader
from concord3d.data.reading import read_split, recognise
from concord3d.data.scans.nyu40 import NAMES
from concord3d.data.scans.options import ScanOptions
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import (
    ConcordError,
    ConfigError,
    DatasetCorrupt,
    DatasetMissing,
    UnreadableFile,
    WrongRelease,
)
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

OPTIONS = {"frames": 5, "height": 24, "width": 32, "rescans": 1}
SCANS = ScanOptions(frame_stride=1, views=2, key_frames=3, cad_points=50, floorplan_pixels=32)
FIRST = "scene0000_00"


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["scannet"].model_copy(update={"scans": SCANS})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scans of one space to train and two of another to test with."""
    folder = tmp_path_factory.mktemp("scannet")
    build_dataset(WorldRecipe("scannet", {"train": 2, "val": 2}, None, 1, 4, OPTIONS), folder)
    return folder


def read(spec: DatasetSpec, root: Path, split: str = "train") -> ScanSplit:
    store = read_split(spec, root, split, "synthetic")
    assert isinstance(store, ScanSplit)
    return store


def file(root: Path, suffix: str, scan: str = FIRST) -> Path:
    return root / "scannet" / "scans" / scan / f"{scan}{suffix}"


def alignment(root: Path) -> np.ndarray:
    (line,) = [line for line in file(root, ".txt").read_text().splitlines() if line.startswith("axisAlignment")]
    return np.array(line.split("=")[1].split(), float).reshape(4, 4)


def masks(root: Path) -> list[np.ndarray]:
    with zipfile.ZipFile(file(root, "_2d-instance-filt.zip")) as archive:
        return [np.asarray(Image.open(archive.open(f"instance-filt/{number}.png"))) for number in range(5)]


def test_scans_are_what_the_files_hold(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    assert store.names == (FIRST, "scene0000_01") and store.spaces == ("scene0000",) * 2
    assert store.reference.tolist() == [True, False] and store.class_names == NAMES and store.aligned.all()
    assert read(spec, world, "val").names == ("scene5000_00", "scene5000_01")
    scan = store.scan(0)
    assert scan.scene_type and f"sceneType = {scan.scene_type}" in file(world, ".txt").read_text()
    mesh, turn = read_scan_mesh(file(world, "_vh_clean_2.ply")), alignment(world)
    np.testing.assert_allclose(scan.points, mesh.points @ turn[:3, :3].T + turn[:3, 3], atol=1e-5)
    np.testing.assert_array_equal(scan.colors, mesh.colors)
    groups = json.loads(file(world, ".aggregation.json").read_text())["segGroups"]
    segments = np.array(json.loads(file(world, "_vh_clean_2.0.010000.segs.json").read_text())["segIndices"])
    assert scan.object_ids.tolist() == [group["objectId"] + 1 for group in groups]
    assert scan.object_names == tuple(group["label"] for group in groups)
    for group in groups:
        np.testing.assert_array_equal(scan.instance == group["objectId"] + 1, np.isin(segments, group["segments"]))
    labels = read_scan_mesh(file(world, "_vh_clean_2.labels.ply")).properties["label"].astype(int) - 1
    rows = scan.object_rows()
    np.testing.assert_array_equal(np.append(scan.labels, -1)[rows], labels)
    own = scan.points[rows == 3].astype(float)
    np.testing.assert_allclose(scan.locations[3], [*own.mean(0), *np.ptp(own, axis=0)], atol=1e-4)


def test_pictures_poses_and_votes(spec: DatasetSpec, world: Path) -> None:
    scan, recording, found = read(spec, world).scan(0), SensFile(file(world, ".sens")), masks(world)
    assert len(scan.key_frames) == 3 and scan.quarter_turns == 0
    np.testing.assert_array_equal(scan.intrinsics, recording.intrinsics)
    for row, number in enumerate(scan.frame_numbers):
        assert scan.encoded_picture(row) == recording.picture(recording.frames[number])
        np.testing.assert_allclose(scan.poses[row], alignment(world) @ recording.frames[number].pose)
        assert scan.picture(row).shape == (24, 32, 3)
    for row, identifier in enumerate(scan.object_ids):
        counts = np.array([(mask == identifier).sum() for mask in found])
        own = np.flatnonzero(scan.vote_objects == row)
        expected = [frame for frame in np.lexsort((np.arange(5), -counts)) if counts[frame]][:2]
        assert scan.frame_numbers[scan.vote_frames[own]].tolist() == expected
        for vote, frame in zip(own, expected, strict=True):
            y, x = np.nonzero(found[frame] == identifier)
            assert scan.vote_boxes[vote].tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
            assert scan.vote_pixels[vote] == counts[frame]


def test_vertices_of_an_object_project_into_its_box(spec: DatasetSpec, world: Path) -> None:
    """Poses, intrinsics and masks fit the mesh: of large votes most vertices in front of the camera lie in the box."""
    scan = read(spec, world).scan(0)
    rows, shares = scan.object_rows(), []
    for vote in np.flatnonzero(scan.vote_pixels > 30):
        pose = np.linalg.inv(scan.poses[scan.vote_frames[vote]])
        camera = scan.points[rows == scan.vote_objects[vote]] @ pose[:3, :3].T + pose[:3, 3]
        pixels = camera @ scan.intrinsics.T
        x, y = (pixels[:, :2] / pixels[:, 2:]).T
        seen = (camera[:, 2] > 0.1) & (x > -0.5) & (x < 31.5) & (y > -0.5) & (y < 23.5)
        x0, y0, x1, y1 = scan.vote_boxes[vote]
        inside = (x > x0 - 1.5) & (x < x1 + 0.5) & (y > y0 - 1.5) & (y < y1 + 0.5)
        shares.append(inside[seen].mean() if seen.sum() > 5 else np.nan)
    assert np.nanmedian(shares) > 0.95


def test_cad_models_stand_where_their_objects_are(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    assert store.cad_points.shape[1:] == (50, 3) and len(store.cad_objects) > 2 and store.has_floorplan.any()
    records = json.loads((world / "scannet" / "Scan2CAD" / "full_annotations.json").read_text())
    (record,) = [record for record in records if record["id_scan"] == FIRST]
    own = store.scan(0)
    assert 0 < len(own.cad_objects) <= len(record["aligned_models"])
    # Canonical frames have a diagonal of about 1, whatever the size of the object in the room.
    assert (np.linalg.norm(np.ptp(own.cad_points, axis=1), axis=1) < 1.05).all()
    for index in np.flatnonzero(store.has_floorplan):
        assert store.floorplans[index].shape == (32, 32, 3) and (store.floorplans[index] < 200).any()


def test_sentences_belong_to_their_objects(spec: DatasetSpec, world: Path) -> None:
    path = world / "scannet" / "SceneVerse" / "ScanNet" / "annotations" / "refer" / "ssg_ref_rel2_template.json"
    store = read(spec, world)
    told = {(one["scan_id"], one["target_id"] + 1, one["utterance"]) for one in json.loads(path.read_text())}
    for index in range(len(store)):
        scan = store.scan(index)
        found = {
            (scan.name, int(scan.object_ids[row]), text)
            for row, text in zip(scan.referral_objects, scan.referrals, strict=True)
        }
        assert found == {one for one in told if one[0] == scan.name}


def test_one_frame_in_so_many_is_looked_at(spec: DatasetSpec, world: Path) -> None:
    rare = spec.model_copy(update={"scans": SCANS.model_copy(update={"frame_stride": 3, "key_frames": 9})})
    store = read(rare, world)
    assert store.scan(0).frame_numbers.tolist() == [0, 3] and store.key_frames.shape == (2, 9)
    assert sorted(store.scan(0).key_frames.tolist()) == [0, 1]


def test_counts_are_those_of_the_lists(spec: DatasetSpec, world: Path) -> None:
    reader = find_reader("scannet")
    assert [reader.census(spec, world, split).num_items for split in ("train", "val")] == [2, 2]
    with pytest.raises(WrongRelease, match=r"train 1201(.|\n)*train 2"):
        recognise(spec, world)
    with pytest.raises(WrongRelease, match="val 312"):
        read_split(spec, world, "val", "real")
    with pytest.raises(ConfigError, match="no split 'test'"):
        read(spec, world, "test")
    with pytest.raises(ConfigError, match="keep all their points"):
        read_split(spec, world, "train", "synthetic", 100)


def with_poses(root: Path, *poses: tuple[int, np.ndarray]) -> None:
    path = file(root, ".sens")
    content, recording = bytearray(path.read_bytes()), SensFile(path)
    for number, pose in poses:
        start = recording.frames[number].start - struct.calcsize("<16fQQQQ")
        content[start : start + 64] = pose.astype("<f4").tobytes()
    path.write_bytes(content)


def test_frames_without_a_pose_are_passed_over(spec: DatasetSpec, copy: Path) -> None:
    nan = np.eye(4)
    nan[2, 3] = np.nan
    with_poses(copy, (1, nan), (3, np.full((4, 4), -np.inf)), (4, np.zeros((4, 4))))
    scan = read(spec, copy).scan(0)
    assert set(scan.frame_numbers.tolist()) <= {0, 2} and sorted(scan.key_frames.tolist()) == [0, 1]


def test_a_camera_that_stands_still_has_key_frames(spec: DatasetSpec, copy: Path) -> None:
    with_poses(copy, *((number, np.eye(4)) for number in range(5)))
    assert len(set(read(spec, copy).scan(0).key_frames.tolist())) == 3


def no_frames(root: Path) -> None:
    path = file(root, ".sens")
    end = SensFile(path).frames[0].start - struct.calcsize("<16fQQQQ")
    path.write_bytes(path.read_bytes()[: end - 8] + struct.pack("<QQ", 0, 0))


def test_a_scan_without_pictures_has_no_votes(spec: DatasetSpec, copy: Path) -> None:
    no_frames(copy)
    scan = read(spec, copy).scan(0)
    assert scan.num_frames == len(scan.vote_objects) == len(scan.key_frames) == 0 and scan.num_objects > 1


def keep_groups(root: Path, count: int) -> None:
    path = file(root, ".aggregation.json")
    content = json.loads(path.read_text())
    content["segGroups"] = content["segGroups"][2 : 2 + count]
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("count", [0, 1])
def test_a_scan_with_one_object_or_none(spec: DatasetSpec, copy: Path, count: int) -> None:
    keep_groups(copy, count)
    scan = read(spec, copy).scan(0)
    assert scan.num_objects == count and set(scan.vote_objects.tolist()) <= set(range(count))
    assert len(scan.labels) == len(scan.object_names) == len(scan.locations) == count
    assert (scan.instance > 0).any() == bool(count) and len(scan.key_frames) == 3


def test_an_object_in_no_frame_and_without_vertices(spec: DatasetSpec, copy: Path) -> None:
    path = file(copy, ".aggregation.json")
    content = json.loads(path.read_text())
    content["segGroups"].append({"id": 200, "objectId": 200, "segments": [10**6], "label": "chair"})
    content["segGroups"].append({"id": 201, "objectId": 201, "segments": [], "label": "no such label"})
    path.write_text(json.dumps(content))
    scan = read(spec, copy).scan(0)
    assert scan.object_ids[-2:].tolist() == [201, 202] and not scan.locations[-2:].any()
    assert scan.labels[-2:].tolist() == [NAMES.index("chair"), -1]
    assert not np.isin(scan.vote_objects, [scan.num_objects - 2, scan.num_objects - 1]).any()


def test_more_than_150_objects(spec: DatasetSpec, copy: Path) -> None:
    path = file(copy, ".aggregation.json")
    content = json.loads(path.read_text())
    content["segGroups"] += [
        {"id": number, "objectId": number, "segments": [], "label": "book"} for number in range(300, 460)
    ]
    path.write_text(json.dumps(content))
    assert read(spec, copy).scan(0).num_objects > 160


def test_no_layout_and_no_models_give_no_floorplan(spec: DatasetSpec, copy: Path) -> None:
    shutil.rmtree(copy / "scannet" / "scannet_planes")
    (copy / "scannet" / "Scan2CAD" / "full_annotations.json").write_text("[]")
    store = read(spec, copy)
    assert not store.has_floorplan.any() and len(store.cad_objects) == 0 and store.cad_points.shape == (0, 50, 3)
    assert store.scan(0).floorplan is None


def test_unknown_models_and_strange_sentences_are_left_out(
    spec: DatasetSpec, copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = sorted((copy / "scannet" / "ShapeNetCore.v2").glob("*/*"))
    for folder in models:
        shutil.rmtree(folder)
    path = copy / "scannet" / "SceneVerse" / "ScanNet" / "annotations" / "refer" / "ssg_ref_rel2_template.json"
    records = json.loads(path.read_text())
    before = sum(one["scan_id"] == FIRST for one in records)
    records.append({"item_id": "x", "scan_id": FIRST, "target_id": 249, "instance_type": "x", "utterance": "a ghost"})
    path.write_text(json.dumps(records))
    with caplog.at_level(logging.WARNING):
        scan = read(spec, copy).scan(0)
    assert len(scan.cad_objects) == 0 and "CAD models are not in" in caplog.text
    assert len(scan.referrals) == before and f"{FIRST}: 1 sentences are about objects that it lacks" in caplog.text


def test_the_other_name_of_the_aggregation_is_read(spec: DatasetSpec, copy: Path) -> None:
    before = read(spec, copy).object_names
    file(copy, ".aggregation.json").unlink()
    assert file(copy, "_vh_clean.aggregation.json").is_file() and read(spec, copy).object_names == before


def cut(suffix: str, keep: int) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        path = file(root, suffix)
        path.write_bytes(path.read_bytes()[:keep])

    return damage


def gone(suffix: str) -> Callable[[Path], None]:
    return lambda root: file(root, suffix).unlink()


def other_version(root: Path) -> None:
    path = file(root, ".sens")
    path.write_bytes(struct.pack("<I", 3) + path.read_bytes()[4:])


def one_segment_less(root: Path) -> None:
    path = file(root, "_vh_clean_2.0.010000.segs.json")
    content = json.loads(path.read_text())
    content["segIndices"].pop()
    path.write_text(json.dumps(content))


def twice_the_same_object(root: Path) -> None:
    path = file(root, ".aggregation.json")
    content = json.loads(path.read_text())
    content["segGroups"].append(content["segGroups"][0])
    path.write_text(json.dumps(content))


def without_a_mask(root: Path) -> None:
    path = file(root, "_2d-instance-filt.zip")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/3.png")}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    path.write_bytes(stream.getvalue())


def strange_alignment(root: Path) -> None:
    path = file(root, ".txt")
    path.write_text(path.read_text().replace("axisAlignment = ", "axisAlignment = x "))


def below(name: str) -> Callable[[Path], None]:
    return lambda root: (root / "scannet" / name).unlink()


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (cut(".sens", -30), UnreadableFile, r"truncated(.|\n)*scene0000_00\.sens"),
        (cut(".sens", 100), UnreadableFile, "truncated"),
        (other_version, UnreadableFile, r"version 4(.|\n)*version 3"),
        (gone(".sens"), DatasetMissing, r"scene0000_00\.sens"),
        (gone("_2d-instance-filt.zip"), DatasetMissing, "instance-filt"),
        (cut("_2d-instance-filt.zip", -40), UnreadableFile, r"masks(.|\n)*instance-filt"),
        (without_a_mask, DatasetMissing, r"masks of a scan lack(.|\n)*3\.png"),
        (gone("_vh_clean_2.ply"), DatasetMissing, r"_vh_clean_2\.ply"),
        (cut("_vh_clean_2.ply", 900), UnreadableFile, r"PLY(.|\n)*_vh_clean_2\.ply"),
        (one_segment_less, DatasetCorrupt, "not as many as vertices"),
        (cut("_vh_clean_2.0.010000.segs.json", 80), UnreadableFile, r"JSON(.|\n)*segs\.json"),
        (twice_the_same_object, UnreadableFile, "stands twice"),
        (strange_alignment, UnreadableFile, r"scene0000_00\.txt"),
        (below("scannetv2_train.txt"), DatasetMissing, "scannetv2_train"),
        (below("scannetv2-labels.combined.tsv"), DatasetMissing, "combined"),
        (below("Scan2CAD/full_annotations.json"), DatasetMissing, "full_annotations"),
        (lambda root: shutil.rmtree(root / "scannet" / "ShapeNetCore.v2"), DatasetMissing, "ShapeNetCore"),
        (
            lambda root: (root / "scannet" / "scannetv2-labels.combined.tsv").write_text("a\tb\n1\t2\n"),
            UnreadableFile,
            "raw_category",
        ),
        (lambda root: (root / "scannet" / "scannetv2_train.txt").write_text("\n"), DatasetMissing, "empty list"),
    ],
)  # fmt: skip
def test_every_damage_has_a_name(
    spec: DatasetSpec, copy: Path, damage: Callable[[Path], None], kind: type[ConcordError], message: str
) -> None:
    damage(copy)
    with pytest.raises(kind, match=message):
        read(spec, copy)


def test_a_listed_scan_that_is_absent_is_named(spec: DatasetSpec, copy: Path) -> None:
    shutil.rmtree(copy / "scannet" / "scans" / "scene0000_01")
    with pytest.raises(DatasetMissing, match=r"1 absent, first: scene0000_01"):
        find_reader("scannet").census(spec, copy, "train")
