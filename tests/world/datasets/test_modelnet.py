"""ModelNet as the world writes it: layout, labels, clouds and meshes."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.world.made import MODELNET, clouds, read

from concord3d.data.catalog import load_catalog
from concord3d.data.reading import read_meshes, read_split, recognise
from concord3d.errors import WrongRelease
from concord3d.geometry.mesh import Mesh
from concord3d.render.shards import render_mesh_views
from concord3d.render.stored import open_view_set
from concord3d.render.view_spec import view_spec
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.datasets.modelnet import (
    MODELNET10_CLASSES,
    MODELNET40_CLASSES,
    write_modelnet10_h5,
    write_modelnet_h5,
    write_modelnet_off,
)
from concord3d.world.datasets.scanobjectnn import SCANOBJECTNN_CLASSES
from concord3d.world.objects.generation import generate


@settings(max_examples=15)
@given(size=st.integers(1, 9), num_points=st.integers(1, 40), per_file=st.integers(1, 10), seed=st.integers(0, 99))
def test_modelnet_h5_round_trip(size, num_points, per_file, seed):
    train, test = clouds(size, num_points, seed), clouds(2, num_points, seed + 1)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_modelnet_h5(root, {"train": train, "test": test}, ["a", "b", "c", "d"], shapes_per_file=per_file)
        folder = root / "modelnet40_ply_hdf5_2048"
        assert (folder / "shape_names.txt").read_text().split() == ["a", "b", "c", "d"]
        points, labels, names = [], [], []
        for line in (folder / "train_files.txt").read_text().split():
            assert line.startswith("data/modelnet40_ply_hdf5_2048/")
            with h5py.File(folder / Path(line).name) as store:
                assert store["data"].dtype == np.float32 and store["label"].dtype == np.uint8
                assert len(store["data"]) <= per_file and store["label"].shape == (len(store["data"]), 1)
                points.append(store["data"][:])
                labels.append(store["label"][:, 0])
                names += [value.decode() for value in store["name"][:]]
        np.testing.assert_array_equal(np.concatenate(points), train.points)
        np.testing.assert_array_equal(np.concatenate(labels), train.labels)
        assert tuple(names) == train.names


def test_modelnet10_file_names(tmp_path):
    write_modelnet10_h5(tmp_path, {"train": clouds(3, 8), "test": clouds(2, 8)}, ["x"], shapes_per_file=2)
    names = {path.name for path in (tmp_path / "modelnet10_hdf5_2048").iterdir()}
    assert names == {
        "train0.h5", "train1.h5", "test0.h5", "train_files.txt", "test_files.txt", "shape_names.txt",
    }  # fmt: skip


@settings(max_examples=15)
@given(
    vertices=st.lists(st.tuples(*[st.floats(-1e3, 1e3, width=32)] * 3), min_size=3, max_size=12),
    data=st.data(),
)
def test_off_round_trip(vertices, data):
    index = st.integers(0, len(vertices) - 1)
    faces = data.draw(st.lists(st.tuples(index, index, index), min_size=1, max_size=9))
    mesh = Mesh(np.array(vertices, np.float32), np.array(faces, np.int32))
    with tempfile.TemporaryDirectory() as name:
        write_modelnet_off(Path(name), "sofa", "test", "sofa_0001", mesh)
        lines = (Path(name) / "sofa/test/sofa_0001.off").read_text().splitlines()
    assert lines[:2] == ["OFF", f"{len(vertices)} {len(faces)} 0"]
    read = np.array([[float(x) for x in line.split()] for line in lines[2 : 2 + len(vertices)]])
    # The files are z up: what is high in the world is high along their third axis.
    turned = np.stack([mesh.vertices[:, 0], -mesh.vertices[:, 2], mesh.vertices[:, 1]], axis=1)
    np.testing.assert_allclose(read, turned, rtol=1e-5, atol=1e-30)
    assert [tuple(map(int, line.split()))[1:] for line in lines[2 + len(vertices) :]] == faces


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


def test_the_set_beside_the_real_one_has_the_same_clouds_in_a_folder_of_its_own(tmp_path):
    for dataset in ("modelnet40", "modelnet40_world"):
        build_dataset(replace(MODELNET, dataset=dataset), tmp_path / dataset)
    files = sorted((tmp_path / "modelnet40_world" / "modelnet40_world_hdf5").glob("*.h5"))
    assert len(files) == 2
    for path in files:
        twin = read(tmp_path / "modelnet40" / "modelnet40_ply_hdf5_2048" / path.name)
        assert all(np.array_equal(values, twin[key]) for key, values in read(path).items())


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


def test_modelnet10_is_a_tree_of_its_own_with_the_shapes_of_modelnet40(tmp_path, repository):
    """The reader takes the ten classes out of a tree of all forty too: the same meshes and clouds in the same order."""
    catalog = load_catalog(repository / "datasets" / "datasets.yaml")
    spec = catalog["modelnet10_off"]
    assert spec.class_names == MODELNET10_CLASSES and spec.up_axis == "z"
    build_dataset(WorldRecipe("modelnet10_off", {"train": 4, "test": 2}, ("chair", "sofa"), 32, 5), tmp_path / "ten")
    recipe = WorldRecipe("modelnet40_off", {"train": 6, "test": 3}, ("chair", "lamp", "sofa"), 32, 5)
    build_dataset(recipe, tmp_path / "forty")
    assert {path.name for path in (tmp_path / "ten").iterdir()} == {"ModelNet10", "world.json"}
    for split, count in (("train", 4), ("test", 2)):
        own, subset = (read_split(spec, tmp_path / tree, split, "synthetic") for tree in ("ten", "forty"))
        assert own.names == subset.names and len(own) == count
        assert {own.class_names[label] for label in own.labels} == {"chair", "sofa"}
        np.testing.assert_array_equal(own.points, subset.points)
    with pytest.raises(WrongRelease):
        recognise(spec, tmp_path / "ten")


def test_twelve_views_of_modelnet10_show_the_objects_as_they_were_generated(tmp_path, repository):
    """Twelve cameras on a ring about the vertical (Cross-MoST spec 1.3) see the silhouettes of the world's meshes."""
    spec = load_catalog(repository / "datasets" / "datasets.yaml")["modelnet10_off"]
    recipe = WorldRecipe("modelnet10_off", {"test": 4}, ("bed", "night_stand"), 32, 5)
    build_dataset(recipe, tmp_path)
    meshes = list(read_meshes(spec, tmp_path, "test"))
    numbers = [named.name.split("/")[1].rsplit("_", 1) for named in meshes]
    originals = [generate(category, int(index), recipe.seed) for category, index in numbers]
    silhouettes = []
    for name, objects in (("read", meshes), ("made", originals)):
        render_mesh_views(
            objects, view_spec("ring12", 32), tmp_path / "views", tmp_path / f"{name}.json", num_threads=1
        )
        pictures = open_view_set(tmp_path / f"{name}.json")
        assert (pictures.num_objects, pictures.num_views) == (4, 12)
        drawn = pictures.read(np.arange(4), np.tile(np.arange(12), (4, 1)))
        silhouettes.append((drawn != drawn[:, :, :1, :1]).any(axis=-1))
    assert silhouettes[0].any(axis=(2, 3)).all()
    assert (silhouettes[0] == silhouettes[1]).mean() > 0.995


def test_class_lists():
    assert len(MODELNET40_CLASSES) == 40 and MODELNET40_CLASSES[0] == "airplane" and MODELNET40_CLASSES[39] == "xbox"
    assert len(SCANOBJECTNN_CLASSES) == 15 and set(MODELNET10_CLASSES) < set(MODELNET40_CLASSES)
