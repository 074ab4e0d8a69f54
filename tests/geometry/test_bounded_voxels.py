"""Voxels of a bounded grid: means of the first points of each, nothing from outside."""

from __future__ import annotations

import pytest
import torch

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.bounded_voxels import BoundedGrid, bounded_voxels

GRID = BoundedGrid((-2.0, -2.0, -1.0), (0.5, 0.5, 0.25), (8, 8, 8))


def test_means_are_those_of_the_first_points_of_each_cell() -> None:
    generator = torch.Generator().manual_seed(0)
    sweeps = [torch.randn(count, 4, generator=generator) for count in (1500, 900)]
    coordinates, means = bounded_voxels(sweeps, GRID, max_points=3)
    expected: dict[tuple[int, ...], list[torch.Tensor]] = {}
    for number, points in enumerate(sweeps):
        for point in points:
            cell = [int(torch.floor((point[i].double() - GRID.low[i]) / GRID.size[i])) for i in range(3)]
            if all(0 <= c < side for c, side in zip(cell, GRID.shape, strict=True)):
                expected.setdefault((number, *cell), []).append(point)
    assert any(len(points) > 3 for points in expected.values())
    assert [tuple(row) for row in coordinates.tolist()] == sorted(expected)
    for row, mean in zip(coordinates.tolist(), means, strict=True):
        torch.testing.assert_close(mean, torch.stack(expected[tuple(row)][:3]).mean(0))


def test_a_sweep_without_points_inside_has_no_voxels() -> None:
    far, near = torch.full((3, 4), 90.0), torch.zeros(2, 4)
    assert bounded_voxels([far, near], GRID)[0].tolist() == [[1, 4, 4, 4]]
    assert bounded_voxels([near, near[:0]], GRID)[0].tolist() == [[0, 4, 4, 4]]
    with pytest.raises(BadCloud, match=r"(?s)No point of a batch lies in the grid.*3 points outside"):
        bounded_voxels([far], GRID)
    with pytest.raises(BadCloud, match="finite"):
        bounded_voxels([torch.full((3, 4), float("nan"))], GRID)


def test_a_grid_needs_cells() -> None:
    with pytest.raises(ConfigError, match="needs cells"):
        BoundedGrid((0.0, 0.0, 0.0), (0.5, 0.0, 0.5), (2, 2, 2))
