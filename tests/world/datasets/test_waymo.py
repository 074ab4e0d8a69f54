"""Waymo's layout as the world writes it: bytes of the recipe alone, and pixels where the rays met the street."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.spatial import cKDTree
from tests.world.made import tree

from concord3d.data.catalog import load_catalog
from concord3d.data.reading import read_split
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import ConfigError
from concord3d.geometry.rigid import inverse, transformed
from concord3d.world.build import build_dataset
from concord3d.world.datasets import find_family, waymo
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.streets import turning

OPTIONS = {"beams": 16, "azimuth_steps": 60}


def recipe(train: int = 3, val: int = 1, **options: int) -> WorldRecipe:
    return WorldRecipe("waymo", {"train": train, "val": val}, None, 1, 7, {**OPTIONS, **options})


def read(repository: Path, folder: Path) -> SweepSplit:
    spec = load_catalog(repository / "datasets/datasets.yaml")["waymo"]
    store = read_split(spec, folder, "train", "synthetic")
    assert isinstance(store, SweepSplit)
    return store


def test_bytes_depend_on_the_recipe_alone_and_a_segment_on_no_other(tmp_path: Path) -> None:
    build_dataset(recipe(), tmp_path / "one")
    build_dataset(recipe(), tmp_path / "two workers", workers=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two workers")
    build_dataset(recipe(train=4), tmp_path / "more")
    few, many = tree(tmp_path / "one"), tree(tmp_path / "more")
    whole = [name for name in few if "1000000000000000000_" in name or "/validation/" in f"/{name}"]
    assert len(whole) == 10 and all(few[name] == many[name] for name in whole)
    lidars = [content for name, content in few.items() if "/lidar/" in name]
    assert len(lidars) == len(set(lidars)) == 3


def test_segments_have_the_labelled_frames_asked_for() -> None:
    items = find_family("waymo").items(recipe(train=5), "train")
    assert [(item.number, item.count) for item in items] == [(0, 2), (1, 2), (2, 1)]
    with pytest.raises(ConfigError, match=r"options\.beams"):
        recipe(beams=40).validated(find_family("waymo").layouts["waymo"])


def test_points_read_are_the_places_where_rays_met_the_street(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was scanned is recorded beside the files, in the street's frame, and found again through them."""
    met: list[np.ndarray[Any, Any]] = []
    streets = []

    def recorded(scene: Any, mesh: Any, street_from_lidar: Any, *rest: Any) -> Any:
        sweep = scan(scene, mesh, street_from_lidar, *rest)
        met.append(transformed(sweep.points[:, :3], street_from_lidar))
        return sweep

    def composed(*arguments: Any) -> Any:
        streets.append(compose(*arguments))
        return streets[-1]

    scan, compose = turning.scan, waymo.compose_street
    monkeypatch.setattr(turning, "scan", recorded)
    monkeypatch.setattr(waymo, "compose_street", composed)
    build_dataset(WorldRecipe("waymo", {"train": 1}, None, 1, 7, OPTIONS), tmp_path)
    [path] = (tmp_path / "waymo/training/vehicle_pose").glob("*.parquet")
    pose = np.array(pq.read_table(path, partitioning=None).column(2)[0].as_py()).reshape(4, 4)
    first = read(repository, tmp_path).sweep(0)
    [street] = streets
    in_street = transformed(first.points[:, :3], inverse(street.global_from_street) @ pose)
    [images] = (tmp_path / "waymo/training/lidar").glob("*.parquet")
    table = pq.read_table(images, partitioning=None)
    num_first = int((np.array(table.column(3)[0].as_py()).reshape(-1, 4)[:, 0] > 0).sum())
    far, _ = cKDTree(np.concatenate(met)).query(in_street[:num_first])
    # Coordinates of the map are stored in single precision: one step is 0.12 mm.
    assert num_first > 400 and far.max() < 5e-4
    # One of the sectors at a time is kept; each has points that no other sector's scan has.
    assert len(met) == 8 and all((cKDTree(in_street[:num_first]).query(own)[0] < 5e-4).sum() > 20 for own in met)


def test_the_road_is_flat_and_below_the_vehicle(repository: Path, tmp_path: Path) -> None:
    build_dataset(WorldRecipe("waymo", {"train": 2}, None, 1, 7, {"beams": 32, "azimuth_steps": 180}), tmp_path)
    store = read(repository, tmp_path)
    for row in range(2):
        sweep = store.sweep(row)
        labels = np.asarray(sweep.labels)
        road = sweep.points[
            (labels == store.class_names.index("road")) & (np.abs(sweep.points[:, :2]) < 10).all(axis=1)
        ]
        assert len(road) > 100 and np.abs(np.median(road[:, 2])) < 0.1 and np.ptp(road[:, 2]) < 0.6
        cars = labels == store.class_names.index("car")
        assert (sweep.extra["instance"][cars] > 0).all() and cars.any()
        # The street runs along x.
        all_road = sweep.points[labels == store.class_names.index("road")]
        assert np.ptp(all_road[:, 0]) > 1.5 * np.ptp(all_road[:, 1])
