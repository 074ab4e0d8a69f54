"""nuScenes-C of the world: the streets and sweeps of nuScenes, corrupted copies of them, and what the reader says."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.world.made import tree

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.corruptions import CROSSTALK_LABEL, condition_of, conditions
from concord3d.data.reading import read_split, recognise
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, ConfigError, DatasetCorrupt, DatasetMissing, UnreadableFile, WrongRelease
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

OPTIONS = {"keyframes": 2, "beams": 16, "azimuth_steps": 90, "height": 6, "width": 8}
RECIPE = WorldRecipe("nuscenes_c", {"val": 2}, None, 1, 7, OPTIONS)
NUM_SWEEPS = 25 * 2 * 2


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["nuscenes_c"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nuscenes_c")
    build_dataset(RECIPE, folder)
    return folder


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "copy")
    return tmp_path / "copy"


def read(spec: DatasetSpec, root: Path) -> SweepSplit:
    store = read_split(spec, root, "val", "synthetic")
    assert isinstance(store, SweepSplit)
    return store


def first(root: Path, pattern: str) -> Path:
    return min((root / "nuScenes-C").glob(pattern))


def test_recorded_sweeps_are_those_of_nuscenes(built: Path, tmp_path: Path) -> None:
    build_dataset(WorldRecipe("nuscenes", {"val": 2}, None, 1, 7, OPTIONS), tmp_path)
    own, plain = tree(built), tree(tmp_path)
    shared = [name for name in plain if "LIDAR_TOP" in name or name.endswith(("_lidarseg.bin", ".json"))]
    assert len(shared) == 4 + 4 + 15 + 1
    assert all(own[name] == plain[name] for name in shared if name != "world.json")


def test_bytes_depend_on_the_recipe_alone_and_a_scene_on_no_other(built: Path, tmp_path: Path) -> None:
    build_dataset(RECIPE, tmp_path / "two workers", workers=2)
    assert tree(built) == tree(tmp_path / "two workers")
    build_dataset(WorldRecipe("nuscenes_c", {"val": 1}, None, 1, 7, OPTIONS), tmp_path / "one")
    alone, among = tree(tmp_path / "one"), tree(built)
    corrupted = [name for name in alone if name.startswith("nuScenes-C/")]
    assert len(corrupted) == 24 * 2 * 2 and all(alone[name] == among[name] for name in corrupted)


def test_the_reader_yields_every_sweep_once_for_each_condition(spec: DatasetSpec, built: Path) -> None:
    store = read(spec, built)
    assert len(store) == NUM_SWEEPS == recognise_synthetic(spec, built)
    assert store.class_names == spec.class_names and store.intensity_range == 255
    by_keyframe: dict[str, list[str]] = {}
    for name in store.names:
        keyframe, condition = condition_of(name)
        by_keyframe.setdefault(keyframe, []).append(condition)
    assert list(by_keyframe) == ["scene-0003/000", "scene-0003/001", "scene-0012/000", "scene-0012/001"]
    names = ["clean", *(f"{corruption}/{severity}" for corruption, severity in conditions())]
    assert all(found == names for found in by_keyframe.values())
    # A file of the condition holds what the store says.
    row = store.names.index("scene-0012/001/snow/heavy")
    path = sorted((built / "nuScenes-C/snow/heavy/samples/LIDAR_TOP").iterdir())[3]
    np.testing.assert_array_equal(store.sweep(row).points, np.fromfile(path, "<f4").reshape(-1, 5)[:, :4])


def recognise_synthetic(spec: DatasetSpec, root: Path) -> int:
    """Count from tables alone; what is no real release says so, with its counts."""
    with pytest.raises(WrongRelease, match=f"val {NUM_SWEEPS}"):
        recognise(spec, root)
    return NUM_SWEEPS


def test_what_no_surface_returned_has_no_class(spec: DatasetSpec, built: Path) -> None:
    store = read(spec, built)
    row = store.names.index("scene-0003/000/crosstalk/heavy")
    path = min((built / "nuScenes-C/crosstalk/heavy/lidarseg/v1.0-trainval").iterdir())
    rows = [store.sweep(other).labels for other in range(len(store)) if "crosstalk/heavy" in store.names[other]]
    raw = np.fromfile(path, np.uint8)
    [match] = [labels for labels in rows if labels is not None and len(labels) == len(raw)]
    assert (raw == CROSSTALK_LABEL).any() and (match[raw == CROSSTALK_LABEL] == -1).all()
    labels, clean = store.sweep(row).labels, store.sweep(0).labels
    assert labels is not None and clean is not None
    assert store.names[0] == "scene-0003/000/clean" and (clean != labels).any()
    assert set(labels[clean != labels]) == {-1}


def test_damage_has_a_name(spec: DatasetSpec, copy: Path) -> None:
    sweep = first(copy, "fog/light/samples/LIDAR_TOP/*")
    labels = first(copy, "fog/light/lidarseg/v1.0-trainval/*")
    kept, kept_labels = sweep.read_bytes(), labels.read_bytes()
    damages = [
        (sweep, kept[:-3], UnreadableFile, "truncated"),
        (sweep, b"", BadCloud, "no points"),
        (sweep, kept[:-20], DatasetCorrupt, "not as many as points"),
        (labels, bytes([44]) + kept_labels[1:], WrongRelease, "(?s)no general category.*41, 42, 43.*44"),
    ]
    for path, content, error, message in damages:
        path.write_bytes(content)
        with pytest.raises(error, match=message):
            read(spec, copy)
        sweep.write_bytes(kept)
        labels.write_bytes(kept_labels)
    for path in (labels, sweep):
        path.unlink()
        with pytest.raises(DatasetMissing, match=r"(?s)is missing.*fog/light"):
            read(spec, copy)
    shutil.rmtree(copy / "nuscenes" / "v1.0-trainval")
    with pytest.raises(DatasetMissing, match=r"scene\.json"):
        read(spec, copy)


def test_it_has_no_split_to_learn_from(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no split 'train'"):
        build_dataset(WorldRecipe("nuscenes_c", {"train": 1}, None, 1, 7, OPTIONS), tmp_path)
