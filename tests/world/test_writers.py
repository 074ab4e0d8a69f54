"""Every layout is read back with plain h5py, trimesh or text tools, and its bytes depend on the arrays alone."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import BadCloud, ConfigError
from concord3d.files import sha256_file
from concord3d.geometry.mesh import Mesh
from concord3d.world import writers
from concord3d.world.part_taxonomy import OFFICIAL_CLASSES, official_parts
from concord3d.world.writers import LabelledClouds


def clouds(size: int, num_points: int, seed: int = 0, *, highest_label: int = 4, point_labels: bool = False):
    rng = np.random.default_rng(seed)
    return LabelledClouds(
        rng.normal(size=(size, num_points, 3)).astype(np.float32),
        rng.integers(0, highest_label, size),
        tuple(f"class/shape_{i:03d}" for i in range(size)),
        rng.integers(-1, 2, (size, num_points)) if point_labels else None,
    )


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


@settings(max_examples=15)
@given(size=st.integers(1, 9), num_points=st.integers(1, 40), per_file=st.integers(1, 10), seed=st.integers(0, 99))
def test_modelnet_h5_round_trip(size, num_points, per_file, seed):
    train, test = clouds(size, num_points, seed), clouds(2, num_points, seed + 1)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        writers.write_modelnet_h5(root, {"train": train, "test": test}, ["a", "b", "c", "d"], shapes_per_file=per_file)
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
    writers.write_modelnet10_h5(tmp_path, {"train": clouds(3, 8), "test": clouds(2, 8)}, ["x"], shapes_per_file=2)
    names = {path.name for path in (tmp_path / "modelnet10_hdf5_2048").iterdir()}
    assert names == {
        "train0.h5", "train1.h5", "test0.h5", "train_files.txt", "test_files.txt", "shape_names.txt",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("dataset", "training", "test"),
    [
        ("scanobjectnn_obj_bg", "main_split/training_objectdataset.h5", "main_split/test_objectdataset.h5"),
        ("scanobjectnn_obj_only", "main_split_nobg/training_objectdataset.h5", "main_split_nobg/test_objectdataset.h5"),
        (
            "scanobjectnn_pb_t50_rs",
            "main_split/training_objectdataset_augmentedrot_scale75.h5",
            "main_split/test_objectdataset_augmentedrot_scale75.h5",
        ),
    ],
)
def test_scanobjectnn_files_and_keys(tmp_path, dataset, training, test):
    given_train, given_test = clouds(70, 16, point_labels=True), clouds(3, 16, 1, point_labels=True)
    writers.write_scanobjectnn(tmp_path, dataset, {"train": given_train, "test": given_test})
    assert set(tree(tmp_path)) == {f"h5_files/{training}", f"h5_files/{test}"}
    with h5py.File(tmp_path / "h5_files" / training) as store:
        np.testing.assert_array_equal(store["data"][:], given_train.points)
        np.testing.assert_array_equal(store["label"][:], given_train.labels)
        np.testing.assert_array_equal(store["mask"][:], given_train.point_labels)
        assert store["label"].shape == (70,) and store["mask"].shape == (70, 16)
    with pytest.raises(BadCloud, match="mask"):
        writers.write_scanobjectnn(tmp_path, dataset, {"train": clouds(2, 4)})


def test_shapenetpart_files_and_keys(tmp_path):
    splits = {name: clouds(5, 12, number, point_labels=True) for number, name in enumerate(("train", "val", "test"))}
    splits = {
        name: LabelledClouds(c.points, c.labels, c.names, c.point_labels % 50) for name, c in splits.items()
    }  # fmt: skip
    writers.write_shapenetpart_h5(tmp_path, splits, shapes_per_file=3)
    folder = tmp_path / "shapenet_part_seg_hdf5_data"
    for split, given_split in splits.items():
        files = (folder / f"{split}_hdf5_file_list.txt").read_text().split()
        assert files == [f"ply_data_{split}0.h5", f"ply_data_{split}1.h5"]
        parts = []
        for file in files:
            with h5py.File(folder / file) as store:
                assert store["label"].shape == (len(store["data"]), 1) and store["pid"].dtype == np.uint8
                parts.append(store["pid"][:])
        np.testing.assert_array_equal(np.concatenate(parts), given_split.point_labels)
    listing = [line.split("\t") for line in (folder / "all_object_categories.txt").read_text().splitlines()]
    assert len(listing) == 16 and listing[0] == ["Airplane", "02691156"] and listing[15] == ["Table", "04379243"]
    with pytest.raises(BadCloud, match="part number"):
        writers.write_shapenetpart_h5(tmp_path, {"train": clouds(2, 4)})


def colored_mesh() -> Mesh:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    colors = np.array([[255, 0, 0], [255, 0, 0], [0, 17, 255], [3, 2, 1]], np.uint8)
    return Mesh(vertices, faces, colors, np.arange(4, dtype=np.int32))


def test_shapenet_model_is_read_by_trimesh(tmp_path):
    mesh, points = colored_mesh(), clouds(1, 33).points[0]
    colors = np.random.default_rng(1).integers(0, 256, points.shape, dtype=np.uint8)
    writers.write_shapenet_model(tmp_path, "chair", "chair_1", points, colors, mesh)
    folder = tmp_path / "ShapeNet" / "chair"
    cloud = trimesh.load(folder / "chair_1.ply")
    np.testing.assert_array_equal(np.asarray(cloud.vertices, np.float32), points)
    np.testing.assert_array_equal(cloud.colors[:, :3], colors)
    loaded = trimesh.load(folder / "chair_1.glb", force="mesh", process=False)
    np.testing.assert_array_equal(loaded.triangles.astype(np.float32), mesh.vertices[mesh.faces])
    corners = loaded.visual.vertex_colors[loaded.faces]
    for corner in range(3):
        np.testing.assert_array_equal(corners[:, corner, :3], mesh.face_colors)
    assert len(loaded.vertices) == 10, "vertices are shared between faces of one colour only"


def test_glb_without_colours(tmp_path):
    mesh = colored_mesh()
    (tmp_path / "plain.glb").write_bytes(writers.glb_bytes(Mesh(mesh.vertices, mesh.faces)))
    loaded = trimesh.load(tmp_path / "plain.glb", force="mesh", process=False)
    assert loaded.faces.shape == (4, 3)


def test_meshes_with_texts(tmp_path):
    file = writers.write_text_mesh(tmp_path / "set", "cup_1", colored_mesh())
    assert file == "glb/cup_1.glb"
    rows = [{"uid": "cup_1", "file": file, "name": "a “red” cup", "captions": ["x\ny"], "split": "train"}]
    writers.write_text_index(tmp_path / "set", rows, ["red cup", "blue cup"])
    assert [json.loads(line) for line in (tmp_path / "set/index.jsonl").read_text().split("\n")[:-1]] == rows
    assert (tmp_path / "set/class_names.txt").read_text().splitlines() == ["red cup", "blue cup"]
    assert trimesh.load(tmp_path / "set" / file, force="mesh", process=False).faces.shape == (4, 3)


def test_captions(tmp_path):
    rows = [{"category": "cup", "model": "cup_1", "name": "cup", "descriptive": "a “red” cup", "noisy": ""}]
    writers.write_captions(tmp_path, rows)
    assert [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text().splitlines()] == rows


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
        writers.write_modelnet_off(Path(name), "sofa", "test", "sofa_0001", mesh)
        lines = (Path(name) / "ModelNet40/sofa/test/sofa_0001.off").read_text().splitlines()
    assert lines[:2] == ["OFF", f"{len(vertices)} {len(faces)} 0"]
    read = np.array([[float(x) for x in line.split()] for line in lines[2 : 2 + len(vertices)]])
    # The files are z up: what is high in the world is high along their third axis.
    turned = np.stack([mesh.vertices[:, 0], -mesh.vertices[:, 2], mesh.vertices[:, 1]], axis=1)
    np.testing.assert_allclose(read, turned, rtol=1e-5, atol=1e-30)
    assert [tuple(map(int, line.split()))[1:] for line in lines[2 + len(vertices) :]] == faces


def test_same_arrays_same_bytes(tmp_path):
    for folder in ("one", "two"):
        root = tmp_path / folder
        writers.write_modelnet_h5(root, {"train": clouds(5, 9)}, ["a"])
        writers.write_scanobjectnn(root, "scanobjectnn_obj_bg", {"test": clouds(5, 9, point_labels=True)})
        points = clouds(1, 9).points[0]
        writers.write_shapenet_model(root, "cup", "cup_1", points, np.full((9, 3), 7, np.uint8), colored_mesh())
        file = writers.write_text_mesh(root / "set", "cup_1", colored_mesh())
        writers.write_text_index(root / "set", [{"uid": "cup_1", "file": file, "name": "“cup”"}], ["cup"])
    assert len(tree(tmp_path / "one")) == 9
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_labelled_clouds_refuse_what_does_not_fit():
    with pytest.raises(BadCloud):
        LabelledClouds(np.zeros((0, 4, 3), np.float32), np.zeros(0, np.int64), ())
    with pytest.raises(BadCloud):
        LabelledClouds(np.zeros((2, 4, 3), np.float32), np.zeros(1, np.int64), ("a", "b"))
    with pytest.raises(BadCloud):
        LabelledClouds(np.zeros((1, 4, 3), np.float32), np.zeros(1, np.int64), ("a",), np.zeros((1, 3), np.int64))


def test_official_part_numbers():
    """Numbers that are common knowledge of the release: chair 12-15 back, seat, leg, arm; table 47-49."""
    assert len(OFFICIAL_CLASSES) == 16 and sum(len(parts) for _, _, parts in OFFICIAL_CLASSES) == 50
    label, numbers = official_parts("chair", ("seat", "back", "legs", "armrests", "visitor"))
    assert label == 4 and numbers.tolist() == [13, 12, 14, 15, -1]
    label, numbers = official_parts("table", ("top", "leg", "drawer"))
    assert label == 15 and numbers.tolist() == [47, 48, 49]
    label, numbers = official_parts("cup", ("body", "handle"))
    assert label == 11 and numbers.tolist() == [37, 36]
    assert official_parts("airplane", ("body", "wings", "tail", "engines"))[1].tolist() == [0, 1, 2, 3]
    with pytest.raises(ConfigError, match="did you mean 'chair'"):
        official_parts("chairs", ("seat",))
