"""Voxels: means, the way back to the points, keys, and refusals."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.voxel import MAX_COORDINATE, key_coordinates, voxel_keys, voxelise


def _points(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(
    num_clouds=st.integers(1, 4), num_points=st.integers(1, 50), size=st.floats(0.05, 5.0), seed=st.integers(0, 2**16)
)
@settings(max_examples=40)
def test_equals_a_dictionary_of_cells(num_clouds, num_points, size, seed):
    points = _points(num_clouds, num_points, 5, seed=seed)
    cells: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for cloud in range(num_clouds):
        for index, position in enumerate(points[cloud, :, :3]):
            cells.setdefault((cloud, *(int(v) for v in torch.floor(position / size))), []).append((cloud, index))
    voxels = voxelise(points, size)
    assert [tuple(row) for row in voxels.coordinates.tolist()] == sorted(cells)
    assert voxels.coordinates.dtype == torch.int32
    for row, cell in enumerate(sorted(cells)):
        members = torch.stack([points[place] for place in cells[cell]])
        torch.testing.assert_close(voxels.features[row], members.mean(0))
        assert all(voxels.inverse[place] == row for place in cells[cell])


def test_gradients_are_shared_by_the_points_of_a_voxel():
    points = torch.tensor([[[0.1, 0.1, 0.1, 3.0], [0.2, 0.2, 0.2, 5.0], [0.9, 0.9, 0.9, 7.0]]], requires_grad=True)
    voxelise(points, 0.5).features[:, 3].sum().backward()
    assert points.grad[0, :, 3].tolist() == [0.5, 0.5, 1.0]


def test_gradient_by_finite_differences():
    points = _points(2, 6, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: voxelise(x, 10.0).features, (points,))


def test_two_passes_give_the_same_bits():
    points = _points(2, 3000, 6).float()
    first, second = voxelise(points, 0.3), voxelise(points, 0.3)
    assert torch.equal(first.features, second.features) and torch.equal(first.inverse, second.inverse)


def test_negative_coordinates_are_floored():
    points = torch.tensor([[[-0.01, 0.0, 0.01]]])
    assert voxelise(points, 0.02).coordinates.tolist() == [[0, -1, 0, 0]]


def test_duplicated_points_and_a_single_voxel():
    voxels = voxelise(torch.ones(3, 8, 6), 0.02)
    assert voxels.features.tolist() == [[1.0] * 6] * 3
    assert voxels.inverse.tolist() == [[0] * 8, [1] * 8, [2] * 8]


def test_keys_sort_like_coordinates_and_steps_add():
    generator = torch.Generator().manual_seed(0)
    coordinates = torch.randint(-MAX_COORDINATE, MAX_COORDINATE + 1, (200, 4), generator=generator)
    coordinates[:, 0].abs_()
    keys = voxel_keys(coordinates)
    assert torch.equal(key_coordinates(keys).long(), coordinates)
    by_key = [tuple(row) for row in coordinates[keys.argsort()].tolist()]
    assert by_key == sorted(by_key)
    step = torch.tensor([[0, 2, -2, 1]])
    assert torch.equal(voxel_keys(coordinates + step), keys + voxel_keys(step) - voxel_keys(torch.zeros_like(step)))


@pytest.mark.parametrize(
    "points",
    [
        torch.zeros(5, 3),
        torch.zeros(1, 5, 2),
        torch.zeros(0, 5, 3),
        torch.zeros(2, 0, 3),
        torch.full((1, 2, 3), torch.nan),
        torch.tensor([[[0.0, torch.inf, 0.0]]]),
    ],
)
def test_clouds_without_voxels(points):
    with pytest.raises(BadCloud):
        voxelise(points, 0.1)


def test_a_feature_that_is_not_finite():
    points = torch.zeros(1, 2, 6)
    points[0, 1, 5] = torch.nan
    with pytest.raises(BadCloud, match="finite"):
        voxelise(points, 0.1)


def test_too_many_voxels_along_an_axis():
    with pytest.raises(BadCloud, match="larger voxels"):
        voxelise(torch.tensor([[[1e4, 0.0, 0.0]]]), 0.02)
    assert voxelise(torch.tensor([[[1e4, 0.0, 0.0]]]), 1.0).coordinates.tolist() == [[0, 10_000, 0, 0]]


@pytest.mark.parametrize("size", [0.0, -0.02, float("nan")])
def test_impossible_sizes(size):
    with pytest.raises(ConfigError):
        voxelise(torch.zeros(1, 2, 3), size)
