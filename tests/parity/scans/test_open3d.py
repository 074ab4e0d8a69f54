"""Open3D's readers of SemanticKITTI and KITTI, and pykitti, find what ours find (CMCR spec 1.2, 1.3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.parity.foreign import run_foreign

from concord3d.data.catalog import load_catalog
from concord3d.data.formats.kitti_calibration import read_calibration
from concord3d.data.reading import read_split
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.geometry.rigid import inverse, transformed
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

pytestmark = pytest.mark.slow
OPTIONS = {"beams": 32, "azimuth_steps": 180}
Facts = dict[str, np.ndarray[Any, Any]]


def asked(repository: Path, folder: Path, recipe: WorldRecipe, root: str) -> tuple[Facts, dict[str, SweepSplit]]:
    build_dataset(recipe, folder)
    spec = load_catalog(repository / "datasets" / "datasets.yaml")[recipe.dataset]
    run_foreign(repository, "scans/open3d_facts.py", recipe.dataset, folder / root, folder / "facts.npz")
    stores = {split: read_split(spec, folder, split, "synthetic") for split in recipe.splits}
    return dict(np.load(folder / "facts.npz")), {k: v for k, v in stores.items() if isinstance(v, SweepSplit)}


def test_semantic_kitti(repository: Path, tmp_path: Path) -> None:
    # Open3D asks for every sequence, also for those of the official test split.
    recipe = WorldRecipe("semantic_kitti", {"train": 20, "val": 2}, None, 1, 5, OPTIONS)
    facts, stores = asked(repository, tmp_path, recipe, "semantic_kitti")
    for split, theirs in (("train", "training"), ("val", "validation")):
        store = stores[split]
        assert [name.replace("_", "/") for name in facts[f"{theirs}.names"].tolist()] == list(store.names)
        for row in range(len(store)):
            sweep = store.sweep(row)
            points = facts[f"{theirs}.{row}.points"]
            np.testing.assert_array_equal(sweep.points[:, : points.shape[1]], points)
            # Theirs count from 1, with 0 for none.
            np.testing.assert_array_equal(np.asarray(sweep.labels) + 1, facts[f"{theirs}.{row}.labels"])
    np.testing.assert_array_equal(facts["odometry.velo"], stores["val"].points)
    matrix = facts["odometry.velo_to_camera"]
    front = transformed(np.array([[10.0, 0.0, 0.0]]), matrix)[0]
    assert front[2] > 9 and np.abs(front[:2]).max() < 0.2
    np.testing.assert_allclose(facts["odometry.times"], [0.0, 0.1], atol=1e-6)


def test_kitti(repository: Path, tmp_path: Path) -> None:
    recipe = WorldRecipe("kitti", {"train": 2, "val": 2}, None, 1, 5, {**OPTIONS, "height": 48, "width": 160})
    facts, stores = asked(repository, tmp_path, recipe, "kitti")
    clouds = [store.sweep(row).points for store in stores.values() for row in range(len(store))]
    boxes = 0
    for number, points in enumerate(clouds):
        np.testing.assert_array_equal(facts[f"{number}.points"], points)
        folder = tmp_path / "kitti/training"
        calibration = read_calibration(folder / f"calib/{number:06d}.txt").camera_from_lidar
        lines = [line.split() for line in (folder / f"label_2/{number:06d}.txt").read_text().splitlines()]
        for line, kind, box in zip(lines, facts[f"{number}.classes"], facts[f"{number}.boxes"], strict=True):
            known = ("Pedestrian", "Cyclist", "Car", "Van", "Person_sitting")
            assert kind == (line[0] if line[0] in known else "DontCare")
            if line[0] == "DontCare":
                continue
            numbers = np.array(line[1:], float)
            place = transformed(numbers[10:13][None], inverse(calibration))[0] + [0, 0, numbers[7] / 2]
            np.testing.assert_allclose(box[:3], place, atol=1e-4)
            np.testing.assert_allclose(box[3:6], numbers[[8, 7, 9]], atol=1e-6)
            assert box[7] == numbers[1]
            boxes += 1
    assert boxes > 5
