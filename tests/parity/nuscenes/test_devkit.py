"""The official nuScenes devkit reads what the world writes, and says of it what our reader says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree
from tests.parity.foreign import run_foreign

from concord3d.data.catalog import load_catalog
from concord3d.data.formats.nuscenes_sweeps import CLASS_OF
from concord3d.data.formats.nuscenes_tables import CAMERAS
from concord3d.data.nuscenes_splits import SCENES
from concord3d.data.reading import read_split
from concord3d.data.stores.sweeps import Sweep, SweepSplit
from concord3d.geometry.projection import project_points
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

pytestmark = pytest.mark.slow
SIZE = (90, 160)
OPTIONS = {"keyframes": 3, "beams": 32, "azimuth_steps": 300, "height": SIZE[0], "width": SIZE[1]}
Facts = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def facts_and_sweeps(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Facts, list[Sweep]]:
    folder = tmp_path_factory.mktemp("nuscenes")
    build_dataset(WorldRecipe("nuscenes", {"train": 3, "val": 2}, None, 1, 5, OPTIONS), folder)
    run_foreign(repository, "nuscenes/devkit_facts.py", folder / "nuscenes", folder / "facts.npz")
    spec = load_catalog(repository / "datasets" / "datasets.yaml")["nuscenes"]
    sweeps = []
    for split in ("train", "val"):
        store = read_split(spec, folder, split, "synthetic")
        assert isinstance(store, SweepSplit)
        sweeps += [store.sweep(index) for index in range(len(store))]
    return dict(np.load(folder / "facts.npz")), sweeps


def test_scenes_are_official(facts_and_sweeps: tuple[Facts, list[Sweep]]) -> None:
    facts, sweeps = facts_and_sweeps
    assert [sweep.name for sweep in sweeps] == facts["names"].tolist() and len(sweeps) == 15
    for split, scenes in SCENES.items():
        assert set(scenes) == set(facts[split].tolist()) and len(scenes) == len(facts[split])
    # The rule of label fractions counts scenes in this order.
    assert list(SCENES["train"]) == sorted(facts["train"].tolist())


def test_points_and_labels_are_the_same(facts_and_sweeps: tuple[Facts, list[Sweep]]) -> None:
    facts, sweeps = facts_and_sweeps
    classes = np.array([CLASS_OF.get(category, -1) for category in range(32)])
    for number, sweep in enumerate(sweeps):
        np.testing.assert_array_equal(sweep.points, facts[f"{number}.points"])
        np.testing.assert_array_equal(sweep.labels, classes[facts[f"{number}.category"]])
        panoptic = facts[f"{number}.panoptic"]
        np.testing.assert_array_equal(sweep.extra["panoptic"], panoptic)
        np.testing.assert_array_equal(panoptic // 1000, facts[f"{number}.category"])


def inside(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Whether (M, 3) columns, rows and depths lie within the margins of the devkit by a hundredth."""
    far = np.array([SIZE[1] - 1, SIZE[0] - 1])
    return ((pixels[:, :2] > 1.01) & (pixels[:, :2] < far - 0.01)).all(axis=1) & (pixels[:, 2] > 1.01)


def test_projection_agrees_to_the_pixel(facts_and_sweeps: tuple[Facts, list[Sweep]]) -> None:
    """The devkit computes in single precision, in coordinates of the whole map: pixels differ by thousandths."""
    facts, sweeps = facts_and_sweeps
    compared = 0
    for number, sweep in enumerate(sweeps):
        matrices, intrinsics = sweep.per_sweep["camera_from_lidar"], sweep.per_sweep["intrinsics"]
        pairs = project_points(sweep.points, matrices, intrinsics, *SIZE)
        for camera, name in enumerate(CAMERAS):
            theirs = facts[f"{number}.{name}"]
            own = pairs.camera == camera
            point = pairs.point[own]
            place = sweep.points[point, :3] @ matrices[camera, :3, :3].T + matrices[camera, :3, 3]
            image = place @ intrinsics[camera].T
            ours = np.column_stack([image[:, :2] / image[:, 2:], place[:, 2]])
            # What lies on an edge may be in for one and out for the other; the devkit leaves a pixel more out.
            first, second = (cKDTree(theirs).query(ours), cKDTree(ours).query(theirs))
            assert first[0][inside(ours)].max() < 0.01 and second[0][inside(theirs)].max() < 0.01
            match = second[1][inside(theirs)]
            sure = (np.abs(ours[match, :2] % 1 - 0.5) > 0.01).all(axis=1)
            pixel = np.column_stack([pairs.column[own], pairs.row[own]])[match]
            np.testing.assert_array_equal(pixel[sure], np.rint(theirs[inside(theirs), :2][sure]))
            compared += int(sure.sum())
    assert compared > 20_000


def test_boxes_hold_their_points_and_move_as_they_should(facts_and_sweeps: tuple[Facts, list[Sweep]]) -> None:
    facts, sweeps = facts_and_sweeps
    assert facts["annotated"] > 1000
    # What is missing is the noise of ranges.
    assert facts["in_box"] > 0.99 * facts["annotated"]
    speeds = [np.linalg.norm(facts[f"{number}.velocity"], axis=1) for number in range(len(sweeps))]
    assert all(np.isfinite(one).all() for one in speeds)
    moving = np.concatenate(speeds)
    assert (moving > 2).any() and (moving == 0).any() and moving.max() < 11.1
