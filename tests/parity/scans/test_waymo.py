"""Waymo's own code reads the world's files as ours does, and their schemas are its own (CMCR spec 1.3)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.parity.foreign import run_foreign

from concord3d.data.catalog import load_catalog
from concord3d.data.reading import read_split
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

pytestmark = pytest.mark.slow
# Theirs computes in single precision on the map, whose coordinates are up to 2 km: one step there is 0.12 mm.
METRES = 1e-3


def test_points_and_labels_are_those_of_the_official_code(repository: Path, tmp_path: Path) -> None:
    recipe = WorldRecipe("waymo", {"train": 3}, None, 1, 5, {"beams": 32, "azimuth_steps": 180})
    build_dataset(recipe, tmp_path)
    run_foreign(repository, "scans/waymo_facts.py", tmp_path / "waymo/training", tmp_path / "facts.npz")
    facts = dict(np.load(tmp_path / "facts.npz"))
    store = read_split(load_catalog(repository / "datasets/datasets.yaml")["waymo"], tmp_path, "train", "synthetic")
    assert isinstance(store, SweepSplit)
    assert {f"{name}.{part}" for name in store.names for part in ("points", "labels")} == set(facts)
    for row, name in enumerate(store.names):
        sweep, points, labels = store.sweep(row), facts[f"{name}.points"], facts[f"{name}.labels"]
        assert len(points) > 4000
        np.testing.assert_allclose(sweep.points[:, :3], points[:, 3:], rtol=0, atol=METRES)
        np.testing.assert_allclose(sweep.points[:, 3], np.tanh(points[:, 1]), rtol=1e-6)
        np.testing.assert_array_equal(np.asarray(sweep.labels), labels[:, 1] - 1)
        np.testing.assert_array_equal(sweep.extra["instance"], labels[:, 0])
