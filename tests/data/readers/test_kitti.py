"""Frames of KITTI: what is read, and what every damage is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.formats.kitti_labels import TYPES
from concord3d.data.reading import read_split, recognise
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, ConcordError, ConfigError, DatasetMissing, UnreadableFile, WrongRelease
from concord3d.geometry.projection import project_points
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

OPTIONS = {"beams": 16, "azimuth_steps": 60, "height": 24, "width": 80}


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    catalog = load_catalog(repository / "datasets" / "datasets.yaml")
    return catalog["kitti"].model_copy(update={"picture_size": (12, 40)})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kitti")
    build_dataset(WorldRecipe("kitti", {"train": 1, "val": 2}, None, 1, 4, OPTIONS), folder)
    return folder


def read(spec: DatasetSpec, root: Path, split: str = "val") -> SweepSplit:
    store = read_split(spec, root, split, "synthetic")
    assert isinstance(store, SweepSplit)
    return store


def test_frames_are_what_the_files_hold(spec: DatasetSpec, world: Path) -> None:
    store, folder = read(spec, world), world / "kitti" / "training"
    assert store.names == ("training/000001", "training/000002") and store.labels is None
    assert read(spec, world, "train").names == ("training/000000",)
    np.testing.assert_array_equal(
        store.sweep(1).points, np.fromfile(folder / "velodyne/000002.bin", "<f4").reshape(-1, 4)
    )
    assert 0.2 < store.network_points(0)[:, 3].max() <= 1
    pictures = store.per_sweep["pictures"]
    assert pictures.shape == (2, 1, 12, 40, 3)
    with Image.open(folder / "image_2/000001.png") as image:
        whole = np.asarray(image, np.float64)
    assert np.abs(whole.reshape(12, 2, 40, 2, 3).mean(axis=(1, 3)) - pictures[0, 0]).mean() < 12


def test_the_camera_looks_to_the_front(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    points = store.sweep(0).points
    pairs = project_points(points, store.per_sweep["camera_from_lidar"][0], store.per_sweep["intrinsics"][0], 12, 40)
    shown = points[pairs.point]
    assert len(pairs) > 20 and (shown[:, 0] > 1).all()
    # What is to the left is shown on the left, what is high above.
    assert np.corrcoef(shown[:, 1] / shown[:, 0], pairs.column)[0, 1] < -0.99
    assert np.corrcoef(shown[:, 2] / shown[:, 0], pairs.row)[0, 1] < -0.98


def test_rectification_and_the_place_of_the_left_camera_count(spec: DatasetSpec, copy: Path) -> None:
    path = copy / "kitti/training/calib/000001.txt"
    told = dict(line.split(": ") for line in path.read_text().splitlines())
    angle = np.radians(3)
    turned = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    p2 = np.array(told["P2"].split(), float).reshape(3, 4)
    p2[:, 3] = p2[:, :3] @ [0.06, 0.01, 0.002]
    told |= {"R0_rect": " ".join(map(str, turned.ravel())), "P2": " ".join(map(str, p2.ravel()))}
    path.write_text("".join(f"{name}: {values}\n" for name, values in told.items()))
    store = read(spec, copy)
    velo = np.vstack([np.array(told["Tr_velo_to_cam"].split(), float).reshape(3, 4), [0, 0, 0, 1]])
    rectified = np.eye(4)
    rectified[:3, :3] = turned
    point = np.array([10.0, 1.0, -0.5, 1.0])
    expected = p2 @ rectified @ velo @ point
    place = store.per_sweep["camera_from_lidar"][0, 0] @ point
    found = p2[:, :3] @ place[:3]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_boxes_lie_where_the_points_of_their_objects_are(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    boxes = store.boxes
    assert boxes is not None and store.class_names == ("car", "pedestrian", "cyclist")
    lines = [
        line.split()
        for name in store.names
        for line in (world / f"kitti/training/label_2/{name[-6:]}.txt").read_text().splitlines()
        if not line.startswith("DontCare")
    ]
    assert len(lines) == len(boxes.classes) == boxes.offsets[-1] and np.isnan(boxes.velocities).all()
    classes = {"Car": 0, "Pedestrian": 1, "Cyclist": 2}
    assert boxes.classes.tolist() == [classes.get(line[0], -1) for line in lines]
    assert [TYPES[number] for number in boxes.categories] == [line[0] for line in lines]
    assert boxes.visibilities.tolist() == [4 - int(line[2]) for line in lines]
    near = (boxes.classes == 0) & (boxes.visibilities == 4) & (np.linalg.norm(boxes.centres, axis=1) < 30)
    assert near.any() and (boxes.num_points[near] > 0).all()
    # x is in front, and what the label says of the depth is the distance along it.
    depth = np.array([float(line[13]) for line in lines])
    np.testing.assert_allclose(boxes.centres[:, 0], depth, atol=0.5)
    store.validated()


def test_points_are_annotated_where_the_picture_shows_them(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    told = store.sweep(0).extra["annotated"]
    points = store.sweep(0).points
    assert 0 < told.sum() < len(told) and (points[told, 0] > 0).all()
    assert len(store.annotated_points(0)) == told.sum() and len(store.network_points(0)) == len(told)
    assert store.per_sweep["picture_sizes"].tolist() == [[24, 80]] * 2
    beside = replace(store, extra={})
    assert len(beside.annotated_points(0)) == len(told)


def test_counts_are_those_of_the_lists(spec: DatasetSpec, world: Path) -> None:
    with pytest.raises(WrongRelease, match=r"train 3712(.|\n)*train 1"):
        recognise(spec, world)
    with pytest.raises(ConfigError, match="picture_size"):
        read(spec.model_copy(update={"picture_size": None}), world)


def changed(path: str, change: Callable[[bytes], bytes | None]) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        file = root / "kitti" / path
        content = change(file.read_bytes())
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)

    return damage


SWEEP, PICTURE, CALIBRATION, LABELS = (f"training/{part}/000001.{end}" for part, end in (
    ("velodyne", "bin"), ("image_2", "png"), ("calib", "txt"), ("label_2", "txt"),
))  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (changed(SWEEP, lambda old: old[:-1]), UnreadableFile, r"truncated(.|\n)*multiple of 16"),
        (changed(SWEEP, lambda _: b""), BadCloud, "no points"),
        (changed(SWEEP, lambda _: None), DatasetMissing, "A sweep of a frame is missing"),
        (changed(LABELS, lambda _: None), DatasetMissing, r"The labels of a frame(.|\n)*000001\.txt"),
        (changed(LABELS, lambda old: old[:-9]), UnreadableFile, "14 finite numbers"),
        (changed(PICTURE, lambda _: None), DatasetMissing, r"A picture(.|\n)*000001\.png"),
        (changed(PICTURE, lambda old: old[:40]), UnreadableFile, "image"),
        (changed(PICTURE, lambda _: b"no picture"), UnreadableFile, "image"),
        (changed(CALIBRATION, lambda _: None), DatasetMissing, "A calibration"),
        (changed(CALIBRATION, lambda old: old.replace(b"R0_rect", b"R0")), UnreadableFile, "no R0_rect"),
        (changed(CALIBRATION, lambda old: old.replace(b"P2: ", b"P2: 1 ")), UnreadableFile, "Cannot read"),
        (changed("ImageSets/val.txt", lambda _: None), DatasetMissing, r"val\.txt"),
        (changed("ImageSets/val.txt", lambda _: b"\n"), DatasetMissing, "No frames"),
        (changed("ImageSets/val.txt", lambda old: old + b"000009\n"), DatasetMissing, r"000009\.bin"),
    ],
)  # fmt: skip
def test_every_damage_has_a_name(
    spec: DatasetSpec, copy: Path, damage: Callable[[Path], None], kind: type[ConcordError], message: str
) -> None:
    damage(copy)
    with pytest.raises(kind, match=message):
        read(spec, copy)
