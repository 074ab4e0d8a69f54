"""CO3D as released and as it is preprocessed, and what may be wrong with either."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.data.readers.filmed import greys, write_cloud, write_frames

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.readers import find_reader
from concord3d.data.readers.co3d import LEFT_OUT
from concord3d.data.reading import read_split, recognise
from concord3d.errors import BadCloud, DatasetMissing, WrongRelease


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["co3d"]


def write_co3d(folder: Path, categories: tuple[str, ...] = ("vase", "couch"), per_class: int = 5) -> None:
    for place, category in enumerate(categories):
        for number in range(per_class):
            sequence = folder / category / f"{100 + number}_{place}_20"
            write_cloud(sequence / "pointcloud1.npy", 50 + 10 * number, number)
            write_frames(sequence / "images", 12)


def write_ply(path: Path, points: np.ndarray) -> None:
    """Write a cloud as PyTorch3D does: binary, with normals and colours."""
    names = ("x", "y", "z", "nx", "ny", "nz")
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n"
    head += "".join(f"property float {name}\n" for name in names)
    head += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue")) + "end_header\n"
    table = np.zeros(len(points), [(name, "<f4") for name in names] + [(name, "u1") for name in "rgb"])
    for column, name in enumerate("xyz"):
        table[name] = points[:, column]
    path.write_bytes(head.encode() + table.tobytes())


@pytest.mark.parametrize("below", ["", "data_preprocessed"])
def test_ragged_clouds_are_sampled_and_y_becomes_up(tmp_path: Path, spec: DatasetSpec, below: str) -> None:
    folder = tmp_path / "co3d" / below
    write_co3d(folder)
    clouds = read_split(spec, tmp_path, "train", "real", 30)
    assert clouds.points.shape == (8, 30, 3) and len(clouds.class_names) == 42
    # The files are 1, 2 and 3 long in x, y and z: x, which is up, and y change places.
    np.testing.assert_allclose(np.ptp(clouds.points, axis=1).mean(axis=0), [2, 1, 3], rtol=0.15)
    for cloud, label, name in zip(clouds.points, clouds.labels, clouds.names, strict=True):
        assert clouds.class_names[label] == name.split("/")[0]
        whole = {tuple(point) for point in np.load(folder / name / "pointcloud1.npy").tolist()}
        drawn = {(up, side, depth) for side, up, depth in cloud.tolist()}
        assert len(drawn) == 30 and drawn <= whole
    np.testing.assert_array_equal(clouds.points, read_split(spec, tmp_path, "train", "real", 30).points)
    assert recognise(spec, tmp_path).name == "any"


def test_the_split_is_stratified_and_classes_are_in_label_order(tmp_path: Path, spec: DatasetSpec) -> None:
    write_co3d(tmp_path / "co3d", ("vase", "bench", "car", "tv"), 10)
    train, test = (read_split(spec, tmp_path, split, "synthetic", 50) for split in ("train", "test"))
    assert train.class_names == test.class_names == ("bench", "vase"), "cars and television sets are left out"
    assert np.bincount(train.labels).tolist() == [8, 8] and np.bincount(test.labels).tolist() == [2, 2]
    assert set(train.names).isdisjoint(test.names)
    real = read_split(spec, tmp_path, "test", "real", 50)
    assert [spec.class_names.index("bench"), spec.class_names.index("vase")] == sorted(set(real.labels.tolist()))


def test_lists_decide_where_they_are_there(tmp_path: Path, spec: DatasetSpec) -> None:
    write_co3d(tmp_path / "co3d" / "data_preprocessed")
    (tmp_path / "co3d" / "train_set_80.txt").write_text("vase/101_0_20\ncouch/100_1_20\n")
    (tmp_path / "co3d" / "test_set_80.txt").write_text("vase/104_0_20\n")
    assert read_split(spec, tmp_path, "train", "real", 9).names == ("couch/100_1_20", "vase/101_0_20")
    assert read_split(spec, tmp_path, "test", "real", 9).names == ("vase/104_0_20",)
    (tmp_path / "co3d" / "test_set_80.txt").write_text("vase/999_0_20\n")
    with pytest.raises(DatasetMissing, match=r"test_set_80\.txt(.|\n)*found: vase/999_0_20"):
        read_split(spec, tmp_path, "train", "real", 9)


def test_clouds_of_the_release_are_read_where_none_is_preprocessed(tmp_path: Path, spec: DatasetSpec) -> None:
    write_co3d(tmp_path / "co3d")
    sequence = tmp_path / "co3d" / "vase" / "100_0_20"
    points = np.load(sequence / "pointcloud1.npy")
    write_ply(sequence / "pointcloud.ply", points + 100)
    (tmp_path / "co3d" / "train_set_80.txt").write_text("vase/100_0_20\n")
    (tmp_path / "co3d" / "test_set_80.txt").write_text("vase/101_0_20\n")
    assert read_split(spec, tmp_path, "train", "real").points.max() < 10
    (sequence / "pointcloud1.npy").unlink()
    np.testing.assert_array_equal(read_split(spec, tmp_path, "train", "real").points[0], (points + 100)[:, [1, 0, 2]])


def test_a_class_folder_that_is_not_known_is_refused_with_the_nearest(tmp_path: Path, spec: DatasetSpec) -> None:
    write_co3d(tmp_path / "co3d", ("vase", "wine_glass"), 2)
    with pytest.raises(WrongRelease, match="did you mean 'wineglass'"):
        read_split(spec, tmp_path, "train", "real", 9)


def test_all_categories_of_co3d_are_known(spec: DatasetSpec) -> None:
    assert len({*spec.class_names, *LEFT_OUT}) == 51


def test_frames_of_any_shape_are_ten_squares(tmp_path: Path, spec: DatasetSpec) -> None:
    write_co3d(tmp_path / "co3d")
    for path in (tmp_path / "co3d" / "vase" / "100_0_20" / "images").iterdir():
        path.unlink()
    write_frames(tmp_path / "co3d" / "vase" / "100_0_20" / "images", 41, (90, 40))
    reader = find_reader(spec.reader)
    long, short = reader.read_pictures(spec, tmp_path, ["vase/100_0_20", "couch/103_1_20"], 10, 24)
    assert long.shape == short.shape == (10, 24, 24, 3)
    assert greys(long) == [view * 41 // 10 for view in range(10)]
    assert greys(short) == [view * 12 // 10 for view in range(10)]
    for path in list((tmp_path / "co3d" / "vase" / "100_0_20" / "images").iterdir())[9:]:
        path.unlink()
    with pytest.raises(DatasetMissing, match=r"vase/100_0_20/images(.|\n)*found: 9"):
        list(reader.read_pictures(spec, tmp_path, ["vase/100_0_20"], 10, 24))


def test_a_cloud_with_fewer_points_than_asked_is_named(tmp_path: Path, spec: DatasetSpec) -> None:
    write_co3d(tmp_path / "co3d")
    with pytest.raises(BadCloud, match=r"pointcloud1\.npy(.|\n)*at least 60 points(.|\n)*found: 50"):
        for split in ("train", "test"):
            read_split(spec, tmp_path, split, "real", 60)
