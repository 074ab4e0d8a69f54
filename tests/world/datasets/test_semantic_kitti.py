"""Labelled scans of the world: the same bytes from the same recipe, and labels of what the street shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.world.made import tree

from concord3d.errors import ConfigError
from concord3d.world.build import build_dataset
from concord3d.world.datasets import find_family
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.formats.labelled_scans import SCAN_SETS
from concord3d.world.streets.taxonomy import CATEGORY_INDEX, DETAIL_INDEX

OPTIONS = {"beams": 16, "azimuth_steps": 60}


def recipe(dataset: str = "semantic_kitti", train: int = 2, val: int = 1, **options: int) -> WorldRecipe:
    return WorldRecipe(dataset, {"train": train, "val": val}, None, 1, 7, {**OPTIONS, **options})


@pytest.mark.parametrize("dataset", SCAN_SETS)
def test_bytes_depend_on_the_recipe_alone_and_a_scan_on_no_other(tmp_path: Path, dataset: str) -> None:
    build_dataset(recipe(dataset), tmp_path / "one")
    build_dataset(recipe(dataset), tmp_path / "two workers", workers=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two workers")
    build_dataset(recipe(dataset, val=2), tmp_path / "more")
    few, many = tree(tmp_path / "one"), tree(tmp_path / "more")
    scans = [name for name in few if name.endswith((".bin", ".label"))]
    assert len(scans) == 6 and all(few[name] == many[name] for name in scans)
    assert len({few[name] for name in scans}) == 6, "two scans are equal"


def test_splits_and_data_sets_share_no_street(tmp_path: Path) -> None:
    seen = set()
    for dataset in SCAN_SETS:
        build_dataset(recipe(dataset, train=1), tmp_path / dataset)
        seen |= {content for name, content in tree(tmp_path / dataset).items() if name.endswith(".bin")}
    # ScribbleKITTI has the scans of SemanticKITTI.
    assert len(seen) == 2 * (len(SCAN_SETS) - 1)
    series = [find_family(name).layouts[name].series for name in SCAN_SETS]
    assert len(set(series)) == len(SCAN_SETS) - 1


def test_scans_are_spread_over_the_sequences() -> None:
    items = find_family("semantic_kitti").items(recipe(train=25), "train")
    assert [item.number for item in items] == list(range(25))
    counts = {sequence: sum(item.sequence == sequence for item in items) for sequence in ("00", "04", "05", "10")}
    assert counts == {"00": 3, "04": 3, "05": 2, "10": 2}
    assert [item.name for item in items[:4]] == ["000000", "000001", "000002", "000000"]


@pytest.mark.parametrize(
    ("dataset", "category", "detail", "standing", "moving"),
    [
        ("semantic_kitti", "vehicle.car", "", 10, 252),
        ("semantic_kitti", "vehicle.bus.bendy", "", 13, 257),
        ("semantic_kitti", "vehicle.trailer", "", 20, 259),
        ("semantic_kitti", "vehicle.ego", "", 1, 1),
        ("semantic_kitti", "flat.driveable_surface", "lane_marking", 60, 60),
        ("semantic_kitti", "static.manmade", "", 52, 52),
        ("semantic_kitti", "static.manmade", "pole", 80, 80),
        ("semantic_kitti", "static.vegetation", "trunk", 71, 71),
        ("rellis3d", "static.vegetation", "trunk", 4, 4),
        ("semantic_poss", "vehicle.motorcycle", "", 21, 21),
        ("semantic_poss", "flat.sidewalk", "", 22, 22),
        ("semantic_stf", "static.manmade", "", 0, 0),
        ("synlidar", "human.pedestrian.child", "", 14, 14),
        ("daps3d", "human.pedestrian.adult", "", 30, 254),
    ],
)
def test_labels(dataset: str, category: str, detail: str, standing: int, moving: int) -> None:
    place = CATEGORY_INDEX[category], DETAIL_INDEX[detail]
    tables = [SCAN_SETS[dataset].label_table(moves) for moves in (False, True)]
    assert [int(table[place]) for table in tables] == [standing, moving]


def test_points_look_to_the_front_and_stand_on_the_ground(tmp_path: Path) -> None:
    build_dataset(recipe(val=3, beams=64, azimuth_steps=360), tmp_path)
    folder = tmp_path / "semantic_kitti/dataset/sequences/08"
    for name in ("000000", "000001", "000002"):
        points = np.fromfile(folder / f"velodyne/{name}.bin", "<f4").reshape(-1, 4)
        raw = np.fromfile(folder / f"labels/{name}.label", "<u4")
        label, instance = raw & 0xFFFF, raw >> 16
        assert points[:, 3].min() >= 0 and points[:, 3].max() <= 1
        road = points[np.isin(label, (40, 60)) & (np.abs(points[:, :2]) < 8).all(axis=1)]
        assert len(road) > 200 and abs(np.median(road[:, 2]) + 1.84) < 0.1
        # The street runs along x: the road reaches far before and behind, and not to the sides.
        assert np.ptp(points[label == 40][:, 0]) > 2 * np.ptp(road[:, 1])
        # The roof of the vehicle reaches further behind the sensor than before it.
        roof = points[label == 1]
        assert roof[:, 0].min() < -0.9 and roof[:, 0].max() < 0.5
        assert not instance[np.isin(label, (40, 50, 70, 72))].any()
        cars = np.isin(label, (10, 252))
        assert (instance[cars] > 0).all()
        for number in np.unique(instance[instance > 0]):
            assert len(np.unique(label[instance == number])) == 1


def test_odometry_has_a_pose_and_a_time_for_each_scan(tmp_path: Path) -> None:
    build_dataset(recipe(train=20), tmp_path)
    folder = tmp_path / "semantic_kitti/dataset/sequences/00"
    poses = np.loadtxt(folder / "poses.txt").reshape(-1, 3, 4)
    assert len(poses) == 2 == len(np.loadtxt(folder / "times.txt"))
    np.testing.assert_allclose(poses[0], np.eye(4)[:3], atol=1e-9)
    np.testing.assert_allclose(poses[1, :, :3] @ poses[1, :, :3].T, np.eye(3), atol=1e-9)


@pytest.mark.parametrize(("option", "value"), [("beams", 40), ("azimuth_steps", 0), ("azimuth_steps", True)])
def test_impossible_options_are_refused(option: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"options.{option}"):
        recipe(**{option: value}).validated(find_family("semantic_kitti").layouts["semantic_kitti"])
