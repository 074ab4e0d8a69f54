"""Synth4D: what is read of its arrays and lists, and what every damage is called."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.readers import find_reader
from concord3d.data.reading import read_split
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import (
    BadCloud,
    ConcordError,
    ConfigError,
    DatasetCorrupt,
    DatasetMissing,
    UnreadableFile,
    WrongRelease,
)
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

NAMES = ("Town03/500000", "Town06/500001")


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["synth4d"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One scan to train with and two to test with."""
    folder = tmp_path_factory.mktemp("synth4d")
    recipe = WorldRecipe("synth4d", {"train": 1, "val": 2}, None, 1, 4, {"beams": 16, "azimuth_steps": 60})
    build_dataset(recipe, folder)
    return folder


def read(spec: DatasetSpec, root: Path) -> SweepSplit:
    store = read_split(spec, root, "val", "synthetic")
    assert isinstance(store, SweepSplit)
    return store


def scan(root: Path, part: str) -> Path:
    return root / f"synth4d/nuscenes_synth/Town03/{part}/500000.npy"


def listed(root: Path) -> Path:
    return root / "synth4d/splits/nuscenes_synth/validation_split.pkl"


def test_scans_are_what_the_files_hold(spec: DatasetSpec, world: Path) -> None:
    store = read(spec, world)
    assert store.names == NAMES and store.class_names == spec.class_names
    assert [find_reader("synth4d").census(spec, world, split).num_items for split in ("train", "val")] == [1, 2]
    assert 0.2 < store.network_points(0)[:, 3].max() <= 1
    # As the authors' own code takes the 23 labels together.
    taken = [-1, 5, 5, -1, 1, 5, 2, 2, 3, 6, 0, 5, 5, -1, -1, 5, 5, 5, -1, -1, -1, -1, 4]
    for row, name in enumerate(NAMES):
        town, number = name.split("/")
        folder = world / "synth4d/nuscenes_synth" / town
        sweep = store.sweep(row)
        np.testing.assert_array_equal(sweep.points, np.load(folder / f"velodyne/{number}.npy"))
        raw = np.load(folder / f"labels/{number}.npy")
        np.testing.assert_array_equal(np.asarray(sweep.labels), np.array(taken)[raw])
    assert len(set(np.unique(store.labels).tolist()) - {-1}) >= 5


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("form", [list, np.array, lambda names: np.array(names, object)])
def test_lists_of_any_protocol_decide(spec: DatasetSpec, copy: Path, protocol: int, form: Callable[..., Any]) -> None:
    listed(copy).write_bytes(pickle.dumps({"Town06": form(["500001"])}, protocol))
    assert read(spec, copy).names == NAMES[1:]


def test_other_types_of_arrays_and_further_values_are_read(spec: DatasetSpec, world: Path, copy: Path) -> None:
    points, labels = (np.load(scan(world, part)) for part in ("velodyne", "labels"))
    np.save(scan(copy, "velodyne"), np.column_stack([points, points[:, 0]]).astype(np.float64))
    np.save(scan(copy, "labels"), labels[:, None].astype(np.float64))
    changed, kept = read(spec, copy), read(spec, world)
    np.testing.assert_array_equal(changed.points, kept.points)
    np.testing.assert_array_equal(np.asarray(changed.labels), np.asarray(kept.labels))


def changed(part: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    return lambda root: np.save(scan(root, part), change(np.load(scan(root, part))))


def cut(path: Callable[[Path], Path]) -> Callable[[Path], None]:
    return lambda root: path(root).write_bytes(path(root).read_bytes()[:-9]) and None


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("/tmp/concord3d_hostile",)


def pickled(content: Any) -> Callable[[Path], None]:
    return lambda root: listed(root).write_bytes(pickle.dumps(content)) and None


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (cut(lambda root: scan(root, "velodyne")), UnreadableFile, r"(?s)Cannot read a scan.*500000\.npy"),
        (cut(lambda root: scan(root, "labels")), UnreadableFile, r"(?s)Cannot read labels.*500000\.npy"),
        (cut(listed), UnreadableFile, r"validation_split\.pkl"),
        (lambda root: listed(root).write_bytes(b""), UnreadableFile, r"(?s)Cannot read a pickled file.*next"),
        (lambda root: listed(root).unlink(), DatasetMissing, r"validation_split\.pkl"),
        (lambda root: scan(root, "labels").unlink(), DatasetMissing, r"(?s)has no labels.*labels/500000\.npy"),
        (lambda root: scan(root, "velodyne").unlink(), DatasetMissing, r"(?s)all 2 scans.*1 absent.*500000\.npy"),
        (changed("velodyne", lambda points: points[:0]), BadCloud, r"(?s)wrong shape.*\(0, 4\)"),
        (changed("velodyne", lambda points: points[:, :3]), BadCloud, r"(?s)x, y, z, intensity.*, 3\)"),
        (changed("velodyne", lambda points: points.astype(str)), UnreadableFile, "no array of numbers"),
        (changed("labels", lambda labels: labels[:-1]), DatasetCorrupt, "as there are points"),
        (changed("labels", lambda labels: labels + 0.5), DatasetCorrupt, "whole numbers"),
        (changed("labels", lambda labels: labels * 0 + 23), WrongRelease, r"(?s)none of this data set.*found: 23\b"),
        (changed("labels", lambda labels: labels * 0 - 2), WrongRelease, r"(?s)none of this data set.*found: -2\b"),
        (pickled(["500000"]), UnreadableFile, r"(?s)another form.*names of scans by town.*list"),
        (pickled({"Town03": "500000"}), UnreadableFile, "another form"),
        (pickled({"Town03": []}), DatasetMissing, "an empty list"),
        (pickled({"Town03": [Hostile()]}), UnreadableFile, r"(?s)more than plain data.*mkdir"),
    ],
)  # fmt: skip
def test_every_damage_has_a_name(
    spec: DatasetSpec, copy: Path, damage: Callable[[Path], None], kind: type[ConcordError], message: str
) -> None:
    damage(copy)
    with pytest.raises(kind, match=message):
        read(spec, copy)
    assert not Path("/tmp/concord3d_hostile").exists()


def test_the_catalogue_must_name_the_lists(spec: DatasetSpec, world: Path) -> None:
    nameless = spec.model_copy(update={"splits": {"val": spec.splits["val"].model_copy(update={"list_file": None})}})
    with pytest.raises(ConfigError, match="no list of a split"):
        find_reader("synth4d").read(nameless, world, "val", "synthetic")
