"""Synth4D's layout as the world writes it: bytes of the recipe alone, lists of both splits, labels of the simulator."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from tests.world.made import tree

from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe


def recipe(train: int = 5, val: int = 2, beams: int = 16) -> WorldRecipe:
    return WorldRecipe("synth4d", {"train": train, "val": val}, None, 1, 7, {"beams": beams, "azimuth_steps": 60})


def test_bytes_depend_on_the_recipe_alone_and_a_scan_on_no_other(tmp_path: Path) -> None:
    build_dataset(recipe(), tmp_path / "one")
    build_dataset(recipe(), tmp_path / "two workers", workers=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two workers")
    build_dataset(recipe(val=1), tmp_path / "fewer")
    few, many = tree(tmp_path / "fewer"), tree(tmp_path / "one")
    scans = [name for name in few if name.endswith(".npy")]
    assert len(scans) == 12 and all(few[name] == many[name] for name in scans)
    assert len({few[name] for name in scans if "/velodyne/" in name}) == 6, "two scans are equal"


def test_lists_name_the_scans_by_town(tmp_path: Path) -> None:
    build_dataset(recipe(), tmp_path)
    folder = tmp_path / "synth4d/splits/nuscenes_synth"
    training, validation = (
        pickle.loads((folder / f"{name}_split.pkl").read_bytes()) for name in ("training", "validation")
    )
    assert training == {
        "Town03": ["000000", "000001"], "Town06": ["000002"], "Town07": ["000003"], "Town10HD": ["000004"],
    }  # fmt: skip
    assert validation == {"Town03": ["500000"], "Town06": ["500001"], "Town07": [], "Town10HD": []}


def test_labels_are_those_of_the_simulator(tmp_path: Path) -> None:
    build_dataset(recipe(1, 1, 32), tmp_path)
    folder = tmp_path / "synth4d/nuscenes_synth/Town03"
    points, labels = (np.load(folder / f"{part}/000000.npy") for part in ("velodyne", "labels"))
    assert points.shape == (len(labels), 4) and points.dtype == np.float32 and points[:, 3].max() <= 1
    assert set(np.unique(labels).tolist()) <= set(range(23)) and {1, 7, 9} <= set(np.unique(labels).tolist())
    road = points[np.isin(labels, (6, 7)) & (np.abs(points[:, :2]) < 8).all(axis=1)]
    assert len(road) > 50 and abs(np.median(road[:, 2]) + 1.84) < 0.1
    assert np.ptp(points[labels == 7][:, 0]) > 2 * np.ptp(road[:, 1]), "x looks along the street"
