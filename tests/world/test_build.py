"""Whole data sets: layout, labels, counts, disjoint shapes, and bytes that depend on the recipe alone."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import trimesh

from concord3d.data.catalog import load_catalog
from concord3d.data.reading import read_meshes, read_split
from concord3d.errors import ConfigError, DiskFull
from concord3d.files import sha256_file
from concord3d.world import build
from concord3d.world.build import (
    MODELNET10_CLASSES,
    MODELNET40_CLASSES,
    SCANOBJECTNN_CLASSES,
    WORLD_DATASETS,
    WorldRecipe,
    build_dataset,
)
from concord3d.world.objects import generate
from concord3d.world.part_taxonomy import WORLD_CATEGORIES, official_parts

MODELNET = WorldRecipe("modelnet40", {"train": 9, "test": 6}, ("airplane", "chair", "table"), 64, 5)
SCANNED = WorldRecipe("scanobjectnn_obj_bg", {"train": 6, "test": 4}, ("chair", "table"), 64, 5)


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def read(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as store:
        return {name: store[name][:] for name in store}


def test_class_lists():
    assert len(MODELNET40_CLASSES) == 40 and MODELNET40_CLASSES[0] == "airplane" and MODELNET40_CLASSES[39] == "xbox"
    assert len(SCANOBJECTNN_CLASSES) == 15 and set(MODELNET10_CLASSES) < set(MODELNET40_CLASSES)


def test_modelnet_class_order_is_the_real_one(mirror):
    names = (mirror / "modelnet40_ply_hdf5_2048" / "shape_names.txt").read_text().split()
    assert tuple(names) == MODELNET40_CLASSES


def test_modelnet40(tmp_path):
    build_dataset(MODELNET, tmp_path)
    folder = tmp_path / "modelnet40_ply_hdf5_2048"
    train, test = read(folder / "ply_data_train0.h5"), read(folder / "ply_data_test0.h5")
    assert train["data"].shape == (9, 64, 3) and test["data"].shape == (6, 64, 3)
    classes = (folder / "shape_names.txt").read_text().split()
    for part in (train, test):
        owners = [name.decode().split("/")[0] for name in part["name"]]
        assert [classes[label] for label in part["label"][:, 0]] == owners
    assert np.bincount(train["label"][:, 0])[[0, 8, 33]].tolist() == [3, 3, 3]
    assert sorted(train["label"][:, 0]) != train["label"][:, 0].tolist(), "shapes are shuffled"
    np.testing.assert_allclose(train["data"].mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(train["data"], axis=2).max(axis=1), 1, atol=1e-5)
    assert not set(train["name"]) & set(test["name"])
    record = json.loads((tmp_path / "world.json").read_text())
    assert record["shapes"] == {"train": 9, "test": 6} and record["recipe"]["seed"] == 5


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

        def fail(*_: object, failure: BaseException = failure) -> None:
            raise failure

        monkeypatch.setattr(build.writers, "write_modelnet_h5", fail)
        with pytest.raises(expected):
            build_dataset(replace(MODELNET, seed=9), tmp_path)
        assert tree(tmp_path) == before


def test_scanned_variants_share_their_objects(tmp_path):
    clouds = {}
    for variant, folder in (("obj_bg", "main_split"), ("obj_only", "main_split_nobg")):
        build_dataset(replace(SCANNED, dataset=f"scanobjectnn_{variant}"), tmp_path / variant)
        clouds[variant] = read(tmp_path / variant / "h5_files" / folder / "training_objectdataset.h5")
    assert clouds["obj_bg"]["label"].tolist() == clouds["obj_only"]["label"].tolist()
    assert set(clouds["obj_bg"]["label"]) == {SCANOBJECTNN_CLASSES.index("chair"), SCANOBJECTNN_CLASSES.index("table")}
    assert (clouds["obj_only"]["mask"] != -1).all() and (clouds["obj_bg"]["mask"] == -1).any()
    heights = {name: np.ptp(part["data"][..., 1], axis=1) for name, part in clouds.items()}
    np.testing.assert_allclose(heights["obj_bg"], heights["obj_only"], atol=0.25)
    assert not np.allclose(np.linalg.norm(clouds["obj_bg"]["data"], axis=2).max(axis=1), 1), "metres, not unit spheres"


def test_perturbed_scans_are_five_of_each_object(tmp_path):
    recipe = WorldRecipe("scanobjectnn_pb_t50_rs", {"train": 14}, ("sofa", "sink"), 64, 1)
    build_dataset(recipe, tmp_path)
    store = read(tmp_path / "h5_files" / "main_split" / "training_objectdataset_augmentedrot_scale75.h5")
    assert store["data"].shape == (14, 64, 3) and np.bincount(store["label"])[[12, 13]].tolist() == [7, 7]
    assert len({cloud.tobytes() for cloud in store["data"]}) == 14


def test_shapenetpart_points_lie_on_their_parts(tmp_path):
    build_dataset(WorldRecipe("shapenetpart", {"train": 18}, None, 128, 3), tmp_path)
    store = read(tmp_path / "shapenet_part_seg_hdf5_data" / "ply_data_train0.h5")
    ranges = {
        0: (0, 4),
        1: (4, 6),
        3: (8, 12),
        4: (12, 16),
        6: (19, 22),
        8: (24, 28),
        9: (28, 30),
        11: (36, 38),
        15: (47, 50),
    }
    assert set(store["label"][:, 0]) == set(ranges)
    for label, parts in zip(store["label"][:, 0], store["pid"], strict=True):
        low, high = ranges[int(label)]
        assert parts.min() >= low and parts.max() < high
    for label in (4, 15):  # chairs: seat above legs; tables: top above legs
        upper, leg = (13, 14) if label == 4 else (47, 48)
        gaps = [
            cloud[parts == upper, 1].mean() - cloud[parts == leg, 1].mean()
            for cloud, parts in zip(store["data"], store["pid"], strict=True)
            if (parts == upper).any() and (parts == leg).any() and upper in ((13,) if label == 4 else (47,))
        ]
        assert gaps and np.mean(gaps) > 0.2


@pytest.mark.parametrize("category", WORLD_CATEGORIES)
def test_every_part_name_of_the_world_is_translated(category):
    """Only things put on or beside the object may lack an official number, and at least two parts occur."""
    seen: set[int] = set()
    for index in range(40):
        obj = generate(category, index, 1)
        _, numbers = official_parts(category, obj.part_names)
        missing = {name for name, number in zip(obj.part_names, numbers, strict=True) if number < 0}
        assert missing <= {"item", "mouse", "saucer", "strap"}, missing
        seen |= set(numbers.tolist())
    assert len(seen) >= 2


def test_shapenet_cloud_lies_on_its_mesh(tmp_path):
    build_dataset(WorldRecipe("shapenet", {"train": 3}, ("chair", "guitar", "bin"), 256, 2), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text().splitlines()]
    assert {row["category"] for row in rows} == {"chair", "guitar", "bin"}
    for row in rows:
        assert set(row) == {"category", "model", "name", "descriptive", "noisy"}
        stem = tmp_path / "ShapeNet" / row["category"] / row["model"]
        cloud = trimesh.load(f"{stem}.ply")
        points, colors = np.asarray(cloud.vertices), cloud.colors[:, :3]
        mesh = trimesh.load(f"{stem}.glb", force="mesh", process=False)
        assert points.shape == (256, 3) and len(np.unique(mesh.visual.vertex_colors, axis=0)) > 1
        assert (points >= mesh.bounds[0] - 1e-5).all() and (points <= mesh.bounds[1] + 1e-5).all()
        assert abs(np.linalg.norm(mesh.vertices, axis=1).max() - 1) < 1e-4
        on_mesh = {tuple(color) for color in mesh.visual.vertex_colors[:, :3].tolist()}
        assert {tuple(color) for color in colors.tolist()} <= on_mesh and len(np.unique(colors, axis=0)) > 1


def test_off_meshes_are_the_shapes_of_the_clouds(tmp_path):
    recipe = replace(MODELNET, dataset="modelnet40_off", splits={"train": 3, "test": 3})
    build_dataset(recipe, tmp_path)
    files = sorted(str(path.relative_to(tmp_path / "ModelNet40")) for path in tmp_path.rglob("*.off"))
    assert len(files) == 6 and files[0].startswith("airplane/test/airplane_")
    mesh = trimesh.load(tmp_path / "ModelNet40" / files[0], process=False)
    original = generate("airplane", int(Path(files[0]).stem.rsplit("_", 1)[1]), recipe.seed).mesh
    x, y, z = original.vertices.T
    np.testing.assert_allclose(mesh.vertices, np.stack([x, -z, y], axis=1), atol=1e-4)
    np.testing.assert_array_equal(mesh.faces, original.faces)


def test_off_meshes_come_back_as_they_were_generated(tmp_path, repository):
    """Files are z up as the real ones, the reader turns them y up: a lamp stands, and its front stays its front."""
    recipe = WorldRecipe("modelnet40_off", {"train": 2}, ("lamp", "sofa"), 32, 5)
    build_dataset(recipe, tmp_path)
    spec = load_catalog(repository / "datasets" / "datasets.yaml")["modelnet40_off"]
    for named in read_meshes(spec, tmp_path):
        category, index = named.name.split("/")[1].rsplit("_", 1)
        original = generate(category, int(index), recipe.seed).mesh
        np.testing.assert_allclose(named.mesh.vertices, original.vertices, atol=1e-4)
        np.testing.assert_array_equal(named.mesh.faces, original.faces)


def test_counts_are_spread_over_categories(tmp_path):
    build_dataset(replace(MODELNET, splits={"train": 7}), tmp_path)
    labels = read(tmp_path / "modelnet40_ply_hdf5_2048" / "ply_data_train0.h5")["label"][:, 0]
    assert sorted(np.bincount(labels)[[0, 8, 33]].tolist()) == [2, 2, 3]


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
    ],
)
def test_impossible_recipes(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        build_dataset(replace(MODELNET, **change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dataset", WORLD_DATASETS)
def test_the_readers_of_real_data_read_the_world(tmp_path, repository, dataset):
    spec = load_catalog(repository / "datasets" / "datasets.yaml")[dataset]
    counts = {"train": 5, "test": 3, "val": 2}
    splits = {split: counts[split] for split in spec.splits}
    build_dataset(WorldRecipe(dataset, splits, ("chair", "table"), 32, 0), tmp_path)
    for split, count in splits.items():
        clouds = read_split(spec, tmp_path, split, "synthetic", num_points=32)
        assert len(clouds) == count and clouds.points.shape[1:] == (32, 3)
        names = {clouds.class_names[label] for label in clouds.labels if label >= 0}
        if dataset == "objaverse_lvis":
            assert all(name.split()[-1] in ("chair", "table") for name in names) and names
        else:
            assert names == {"chair", "table"}
        with_texts = dataset in ("shapenet", "ensembled", "objaverse_lvis")
        assert (clouds.colors is not None) == (clouds.texts is not None) == with_texts
        assert (clouds.foreground is not None) == dataset.startswith("scanobjectnn")
        assert (clouds.part_labels is not None) == (dataset == "shapenetpart")
    if dataset in ("shapenet", "modelnet40_off", "ensembled", "objaverse_lvis"):
        for split in splits:
            meshes = list(read_meshes(spec, tmp_path, split))
            assert tuple(mesh.name for mesh in meshes) == read_split(spec, tmp_path, split, "synthetic").names
            assert dataset == "ensembled" or all(mesh.text for mesh in meshes)
