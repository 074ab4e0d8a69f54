"""Redwood in the layout of the release and as it is preprocessed, and what may be wrong with either."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from tests.data.readers.filmed import greys, write_cloud, write_frames

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.readers import find_reader
from concord3d.data.reading import read_split, recognise
from concord3d.errors import BadCloud, DatasetMissing, UnreadableFile, WrongRelease

CLASSES = ["chair", "table", "trash container", "bench", "plant", "sign", "bicycle", "motorcycle", "sofa"]


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["redwood"]


def write_redwood(root: Path, num_points: int = 40, frames: int = 10) -> Path:
    """Write five chairs and five trash containers, a scan of another category and one without a mesh."""
    folder = root / "redwood"
    scans = {name: [] for name in CLASSES} | {"piano": ["00777"]}
    scans["chair"] = [f"{number:05d}" for number in (4, 33, 112, 1022, 5114)]
    scans["trash container"] = [f"{number:05d}" for number in (7, 9, 11, 13, 21)]
    scans["sofa"] = ["00999"]
    folder.mkdir(parents=True)
    (folder / "categories.json").write_text(json.dumps(scans))
    for scan in [*scans["chair"], *scans["trash container"], "00777"]:
        write_cloud(folder / "meshpreprocessed3" / f"{scan}.npy", num_points, int(scan))
        write_frames(folder / "videoframes" / scan, frames)
    return folder


def test_clouds_labels_and_names(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_redwood(tmp_path)
    train, test = (read_split(spec, tmp_path, split, "real") for split in ("train", "test"))
    assert (len(train), len(test)) == (8, 2)
    assert list(train.class_names) == CLASSES and train.points.shape == (8, 40, 3)
    assert sorted(test.labels.tolist()) == [0, 2] and set(train.names).isdisjoint(test.names)
    assert not any("00777" in name or "00999" in name for name in (*train.names, *test.names))
    for split in (train, test):
        for cloud, label, name in zip(split.points, split.labels, split.names, strict=True):
            category, scan = name.split("/")
            assert CLASSES[label] == category
            np.testing.assert_array_equal(cloud, np.load(folder / "meshpreprocessed3" / f"{scan}.npy"))
    assert recognise(spec, tmp_path).name == "any"


def test_synthetic_data_have_only_the_classes_that_have_objects(tmp_path: Path, spec: DatasetSpec) -> None:
    write_redwood(tmp_path)
    test = read_split(spec, tmp_path, "test", "synthetic")
    assert test.class_names == ("chair", "trash container") and sorted(test.labels.tolist()) == [0, 1]


def test_lists_of_the_release_decide(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_redwood(tmp_path)
    (folder / "train_set80.txt").write_text("00011\n00004\n00033\n")
    (folder / "test_set80.txt").write_text("05114\n00007\n")
    assert read_split(spec, tmp_path, "train", "real").names == ("chair/00004", "chair/00033", "trash container/00011")
    assert read_split(spec, tmp_path, "test", "real").names == ("chair/05114", "trash container/00007")
    (folder / "test_set80.txt").write_text("05114\n00999\n")
    with pytest.raises(DatasetMissing, match=r"test_set80\.txt(.|\n)*found: 00999"):
        read_split(spec, tmp_path, "train", "real")


def test_meshes_of_the_release_are_sampled(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_redwood(tmp_path)
    mesh = trimesh.creation.box(extents=(1, 2, 3))
    (folder / "mesh").mkdir()
    for path in list((folder / "meshpreprocessed3").iterdir()):
        mesh.export(folder / "mesh" / f"{path.stem}.ply")
        path.unlink()
    clouds = read_split(spec, tmp_path, "train", "real")
    assert clouds.points.shape == (8, 8192, 3)
    np.testing.assert_allclose(np.ptp(clouds.points, axis=1), np.tile([1, 2, 3], (8, 1)), atol=0.02)
    again = read_split(spec, tmp_path, "train", "real", 100)
    assert again.points.shape == (8, 100, 3) and not np.array_equal(again.points[0], again.points[1])
    np.testing.assert_array_equal(again.points, read_split(spec, tmp_path, "train", "real", 100).points)
    # A preprocessed cloud takes the place of a mesh.
    cloud = write_cloud(folder / "meshpreprocessed3" / f"{clouds.names[0].split('/')[1]}.npy", 100, 5)
    np.testing.assert_array_equal(read_split(spec, tmp_path, "train", "real", 100).points[0], cloud)


def test_frames_are_ten_at_even_distances(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_redwood(tmp_path)
    write_frames(folder / "videoframes" / "00033", 30)
    reader = find_reader(spec.reader)
    first, second = reader.read_pictures(spec, tmp_path, ["chair/00033", "trash container/00007"], 10, 32)
    assert first.shape == (10, 32, 32, 3) and first.dtype == np.uint8
    assert greys(first) == list(range(0, 30, 3)) and greys(second) == list(range(10))


def test_too_few_frames_are_named_with_what_to_do(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_redwood(tmp_path, frames=9)
    reader = find_reader(spec.reader)
    with pytest.raises(DatasetMissing, match=r"too few pictures(.|\n)*videoframes/00004(.|\n)*found: 9"):
        list(reader.read_pictures(spec, tmp_path, ["chair/00004"], 10, 16))
    for path in (folder / "videoframes" / "00004").iterdir():
        path.rename(path.with_suffix(".txt"))
    with pytest.raises(DatasetMissing, match="found: 0"):
        list(reader.read_pictures(spec, tmp_path, ["chair/00004"], 10, 16))
    (folder / "video").mkdir()
    (folder / "video" / "00004.mp4").write_bytes(b"video")
    with pytest.raises(DatasetMissing, match=r"next: extract at least 10 frames of .*00004\.mp4"):
        list(reader.read_pictures(spec, tmp_path, ["chair/00004"], 10, 16))


def test_frames_of_another_scan_are_no_frames_of_this_one(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_redwood(tmp_path)
    (folder / "videoframes" / "00004").rename(folder / "videoframes" / "00005")
    reader = find_reader(spec.reader)
    with pytest.raises(DatasetMissing, match=r"videoframes/00004(.|\n)*found: 0(.|\n)*next: .* 11 other scans"):
        list(reader.read_pictures(spec, tmp_path, ["chair/00004"], 10, 16))
    with pytest.raises(DatasetMissing, match=r"An object is not there(.|\n)*chair/00005"):
        list(reader.read_pictures(spec, tmp_path, ["chair/00005"], 10, 16))


def test_a_frame_that_is_no_picture_is_named(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_redwood(tmp_path)
    (folder / "videoframes" / "00004" / "frame3.jpg").write_bytes(b"\xff\xd8 cut")
    with pytest.raises(UnreadableFile, match=r"00004/frame3\.jpg"):
        list(find_reader(spec.reader).read_pictures(spec, tmp_path, ["chair/00004"], 10, 16))


def test_bad_clouds_are_named(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_redwood(tmp_path)
    (folder / "train_set80.txt").write_text("00004\n00033\n")
    (folder / "test_set80.txt").write_text("00007\n")
    write_cloud(folder / "meshpreprocessed3" / "00033.npy", 39)
    for asked in (None, 40):
        with pytest.raises(BadCloud, match=r"fewer points(.|\n)*00033\.npy(.|\n)*found: 39"):
            read_split(spec, tmp_path, "train", "real", asked)
    assert read_split(spec, tmp_path, "train", "real", 39).points.shape == (2, 39, 3)
    cloud = write_cloud(folder / "meshpreprocessed3" / "00033.npy", 40)
    cloud[3, 1] = np.nan
    np.save(folder / "meshpreprocessed3" / "00033.npy", cloud)
    with pytest.raises(BadCloud, match=r"not finite(.|\n)*00033\.npy"):
        read_split(spec, tmp_path, "train", "real", 20)
    (folder / "meshpreprocessed3" / "00033.npy").write_bytes(b"nothing")
    with pytest.raises(UnreadableFile, match=r"00033\.npy"):
        read_split(spec, tmp_path, "train", "real")


def test_categories_that_do_not_fit_are_refused(tmp_path: Path, spec: DatasetSpec) -> None:
    folder = write_redwood(tmp_path)
    path = folder / "categories.json"
    good = json.loads(path.read_text())

    def refused(content: object, kind: type[Exception], message: str) -> None:
        path.write_text(json.dumps(content))
        with pytest.raises(kind, match=message):
            read_split(spec, tmp_path, "train", "real")

    renamed = {name.replace("trash container", "trash_container"): scans for name, scans in good.items()}
    refused(renamed, WrongRelease, r"did you mean 'trash_container'(.|\n)*absent: trash container")
    refused({**good, "sofa": ["00004"]}, WrongRelease, "00004: chair, sofa")
    refused({**good, "sofa": "00004"}, UnreadableFile, "categories.json: sofa")
    refused([good], UnreadableFile, "Not a list of categories")
    path.unlink()
    with pytest.raises(UnreadableFile, match=r"categories\.json"):
        read_split(spec, tmp_path, "train", "real")


def test_an_empty_folder_holds_no_data_set(tmp_path: Path, spec: DatasetSpec) -> None:
    with pytest.raises(DatasetMissing, match="No objects of redwood"):
        recognise(spec, tmp_path)
