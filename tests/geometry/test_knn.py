"""k nearest neighbours against a float64 sort of all distances."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry import knn
from concord3d.geometry.knn import knn_indices, nearest_points, smallest_indices


def _assert_nearest(points: Tensor, indices: Tensor, k: int, include_self: bool = True) -> None:
    """Each row holds k different points whose distances are the k smallest, up to float32 rounding."""
    distances = torch.cdist(points.double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    if not include_self:
        distances.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    expected = distances.sort(-1).values[..., :k]
    found = distances.gather(-1, indices).sort(-1).values
    spread = (points.double() - points.double().mean(1, keepdim=True)).square().sum(-1).max().item()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * spread + 1e-12)
    assert (indices.sort(-1).values.diff(dim=-1) > 0).all()


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize(
    ("num_clouds", "num_points", "channels", "k"),
    [
        (1, 2, 3, 1),
        (3, 17, 3, 5),
        (2, 64, 1, 63),
        (2, 256, 64, 15),
        (3, 512, 3, 15),
        (1, 1024, 16, 20),
        (1, 1500, 3, 7),
    ],
)
def test_equals_sorting_all_distances(num_clouds, num_points, channels, k, include_self):
    points = torch.randn(num_clouds, num_points, channels, generator=torch.Generator().manual_seed(num_points + k))
    _assert_nearest(points, knn_indices(points, k, include_self), k, include_self)


def test_rows_are_chunked_for_large_clouds(monkeypatch):
    points = torch.randn(2, 200, 3, generator=torch.Generator().manual_seed(3))
    whole = knn_indices(points, 6)
    monkeypatch.setattr(knn, "_CPU_CHUNK_ELEMENTS", 1500)
    torch.testing.assert_close(knn_indices(points, 6), whole, rtol=0, atol=0)


def test_offset_does_not_change_the_neighbours():
    points = 0.1 * torch.randn(2, 128, 3, generator=torch.Generator().manual_seed(4))
    moved = points + torch.tensor([100.0, -300.0, 50.0])
    _assert_nearest(moved, knn_indices(moved, 8), 8)


def test_equal_points_give_distinct_neighbours():
    indices = knn_indices(torch.ones(2, 64, 3), 10)
    assert (indices.sort(-1).values.diff(dim=-1) > 0).all()
    assert indices.min() >= 0 and indices.max() < 64


def test_float64_and_half_precision():
    points = torch.randn(1, 100, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    _assert_nearest(points, knn_indices(points, 9), 9)
    half = points.to(torch.bfloat16)
    assert torch.equal(knn_indices(half, 9), knn_indices(half.float(), 9))


@given(
    rows=st.integers(1, 4),
    size=st.integers(1, 300),
    data=st.data(),
    seed=st.integers(0, 2**16),
    distinct=st.booleans(),
)
@settings(max_examples=60)
def test_selection_of_the_smallest(rows, size, data, seed, distinct):
    count = data.draw(st.integers(1, size))
    values = torch.randn(rows, size, generator=torch.Generator().manual_seed(seed))
    if not distinct:
        values = values.round()
    chosen = smallest_indices(values, count)
    assert torch.equal(values.gather(1, chosen).sort(1).values, values.sort(1).values[:, :count])
    assert (chosen.sort(1).values.diff(dim=1) > 0).all()


@pytest.mark.parametrize(("k", "include_self"), [(0, True), (11, True), (10, False), (-1, True)])
def test_impossible_number_of_neighbours(k, include_self):
    with pytest.raises(ConfigError, match="number of neighbours") as caught:
        knn_indices(torch.zeros(1, 10, 3), k, include_self)
    assert f"k = {k}" in str(caught.value)


def test_wrong_shape():
    with pytest.raises(BadCloud):
        knn_indices(torch.zeros(10, 3), 2)


@pytest.mark.parametrize("offset", [0.0, 300.0])
@pytest.mark.parametrize(
    ("num_clouds", "num_points", "num_queries", "k"),
    [(1, 1, 1, 1), (3, 17, 4, 5), (2, 64, 100, 64), (2, 512, 64, 32), (1, 9, 0, 2)],
)
def test_nearest_of_other_points(num_clouds, num_points, num_queries, k, offset):
    generator = torch.Generator().manual_seed(num_points + k)
    points, queries = (torch.randn(num_clouds, n, 3, generator=generator) + offset for n in (num_points, num_queries))
    indices = nearest_points(points, queries, k)
    assert indices.shape == (num_clouds, num_queries, k)
    distances = torch.cdist(queries.double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    found, expected = distances.gather(-1, indices).sort(-1).values, distances.sort(-1).values[..., :k]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)
    assert (indices.sort(-1).values.diff(dim=-1) > 0).all()


def test_nearest_of_all_points_are_their_neighbours(monkeypatch):
    points = torch.randn(3, 200, 3, generator=torch.Generator().manual_seed(3))
    whole = nearest_points(points, points, 6).sort(-1).values
    assert torch.equal(whole, knn_indices(points, 6).sort(-1).values)
    monkeypatch.setattr(knn, "_CPU_CHUNK_ELEMENTS", 1500)
    assert torch.equal(nearest_points(points, points, 6).sort(-1).values, whole)


@pytest.mark.parametrize("k", [0, 11])
def test_impossible_number_of_nearest_points(k):
    with pytest.raises(ConfigError, match="number of neighbours"):
        nearest_points(torch.zeros(1, 10, 3), torch.zeros(1, 2, 3), k)


@pytest.mark.parametrize("shape", [(2, 4, 3), (1, 4, 2), (4, 3)])
def test_queries_that_do_not_fit(shape):
    with pytest.raises(BadCloud, match="Queries"):
        nearest_points(torch.zeros(1, 10, 3), torch.zeros(*shape), 2)
