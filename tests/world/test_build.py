"""Whole data sets: counts, disjoint shapes, and bytes that depend on the recipe alone."""

from __future__ import annotations

import errno
from dataclasses import replace

import numpy as np
import pytest
from tests.world.made import MODELNET, SCANNED, read, tree

from concord3d.data.catalog import load_catalog
from concord3d.data.reading import read_meshes, read_split
from concord3d.errors import ConfigError, DiskFull
from concord3d.world.build import build_dataset
from concord3d.world.datasets import modelnet, world_datasets
from concord3d.world.datasets.interface import WorldRecipe

# Data sets of scenes have stores of their own kinds.
SCENES = ("nuscenes", "scan3r", "scannet")


@pytest.mark.parametrize(
    "recipe",
    [
        MODELNET,
        replace(SCANNED, dataset="scanobjectnn_pb_t50_rs"),
        WorldRecipe("shapenet", {"train": 5}, ("chair", "lamp"), 64, 5),
        WorldRecipe("shapenetpart", {"train": 4, "val": 2, "test": 2}, ("chair", "table"), 64, 5),
        WorldRecipe("ensembled", {"train": 5, "test": 2}, ("chair", "table"), 64, 5),
        WorldRecipe("objaverse_lvis", {"test": 9}, ("chair", "table"), 64, 5),
    ],
    ids=lambda recipe: recipe.dataset,
)
def test_bytes_depend_on_the_recipe_alone(tmp_path, recipe):
    build_dataset(recipe, tmp_path / "one")
    build_dataset(recipe, tmp_path / "two workers", workers=2)
    build_dataset(replace(recipe, seed=6), tmp_path / "other")
    assert tree(tmp_path / "one") == tree(tmp_path / "two workers")
    other = tree(tmp_path / "other")
    first = tree(tmp_path / "one")
    assert all(other.get(name) != digest for name, digest in first.items() if name.endswith((".h5", ".glb", ".jsonl")))
    assert other["world.json"] != tree(tmp_path / "one")["world.json"]


def test_a_second_build_replaces_the_first(tmp_path):
    recipe = WorldRecipe("shapenet", {"train": 4}, ("chair", "lamp"), 32, 5)
    build_dataset(recipe, tmp_path / "fresh")
    build_dataset(replace(recipe, splits={"train": 7}), tmp_path / "reused")
    build_dataset(recipe, tmp_path / "reused")
    assert tree(tmp_path / "fresh") == tree(tmp_path / "reused")


def test_a_failing_build_leaves_the_earlier_one(tmp_path, monkeypatch):
    build_dataset(MODELNET, tmp_path)
    before = tree(tmp_path)
    for failure, expected in (
        (OSError(errno.ENOSPC, "No space left on device"), DiskFull),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ):

        def fail(*_: object, failure: BaseException = failure, **__: object) -> None:
            raise failure

        monkeypatch.setattr(modelnet, "write_modelnet_h5", fail)
        with pytest.raises(expected):
            build_dataset(replace(MODELNET, seed=9), tmp_path)
        assert tree(tmp_path) == before


def test_counts_are_spread_over_categories(tmp_path):
    build_dataset(replace(MODELNET, splits={"train": 7}), tmp_path)
    labels = read(tmp_path / "modelnet40_ply_hdf5_2048" / "ply_data_train0.h5")["label"][:, 0]
    assert sorted(np.bincount(labels)[[0, 8, 33]].tolist()) == [2, 2, 3]


# They have no objects; their readers have tests of their own.
STREETS_AND_ROOMS = (
    "nuscenes", "kitti", "semantic_", "scribble_kitti", "rellis3d", "synlidar", "daps3d", "synth4d", "waymo", "scan3r",
    "scannet", "s3dis",
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "modelnet"}, "did you mean 'modelnet"),
        ({"splits": {"train": 3, "validation": 2}}, "has no split 'validation'"),
        ({"splits": {"train": 0}}, "Impossible number"),
        ({"splits": {"train": 10**7}}, "Impossible number"),
        ({"splits": {}}, "at least one split"),
        ({"categories": ("chairs",)}, "did you mean 'chair'"),
        ({"categories": ()}, "not empty"),
        ({"num_points": 0}, "num_points"),
        ({"seed": -1}, "seed >= 0"),
        ({"options": {"beams": 32}}, "has no option 'beams'"),
    ],
)
def test_impossible_recipes(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        build_dataset(replace(MODELNET, **change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dataset", [name for name in world_datasets() if not name.startswith(STREETS_AND_ROOMS)])
def test_the_readers_of_real_data_read_the_world(tmp_path, repository, dataset):
    spec = load_catalog(repository / "datasets" / "datasets.yaml")[dataset]
    counts = {"train": 5, "test": 3, "val": 2}
    splits = {split: counts[split] for split in spec.splits}
    categories = ("chair", "couch") if dataset == "co3d" else ("chair", "table")
    build_dataset(WorldRecipe(dataset, splits, categories, 32, 0), tmp_path)
    for split, count in splits.items():
        clouds = read_split(spec, tmp_path, split, "synthetic", num_points=32)
        assert len(clouds) == count and clouds.points.shape[1:] == (32, 3)
        names = {clouds.class_names[label] for label in clouds.labels if label >= 0}
        if dataset == "objaverse_lvis":
            assert all(name.split()[-1] in categories for name in names) and names
        else:
            assert names == set(categories)
        with_texts = dataset in ("shapenet", "ensembled", "objaverse_lvis")
        assert (clouds.colors is not None) == (clouds.texts is not None) == with_texts
        assert (clouds.foreground is not None) == dataset.startswith("scanobjectnn")
        assert (clouds.part_labels is not None) == (dataset == "shapenetpart")
    if dataset in ("shapenet", "modelnet40_off", "modelnet10_off", "ensembled", "objaverse_lvis"):
        for split in splits:
            meshes = list(read_meshes(spec, tmp_path, split))
            assert tuple(mesh.name for mesh in meshes) == read_split(spec, tmp_path, split, "synthetic").names
            assert dataset == "ensembled" or all(mesh.text for mesh in meshes)
