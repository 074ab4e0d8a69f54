"""Voxels of sweeps: a point-by-point transcription, the first point, the way back, and refusals (CMCR spec 2.1)."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.sweep_voxels import VoxelGrid, sweep_voxels

GRIDS = [VoxelGrid(), VoxelGrid("cylindrical", 0.5, 7), VoxelGrid("cubic", 0.3), VoxelGrid("cubic", 2.0)]


def _sweeps(sizes: list[int], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [4 * torch.randn(size, 4, generator=generator) for size in sizes]


def _literal_cell(point: list[float], grid: VoxelGrid) -> tuple[int, int, int]:
    x, y, z = point[:3]
    if grid.shape == "cubic":
        return math.floor(x / grid.size), math.floor(y / grid.size), math.floor(z / grid.size)
    degrees = math.atan2(y, x) * 180 / math.pi
    return (
        math.floor(math.sqrt(x * x + y * y) / grid.size),
        math.floor(degrees / grid.angle_degrees),
        math.floor(z / grid.size),
    )


@given(st.lists(st.integers(0, 60), min_size=1, max_size=4), st.sampled_from(GRIDS), st.integers(0, 2**16))
@settings(max_examples=40)
def test_equals_a_walk_over_the_points(sizes: list[int], grid: VoxelGrid, seed: int) -> None:
    sweeps = _sweeps(sizes if sum(sizes) else [1, *sizes], seed)
    first: dict[tuple[int, ...], int] = {}
    cells = []
    for number, points in enumerate(sweeps):
        for point in points.tolist():
            cells.append((number, *_literal_cell(point, grid)))
            first.setdefault(cells[-1], len(cells) - 1)
    voxels = sweep_voxels(sweeps, grid)
    assert voxels.coordinates.dtype == torch.int32
    assert [tuple(cell) for cell in voxels.coordinates.tolist()] == sorted(first)
    assert voxels.first.tolist() == [first[cell] for cell in sorted(first)]
    assert [tuple(cell) for cell in voxels.coordinates[voxels.inverse].tolist()] == cells


def test_cells_below_zero_are_floored():
    voxels = sweep_voxels([torch.tensor([[-0.05, -0.05, -0.05], [0.05, 0.05, 0.05]])], VoxelGrid("cubic", 0.1))
    assert voxels.coordinates.tolist() == [[0, -1, -1, -1], [0, 0, 0, 0]]


def test_cylinders_of_whole_degrees():
    turns = torch.deg2rad(torch.tensor([0.5, 89.5, 179.5, -179.5, -0.5]))
    points = torch.stack([2.05 * turns.cos(), 2.05 * turns.sin(), torch.full_like(turns, -1.25)], 1)
    voxels = sweep_voxels([points], VoxelGrid())
    assert voxels.coordinates[voxels.inverse].tolist() == [
        [0, 20, 0, -13],
        [0, 20, 89, -13],
        [0, 20, 179, -13],
        [0, 20, -180, -13],
        [0, 20, -1, -13],
    ]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_the_first_point_and_not_a_mean_gives_features_and_labels(grid):
    points = _sweeps([150])[0].repeat(2, 1)
    labels = torch.arange(300)
    voxels = sweep_voxels([points], grid)
    assert len(voxels.first) <= 150
    for row, chosen in enumerate(voxels.first.tolist()):
        assert labels[voxels.inverse == row].min() == chosen
    # Another order of the points changes who is first, and nothing else.
    order = torch.randperm(300, generator=torch.Generator().manual_seed(1))
    turned = sweep_voxels([points[order]], grid)
    assert torch.equal(turned.coordinates, voxels.coordinates) and torch.equal(turned.inverse, voxels.inverse[order])
    assert not torch.equal(order[turned.first], voxels.first)


def test_rows_of_points_of_a_batch():
    sweeps = _sweeps([20, 0, 30])
    voxels = sweep_voxels(sweeps, GRIDS[1])
    assert voxels.offsets.tolist() == [0, 20, 20, 50]
    rows = voxels.rows(torch.tensor([2, 0, 2]), torch.tensor([29, 3, 0]))
    assert torch.equal(rows, voxels.inverse[[49, 3, 20]])
    assert voxels.coordinates[rows, 0].tolist() == [2, 0, 2]


@pytest.mark.parametrize("grid", [VoxelGrid(), VoxelGrid("cubic", 0.1)], ids=str)
def test_points_of_two_precisions_share_their_voxels(grid):
    # On the borders of voxels, where a quotient in single precision is rounded to the next whole number.
    steps = torch.arange(-500, 500) * 0.1
    points = torch.stack([steps, torch.zeros(1000), steps.flip(0)], 1)
    single, double = (sweep_voxels([values], grid) for values in (points, points.double()))
    assert torch.equal(single.coordinates, double.coordinates) and torch.equal(single.inverse, double.inverse)


@pytest.mark.parametrize(
    "sweeps",
    [
        [],
        [torch.zeros(0, 4)],
        [torch.zeros(3, 4), torch.zeros(3, 2)],
        [torch.zeros(2, 3, 4)],
        [torch.full((3, 4), torch.nan)],
        [torch.full((3, 4), 1e6)],
    ],
    ids=["none", "empty", "flat", "stacked", "nan", "far"],
)
def test_sweeps_that_have_no_voxels(sweeps):
    with pytest.raises(BadCloud):
        sweep_voxels(sweeps, VoxelGrid("cubic", 0.1))


@pytest.mark.parametrize("told", [("cylinder", 0.1, 1), ("cubic", 0.0, 1), ("cylindrical", 0.1, 0)])
def test_grids_that_do_not_exist(told):
    with pytest.raises(ConfigError):
        VoxelGrid(*told)
