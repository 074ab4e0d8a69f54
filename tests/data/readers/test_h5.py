"""The HDF5 readers on small files in the real layouts, written here with plain h5py."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.reading import read_split
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.errors import BadCloud, ConfigError, DatasetCorrupt, DatasetMissing, UnreadableFile, WrongRelease
from concord3d.world.objects.part_taxonomy import OFFICIAL_CLASSES


@pytest.fixture(scope="module")
def catalog(repository: Path) -> dict[str, DatasetSpec]:
    return load_catalog(repository / "datasets" / "datasets.yaml")


def with_release(spec: DatasetSpec, **release: object) -> DatasetSpec:
    changed = spec.releases[0].model_copy(update=release)
    return spec.model_copy(update={"releases": [changed]})


def write_h5(path: Path, **arrays: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as store:
        for name, array in arrays.items():
            store[name] = array


def unit_clouds(rng: np.random.Generator, num_shapes: int, num_points: int, dtype: str = "float32") -> np.ndarray:
    points = rng.normal(size=(num_shapes, num_points, 3))
    return (points / np.linalg.norm(points, axis=2).max(axis=1)[:, None, None] * 0.99).astype(dtype)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    num_points=st.integers(2, 9),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    seed=st.integers(0, 99),
)
def test_modelnet_round_trip(
    tmp_path_factory, catalog, counts: list[int], num_points: int, dtype: str, seed: int
) -> None:
    rng, root = np.random.default_rng(seed), tmp_path_factory.mktemp("modelnet")
    points = unit_clouds(rng, sum(counts), num_points, dtype)
    labels = rng.integers(0, 40, sum(counts)).astype(np.uint8)
    start = 0
    for index, count in enumerate(counts):
        rows = slice(start, start + count)
        write_h5(
            root / "modelnet40_ply_hdf5_2048" / f"ply_data_train{index}.h5", data=points[rows], label=labels[rows, None]
        )
        start += count
    spec = with_release(catalog["modelnet40"], counts={"train": sum(counts)}, num_points=num_points, dtype=dtype)
    for where in (root, root / "modelnet40_ply_hdf5_2048"):
        clouds = read_split(spec, where, "train", "real")
        assert clouds.points.dtype == np.float32 and clouds.labels.dtype == np.int64
        np.testing.assert_array_equal(clouds.points, points.astype(np.float32))
        np.testing.assert_array_equal(clouds.labels, labels)
        assert len(set(clouds.names)) == sum(counts)


def write_modelnet(root: Path, labels: list[int], **extra: object) -> Path:
    folder = root / "modelnet40_ply_hdf5_2048"
    points = unit_clouds(np.random.default_rng(0), len(labels), 8)
    write_h5(folder / "ply_data_train0.h5", data=points, label=np.array(labels, np.uint8)[:, None], **extra)
    return folder


def test_modelnet_names_come_from_the_file_or_its_list(tmp_path: Path, catalog) -> None:
    write_modelnet(tmp_path / "a", [0, 8], name=np.array([b"airplane/airplane_0001", b"chair/chair_0007"]))
    clouds = read_split(catalog["modelnet40"], tmp_path / "a", "train", "synthetic")
    assert clouds.names == ("airplane/airplane_0001", "chair/chair_0007")
    folder = write_modelnet(tmp_path / "b", [0, 8])
    listing = folder / "ply_data_train_0_id2file.json"
    listing.write_text(json.dumps(["airplane/airplane_0001.ply", "chair/chair_0007.ply"]))
    assert read_split(catalog["modelnet40"], tmp_path / "b", "train", "synthetic").names == clouds.names
    listing.write_text(json.dumps(["airplane/airplane_0001.ply"]))
    with pytest.raises(UnreadableFile, match="does not fit"):
        read_split(catalog["modelnet40"], tmp_path / "b", "train", "synthetic")


def test_modelnet_files_of_the_list_must_all_be_there(tmp_path: Path, catalog) -> None:
    folder = write_modelnet(tmp_path, [1, 2])
    (folder / "train_files.txt").write_text("data/x/ply_data_train0.h5\ndata/x/ply_data_train1.h5\n")
    with pytest.raises(DatasetMissing, match=r"ply_data_train1\.h5"):
        read_split(catalog["modelnet40"], tmp_path, "train", "synthetic")


def test_the_world_may_have_fewer_classes_but_real_data_may_not(tmp_path: Path, catalog) -> None:
    folder = write_modelnet(tmp_path, [0, 1])
    (folder / "shape_names.txt").write_text("chair\ntable\n")
    clouds = read_split(catalog["modelnet40"], tmp_path, "train", "synthetic")
    assert clouds.class_names == ("chair", "table")
    with pytest.raises(WrongRelease, match="names or order"):
        read_split(with_release(catalog["modelnet40"], counts={}, num_points=8), tmp_path, "train", "real")
    (folder / "shape_names.txt").write_text("chair\nspaceship\n")
    with pytest.raises(WrongRelease, match="spaceship"):
        read_split(catalog["modelnet40"], tmp_path, "train", "synthetic")


def test_a_wrong_release_is_named_with_what_is_expected_and_found(tmp_path: Path, catalog) -> None:
    write_modelnet(tmp_path, [0, 1, 2])
    with pytest.raises(WrongRelease) as caught:
        read_split(catalog["modelnet40"], tmp_path, "train", "real")
    message = str(caught.value)
    assert "9840" in message and "9843" in message and "train 3; 8 points; float32" in message


@pytest.mark.parametrize("labels", [[0, 40], [1, 255]])
def test_labels_out_of_range_are_a_wrong_release(tmp_path: Path, catalog, labels: list[int]) -> None:
    write_modelnet(tmp_path, labels)
    with pytest.raises(WrongRelease, match="out of range"):
        read_split(catalog["modelnet40"], tmp_path, "train", "synthetic")


def test_permuted_classes_are_noticed_by_the_names_of_shapes(tmp_path: Path, catalog) -> None:
    write_modelnet(tmp_path, [1, 8], name=np.array([b"airplane/airplane_0001", b"chair/chair_0007"]))
    with pytest.raises(WrongRelease, match="permuted"):
        read_split(catalog["modelnet40"], tmp_path, "train", "synthetic")


@pytest.mark.parametrize("scale", [1000.0, 2.0])
def test_clouds_in_other_units_are_a_wrong_release(tmp_path: Path, catalog, scale: float) -> None:
    folder = tmp_path / "modelnet40_ply_hdf5_2048"
    points = unit_clouds(np.random.default_rng(0), 2, 8) * scale
    write_h5(folder / "ply_data_train0.h5", data=points.astype(np.float32), label=np.zeros((2, 1), np.uint8))
    with pytest.raises(WrongRelease, match="not normalised, or other units"):
        read_split(catalog["modelnet40"], tmp_path, "train", "synthetic")


@pytest.mark.parametrize(
    ("dataset", "train", "test"),
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
def test_scanobjectnn_variants_read_their_own_files(
    tmp_path: Path, catalog, dataset: str, train: str, test: str
) -> None:
    rng = np.random.default_rng(1)
    everything = {f"{folder}/{name}_objectdataset{end}" for folder in ("main_split", "main_split_nobg")
                  for name in ("training", "test") for end in (".h5", "_augmentedrot_scale75.h5")}  # fmt: skip
    for index, name in enumerate(sorted(everything)):
        mask = rng.integers(-1, 3, (2 + index, 5)).astype(np.int32)
        data = rng.normal(size=(2 + index, 5, 3)).astype(np.float32)
        write_h5(tmp_path / "h5_files" / name, data=data, label=rng.integers(0, 15, 2 + index), mask=mask)
    for split, name in (("train", train), ("test", test)):
        clouds = read_split(catalog[dataset], tmp_path, split, "synthetic")
        with h5py.File(tmp_path / "h5_files" / name) as store:
            np.testing.assert_array_equal(clouds.points, store["data"][()])
            np.testing.assert_array_equal(clouds.labels, store["label"][()])
            np.testing.assert_array_equal(clouds.foreground, store["mask"][()] != -1)


def test_scanobjectnn_mask_must_fit(tmp_path: Path, catalog) -> None:
    path = tmp_path / "h5_files/main_split/training_objectdataset.h5"
    data = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    write_h5(path, data=data, label=np.array([0, 1]), mask=np.zeros((2, 4), np.int32))
    with pytest.raises(UnreadableFile, match="'mask' does not fit"):
        read_split(catalog["scanobjectnn_obj_bg"], tmp_path, "train", "synthetic")
    write_h5(path, data=data, label=np.array([0, 1]))
    assert read_split(catalog["scanobjectnn_obj_bg"], tmp_path, "train", "synthetic").foreground is None


@pytest.mark.parametrize("folder", ["shapenet_part_seg_hdf5_data", "hdf5_data"])
def test_shapenetpart_reads_parts_under_both_folder_names(tmp_path: Path, catalog, folder: str) -> None:
    rng = np.random.default_rng(2)
    expected = {}
    for split in ("train", "val", "test"):
        # Airplane, table, chair.
        expected[split] = np.stack([rng.integers(*ends, 6) for ends in ((0, 4), (47, 50), (12, 16))]).astype(np.uint8)
        path = tmp_path / folder / f"ply_data_{split}0.h5"
        write_h5(path, data=unit_clouds(rng, 3, 6), label=np.array([[0], [15], [4]]), pid=expected[split])
    for split, parts in expected.items():
        clouds = read_split(catalog["shapenetpart"], tmp_path, split, "synthetic")
        np.testing.assert_array_equal(clouds.part_labels, parts)
        assert clouds.labels.tolist() == [0, 15, 4]


@pytest.mark.parametrize(
    ("label", "part", "category"), [(0, 47, "airplane: parts 0 to 3"), (15, 46, "table: parts 47 to 49")]
)
def test_parts_of_another_category_are_a_wrong_release(
    tmp_path: Path, catalog, label: int, part: int, category: str
) -> None:
    path = tmp_path / "shapenet_part_seg_hdf5_data/ply_data_train0.h5"
    parts = np.array([[0, 1, 2, 3, 0, 1], [47, 48, 49, 47, 48, 49]])
    parts[0 if label == 0 else 1, 3] = part
    write_h5(path, data=unit_clouds(np.random.default_rng(0), 2, 6), label=np.array([[0], [15]]), pid=parts)
    with pytest.raises(
        WrongRelease, match=rf"(?s){category}.*ply_data_train0_0000{0 if label == 0 else 1}: part {part}"
    ):
        read_split(catalog["shapenetpart"], tmp_path, "train", "synthetic")


def test_every_category_has_its_parts(catalog) -> None:
    """The official numbers as the world writes them."""
    spec = catalog["shapenetpart"]
    assert sum(spec.class_parts) == 50
    assert dict(zip(spec.class_names, spec.class_parts, strict=True)) == {
        name.lower(): len(parts) for name, _, parts in OFFICIAL_CLASSES
    }


def test_shapenetpart_parts_out_of_range(tmp_path: Path, catalog) -> None:
    path = tmp_path / "shapenet_part_seg_hdf5_data/ply_data_train0.h5"
    points = unit_clouds(np.random.default_rng(0), 1, 6)
    write_h5(path, data=points, label=np.array([[0]]), pid=np.full((1, 6), 50))
    with pytest.raises(WrongRelease, match="Part labels"):
        read_split(catalog["shapenetpart"], tmp_path, "train", "synthetic")
    write_h5(path, data=points, label=np.array([[0]]), pid=np.zeros((1, 7), int))
    with pytest.raises(UnreadableFile, match="'pid' does not fit"):
        read_split(catalog["shapenetpart"], tmp_path, "train", "synthetic")


def write_s3dis(root: Path, rooms: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    rng, folder = np.random.default_rng(3), root / "indoor3d_sem_seg_hdf5_data"
    total = sum(map(len, rooms))
    data, label = rng.random((total, 16, 9)).astype(np.float32), rng.integers(0, 13, (total, 16)).astype(np.uint8)
    start = 0
    for index, names in enumerate(rooms):
        rows = slice(start, start + len(names))
        write_h5(folder / f"ply_data_all_{index}.h5", data=data[rows], label=label[rows])
        start += len(names)
    (folder / "room_filelist.txt").write_text("".join(f"{room}\n" for names in rooms for room in names))
    lines = "".join(f"indoor3d_sem_seg_hdf5_data/ply_data_all_{i}.h5\n" for i in range(len(rooms)))
    (folder / "all_files.txt").write_text(lines)
    return data, label


def test_s3dis_blocks_are_split_by_area_across_files(tmp_path: Path, catalog) -> None:
    # Eleven files, so that alphabetical order (0, 1, 10, 2 ...) would mix up blocks and rooms.
    rooms = [[f"Area_{1 + (file + block) % 6}_office_{file}" for block in range(3)] for file in range(11)]
    data, label = write_s3dis(tmp_path, rooms)
    areas = np.array([int(room[5]) for names in rooms for room in names])
    test = read_split(catalog["s3dis"], tmp_path, "test", "synthetic")
    assert isinstance(test, RoomBlocks) and len(test.class_names) == 13
    np.testing.assert_array_equal(test.features, data[areas == 5])
    np.testing.assert_array_equal(test.labels, label[areas == 5])
    listed = [room for names in rooms for room in names]
    assert test.rooms == tuple(room for room in listed if room.startswith("Area_5_"))
    assert test.names[1] == f"{test.rooms[1]}/00001" and (test.areas == 5).all()
    train = read_split(catalog["s3dis"], tmp_path, "train", "synthetic")
    np.testing.assert_array_equal(train.features, data[areas != 5])
    np.testing.assert_array_equal(train.areas, areas[areas != 5])


def test_labels_of_s3dis_and_points_asked_of_it_are_checked(tmp_path: Path, catalog) -> None:
    data, label = write_s3dis(tmp_path, [["Area_1_hall_1", "Area_5_hall_1"]])
    with pytest.raises(ConfigError, match="keep all their points"):
        read_split(catalog["s3dis"], tmp_path, "test", "synthetic", 8)
    label[1, 3] = 13
    write_h5(tmp_path / "indoor3d_sem_seg_hdf5_data/ply_data_all_0.h5", data=data, label=label)
    with pytest.raises(WrongRelease, match="0 to 12"):
        read_split(catalog["s3dis"], tmp_path, "test", "synthetic")
    data[1, 3, 8] = np.nan
    write_h5(tmp_path / "indoor3d_sem_seg_hdf5_data/ply_data_all_0.h5", data=data, label=label)
    with pytest.raises(BadCloud, match="not finite"):
        read_split(catalog["s3dis"], tmp_path, "test", "synthetic")


@pytest.mark.parametrize(("channels", "message"), [(slice(3, 6), "rgb / 255"), (slice(6, 9), "size of the room")])
def test_colours_of_s3dis_are_fractions(tmp_path: Path, catalog, channels: slice, message: str) -> None:
    data, label = write_s3dis(tmp_path, [["Area_1_hall_1", "Area_5_hall_1"]])
    data[:, :, channels] *= 255
    write_h5(tmp_path / "indoor3d_sem_seg_hdf5_data/ply_data_all_0.h5", data=data, label=label)
    with pytest.raises(WrongRelease, match=message):
        read_split(catalog["s3dis"], tmp_path, "train", "synthetic")


def test_the_dtype_of_s3dis_is_that_of_its_files(tmp_path: Path, catalog) -> None:
    data, label = write_s3dis(tmp_path, [["Area_1_hall_1", "Area_5_hall_1"]])
    folder = tmp_path / "indoor3d_sem_seg_hdf5_data"
    write_h5(folder / "ply_data_all_0.h5", data=data.astype(np.float16), label=label)
    with pytest.raises(WrongRelease, match="float16"):
        read_split(catalog["s3dis"], tmp_path, "train", "real")
    write_s3dis(tmp_path, [["Area_1_hall_1", "Area_5_hall_1"], ["Area_1_hall_1", "Area_5_hall_1"]])
    write_h5(folder / "ply_data_all_0.h5", data=data.astype(np.float16), label=label)
    with pytest.raises(UnreadableFile, match="float16"):
        read_split(catalog["s3dis"], tmp_path, "train", "real")


def test_s3dis_room_list_must_fit_the_blocks(tmp_path: Path, catalog) -> None:
    write_s3dis(tmp_path, [["Area_1_hall_1", "Area_5_hall_1"]])
    listing = tmp_path / "indoor3d_sem_seg_hdf5_data/room_filelist.txt"
    listing.write_text("Area_1_hall_1\nArea_5_hall_1\nArea_5_hall_2\n")
    with pytest.raises(DatasetCorrupt, match="differ in number"):
        read_split(catalog["s3dis"], tmp_path, "train", "synthetic")
    listing.write_text("hall_1\nArea_5_hall_1\n")
    with pytest.raises(UnreadableFile, match="no area"):
        read_split(catalog["s3dis"], tmp_path, "train", "synthetic")
    listing.write_text("Area_1_hall_1\nArea_1_hall_1\n")
    with pytest.raises(BadCloud, match="No block of the wanted areas"):
        read_split(catalog["s3dis"], tmp_path, "test", "synthetic")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0, 0.97))
def test_a_truncated_file_is_named(tmp_path_factory, catalog, cut: float) -> None:
    root = tmp_path_factory.mktemp("cut")
    path = write_modelnet(root, [0, 1]) / "ply_data_train0.h5"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(cut * len(whole))])
    with pytest.raises(UnreadableFile) as caught:
        read_split(catalog["modelnet40"], root, "train", "synthetic")
    assert str(path) in str(caught.value)


def test_a_lacking_key_a_wrong_shape_and_unequal_lengths_are_named(tmp_path: Path, catalog) -> None:
    path = tmp_path / "ply_data_train0.h5"
    points = unit_clouds(np.random.default_rng(0), 2, 8)
    for arrays, message in (
        ({"data": points}, "lacks a key"),
        ({"data": points, "label": np.zeros((3, 1))}, "differ in length"),
        ({"data": points[:, :, :2], "label": np.zeros((2, 1))}, "does not hold clouds"),
        ({"data": points, "label": np.zeros((2, 4))}, "does not hold class indices"),
        ({"data": points, "label": np.full((2, 1), 0.5)}, "does not hold class indices"),
    ):
        write_h5(path, **arrays)
        with pytest.raises(UnreadableFile, match=message):
            read_split(catalog["modelnet40"], tmp_path, "train", "synthetic")


def test_unknown_split_data_kind_and_absent_folder(tmp_path: Path, catalog) -> None:
    with pytest.raises(ConfigError, match="did you mean 'train'"):
        read_split(catalog["modelnet40"], tmp_path, "trian", "real")
    with pytest.raises(ConfigError, match="data_kind"):
        read_split(catalog["modelnet40"], tmp_path, "train", "reel")
    with pytest.raises(DatasetMissing, match=r"ply_data_train\*\.h5"):
        read_split(catalog["modelnet40"], tmp_path / "nowhere", "train", "real")
