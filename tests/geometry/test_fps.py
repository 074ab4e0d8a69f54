"""Farthest point sampling against a literal transcription."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry import fps
from concord3d.geometry.fps import farthest_point_sample


def _literal(points: np.ndarray, num_samples: int, start: int) -> list[int]:
    chosen = [start]
    while len(chosen) < num_samples:
        distances = [min(float(((point - points[i]) ** 2).sum()) for i in chosen) for point in points]
        chosen.append(int(np.argmax(distances)))
    return chosen


@given(num_points=st.integers(1, 30), data=st.data(), seed=st.integers(0, 2**16))
@settings(max_examples=30)
def test_equals_literal(num_points, data, seed):
    num_samples = data.draw(st.integers(1, num_points))
    generator = np.random.default_rng(seed)
    points = generator.normal(size=(2, num_points, 3))
    start = generator.integers(0, num_points, size=2)
    found = farthest_point_sample(torch.from_numpy(points), num_samples, torch.from_numpy(start))
    for cloud, first, indices in zip(points, start, found, strict=True):
        assert indices.tolist() == _literal(cloud, num_samples, int(first))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("grid", [0, 4])
def test_the_cpu_path_equals_the_one_of_other_devices(monkeypatch, dtype, grid):
    monkeypatch.setattr(fps, "_CPU_PIECE_POINTS", 150)
    generator = torch.Generator().manual_seed(grid)
    points = torch.rand(5, 70, 3, dtype=dtype, generator=generator)
    if grid:
        points = (points * grid).round() / grid
    start = torch.tensor([3, 0, 69, 8, 8])
    assert torch.equal(farthest_point_sample(points, 70, start), fps._sample(points, 70, start))


def test_points_with_gradients_stay_untouched():
    points = torch.rand(2, 9, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    before = points.detach().clone()
    indices = farthest_point_sample(points, 4)
    assert not indices.requires_grad and torch.equal(points.detach(), before)


def test_default_start_and_coverage():
    square = torch.tensor([[[0.0, 0, 0], [0.1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]])
    assert sorted(farthest_point_sample(square, 4)[0].tolist()) == [0, 2, 3, 4]


@pytest.mark.parametrize("num_samples", [0, 6])
def test_impossible_number_of_samples(num_samples):
    with pytest.raises(ConfigError):
        farthest_point_sample(torch.zeros(1, 5, 3), num_samples)


def test_bad_input():
    with pytest.raises(BadCloud):
        farthest_point_sample(torch.full((1, 5, 3), torch.nan), 2)
    with pytest.raises(BadCloud):
        farthest_point_sample(torch.zeros(5, 3), 2)
    with pytest.raises(ConfigError):
        farthest_point_sample(torch.zeros(1, 5, 3), 2, torch.tensor([5]))
