"""scenezoo, a foreign reader of ScanNet and 3RScan, reads what the world writes, and what it reads fits together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree
from tests.parity.foreign import run_foreign

from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.rooms.kinds import KINDS
from concord3d.world.rooms.scene_types import SCENE_TYPES

pytestmark = pytest.mark.slow
SPLITS = {"train": 20, "val": 6}
NYU40_OF = {kind.label: kind.nyu40_index for kind in KINDS.values()}
Facts = dict[str, np.ndarray[Any, Any]]
SCANS = range(sum(SPLITS.values()))


def asked(repository: Path, folder: Path, dataset: str, root: str, kind: str) -> Facts:
    build_dataset(WorldRecipe(dataset, SPLITS, None, 1, 4, {}), folder)
    run_foreign(repository, "rooms/scenezoo_facts.py", kind, folder / root, folder / "facts.npz")
    return dict(np.load(folder / "facts.npz"))


@pytest.fixture(scope="module")
def scannet(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    return asked(repository, tmp_path_factory.mktemp("scannet"), "scannet", "scannet", "scannetv2")


@pytest.fixture(scope="module")
def scan3r(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    return asked(repository, tmp_path_factory.mktemp("scan3r"), "scan3r", "3RScan/scans", "3rscan")


@pytest.fixture(params=["scannet", "scan3r"])
def facts(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


def test_its_own_check_passes(facts: Facts) -> None:
    assert "check: PASSED" in str(facts["check"])
    assert len(facts["train"]) == SPLITS["train"] and len(facts["val"]) == SPLITS["val"]


def test_depth_lies_on_the_mesh(facts: Facts) -> None:
    medians = [float(np.median(facts[f"{scan}.distance"])) for scan in SCANS]
    # What is far lies before holes of the mesh.
    assert np.median(medians) < 0.005 and max(medians) < 0.01
    near = np.concatenate([facts[f"{scan}.distance"] for scan in SCANS]) < 0.02
    assert near.mean() > 0.8


def test_classes_are_those_of_the_names(facts: Facts) -> None:
    for scan in SCANS:
        names = dict(zip(facts[f"{scan}.objects"].tolist(), facts[f"{scan}.names"].tolist(), strict=True))
        instance, nyu40 = facts[f"{scan}.instance"], facts[f"{scan}.nyu40"]
        assert set(np.unique(instance)) - {-1, 0} <= set(names) and len(names) >= 5
        for number, name in names.items():
            assert set(nyu40[instance == number]) == {NYU40_OF[name]}


def test_pictures_are_upright(facts: Facts) -> None:
    for scan in SCANS:
        down = facts[f"{scan}.pose"][:, 2, 1]
        assert (down < -0.4).all()


def test_pixels_show_the_objects_that_the_depth_lies_on(scannet: Facts) -> None:
    agreed, total = 0, 0
    for scan in SCANS:
        vertices, instance = scannet[f"{scan}.vertices"], scannet[f"{scan}.instance"]
        pixels, depth = scannet[f"{scan}.pixels"], scannet[f"{scan}.depth"]
        for view in range(0, len(depth), 3):
            matrix, pose = scannet[f"{scan}.intrinsic"][view], scannet[f"{scan}.pose"][view]
            row, column = np.nonzero((depth[view] > 0) & (pixels[view] >= 0))
            row, column = row[::17], column[::17]
            z = depth[view, row, column]
            rays = np.stack(
                [(column - matrix[0, 2]) / matrix[0, 0], (row - matrix[1, 2]) / matrix[1, 1], np.ones(len(z))]
            )
            points = (pose[:3, :3] @ (rays * z)).T + pose[:3, 3]
            distance = np.linalg.norm(points[:, None] - vertices[None], axis=2)
            near = distance.min(axis=1) < 0.05
            own = instance[distance.argmin(axis=1)] == pixels[view, row, column]
            agreed, total = agreed + int((own & near).sum()), total + int(near.sum())
    assert agreed > 0.9 * total > 400


def test_rooms_are_turned_to_their_walls_and_named(scannet: Facts) -> None:
    assert {str(scannet[f"{scan}.type"]) for scan in SCANS} == set(SCENE_TYPES)
    for scan in SCANS:
        alignment = scannet[f"{scan}.alignment"]
        names = scannet[f"{scan}.names"].tolist()
        floor = scannet[f"{scan}.instance"] == scannet[f"{scan}.objects"][names.index("floor")]
        level = scannet[f"{scan}.vertices"][floor] @ alignment[:3, :3].T + alignment[:3, 3]
        assert np.abs(level[:, 2]).max() < 0.03


def test_rescans_are_aligned_with_their_references(scan3r: Facts) -> None:
    ids = [*scan3r["train"].tolist(), *scan3r["val"].tolist()]
    references = scan3r["references"].tolist()
    assert len(set(references)) == len(ids) // 2
    for scan, (own, reference) in enumerate(zip(ids, references, strict=True)):
        alignment, first = scan3r[f"{scan}.alignment"], ids.index(reference)
        assert (own == reference) == np.array_equal(alignment, np.eye(4))
        walls = []
        for number in (scan, first):
            wall = scan3r[f"{number}.objects"][scan3r[f"{number}.names"].tolist().index("wall")]
            walls.append(scan3r[f"{number}.vertices"][scan3r[f"{number}.instance"] == wall])
        moved = walls[0] @ alignment[:3, :3].T + alignment[:3, 3]
        assert np.quantile(cKDTree(walls[1]).query(moved)[0], 0.25) < 0.02


def test_boxes_and_textured_meshes_are_read(scan3r: Facts) -> None:
    for scan in SCANS:
        assert len(scan3r[f"{scan}.boxes"]) == len(scan3r[f"{scan}.objects"])
        assert (scan3r[f"{scan}.boxes"].max(axis=1) > 0.05).all()
        own, textured = scan3r[f"{scan}.vertices"], scan3r[f"{scan}.textured"]
        np.testing.assert_allclose(np.ptp(own, axis=0), np.ptp(textured, axis=0), atol=1e-4)
