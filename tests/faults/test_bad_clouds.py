"""Clouds that no protocol can use: not finite, empty, collapsed, too few points."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.reading import read_split
from concord3d.errors import BadCloud, UnreadableFile


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["modelnet40"]


def written(folder: Path, points: np.ndarray) -> Path:
    with h5py.File(folder / "ply_data_train0.h5", "w") as store:
        store["data"], store["label"] = points, np.zeros((len(points), 1), np.uint8)
        store["name"] = np.array([f"airplane/airplane_{i:04d}".encode() for i in range(len(points))], dtype="S32")
    return folder


def clouds(num_shapes: int = 3, num_points: int = 6) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (num_shapes, num_points, 3)).astype(np.float32)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_coordinates_that_are_not_finite(tmp_path: Path, spec: DatasetSpec, value: float) -> None:
    points = clouds()
    points[1, 2, 0] = value
    with pytest.raises(BadCloud, match=r"1 of 3 shapes, first: index 1 .airplane/airplane_0001") as caught:
        read_split(spec, written(tmp_path, points), "train", "synthetic")
    assert str(tmp_path) in str(caught.value)


def test_a_number_that_float32_cannot_hold(tmp_path: Path, spec: DatasetSpec) -> None:
    points = clouds().astype(np.float64)
    points[0, 0, 0] = 1e300
    with np.errstate(over="ignore"), pytest.raises(BadCloud, match="not finite"):
        read_split(spec, written(tmp_path, points), "train", "synthetic")


@pytest.mark.parametrize("shape", [(0, 6, 3), (3, 0, 3)])
def test_no_shapes_or_no_points(tmp_path: Path, spec: DatasetSpec, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadCloud, match="wrong shape"):
        read_split(spec, written(tmp_path, np.zeros(shape, np.float32)), "train", "synthetic")


def test_all_points_identical(tmp_path: Path, spec: DatasetSpec) -> None:
    points = clouds()
    points[2] = points[2, 0]
    with pytest.raises(BadCloud, match="identical") as caught:
        read_split(spec, written(tmp_path, points), "train", "synthetic")
    assert "airplane/airplane_0002" in str(caught.value)


def test_one_point_is_a_collapsed_cloud(tmp_path: Path, spec: DatasetSpec) -> None:
    with pytest.raises(BadCloud, match="identical"):
        read_split(spec, written(tmp_path, clouds(num_points=1)), "train", "synthetic")


def test_fewer_points_than_asked(tmp_path: Path, spec: DatasetSpec) -> None:
    split = read_split(spec, written(tmp_path, clouds()), "train", "synthetic")
    assert split.first_points(6).points.shape == (3, 6, 3)
    with pytest.raises(BadCloud, match="fewer points than asked") as caught:
        split.first_points(7)
    assert "data.num_points" in str(caught.value)
    with pytest.raises(BadCloud):
        split.first_points(0)


def test_a_million_points_are_no_fault(tmp_path: Path, spec: DatasetSpec) -> None:
    split = read_split(spec, written(tmp_path, clouds(1, 10**6)), "train", "synthetic")
    assert split.points.shape == (1, 10**6, 3)


def test_numbers_that_are_no_coordinates(tmp_path: Path, spec: DatasetSpec) -> None:
    with pytest.raises(UnreadableFile, match="does not hold clouds"):
        read_split(spec, written(tmp_path, clouds().astype(np.int32)), "train", "synthetic")
