"""Occupancy queries and the points near them (CMCR spec 3.5); parity of the search is in tests/parity."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.occupancy_queries import (
    UNKNOWN_INTENSITY,
    near_pairs,
    occupancy_queries,
    query_counts,
)


def _draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _sweep(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    return 10 * torch.randn(count, 3, generator=_draw(seed)), torch.rand(count, generator=_draw(seed + 1))


def test_the_published_numbers_of_queries() -> None:
    assert query_counts(2048) == (684, 682, 682)
    assert [sum(query_counts(number)) for number in range(1, 50)] == list(range(1, 50))


@given(st.integers(1, 400), st.integers(1, 300), st.sampled_from([0.1, 1.0]), st.integers(0, 2**16))
@settings(max_examples=40)
def test_each_query_lies_on_the_ray_of_a_return(num_points: int, num_queries: int, margin: float, seed: int) -> None:
    points, intensity = _sweep(num_points, seed)
    queries = occupancy_queries(points, intensity, _draw(seed), num_queries, margin)
    assert len(queries.positions) == len(queries.occupied) == len(queries.intensity) == num_queries
    behind, before, _ = query_counts(num_queries)
    ranges = points.double().norm(dim=1)
    directions = points.double() / ranges[:, None]
    for row, position in enumerate(queries.positions.double()):
        along = (directions @ position) - ranges
        across = (position - (directions @ position)[:, None] * directions).norm(dim=1)
        own = (across < 1e-4 * (1 + position.norm())).nonzero().squeeze(1)
        if row < behind:
            own = [i for i in own if -1e-5 * ranges[i] <= along[i] <= margin + 1e-5 * ranges[i]]
            assert any(queries.intensity[row] == intensity[i] for i in own)
        elif row < behind + before:
            own = [i for i in own if -margin - 1e-5 * ranges[i] <= along[i] <= 1e-5 * ranges[i]]
            assert any(queries.intensity[row] == intensity[i] for i in own)
        else:
            own = [i for i in own if -ranges[i] * (1 + 1e-5) <= along[i] <= 1e-5 * ranges[i]]
            assert own and queries.intensity[row] == UNKNOWN_INTENSITY
        assert bool(queries.occupied[row]) is (row < behind)


def test_every_return_is_taken_before_any_is_taken_twice() -> None:
    points, _ = _sweep(100)
    queries = occupancy_queries(points, torch.arange(100.0), _draw(), 150)
    known = queries.intensity[:100].long()
    assert len(known.unique()) == 100
    enough = occupancy_queries(points, torch.arange(100.0), _draw(), 99)
    assert len(enough.intensity[:66].unique()) == 66


def test_u_is_uniform_and_independent_of_the_kind() -> None:
    points = torch.tensor([[10.0, 0.0, 0.0]])
    queries = occupancy_queries(points, torch.ones(1), _draw(), 3000, 0.1)
    x = queries.positions[:, 0]
    for values, low, high in ((x[:1000], 10.0, 10.1), (x[1000:2000], 9.9, 10.0), (x[2000:], 0.0, 10.0)):
        shares = (values - low) / (high - low)
        assert shares.min() > -1e-3 and shares.max() < 1.001
        assert shares.mean().item() == pytest.approx(0.5, abs=0.04) and shares.std().item() == pytest.approx(
            0.289, abs=0.02
        )


def test_the_generator_decides_and_the_sweep_stays() -> None:
    points, intensity = _sweep(50)
    before = points.clone()
    first, again, other = (occupancy_queries(points, intensity, _draw(seed), 30) for seed in (0, 0, 1))
    assert torch.equal(first.positions, again.positions) and not torch.equal(first.positions, other.positions)
    assert torch.equal(points, before) and first.positions.dtype == torch.float32


def test_returns_at_the_sensor_and_sweeps_without_returns() -> None:
    points, intensity = torch.zeros(5, 3), torch.rand(5, generator=_draw())
    assert len(occupancy_queries(points, intensity, _draw()).positions) == 0
    assert len(occupancy_queries(points[:0], intensity[:0], _draw()).positions) == 0
    points[3, 0] = 4.0
    queries = occupancy_queries(points, intensity, _draw(), 12)
    assert torch.isfinite(queries.positions).all() and (queries.intensity[:8] == intensity[3]).all()


def test_queries_that_cannot_be_drawn() -> None:
    points, intensity = _sweep(5)
    for told in ((0, 0.1), (10, 0.0)):
        with pytest.raises(ConfigError):
            occupancy_queries(points, intensity, _draw(), *told)
    for wrong in ((points[:, :2], intensity), (points, intensity[:4]), (points * torch.nan, intensity)):
        with pytest.raises(BadCloud):
            occupancy_queries(*wrong, _draw())


def test_a_crowd_is_cut_to_the_nearest() -> None:
    """CMCR spec 9: the released search keeps any 32 neighbours without a word."""
    points = torch.rand(200, 3, generator=_draw()) - 0.5
    query = torch.zeros(1, 3)
    order = points.norm(dim=1).argsort()
    assert near_pairs(query, points).points.tolist() == order[:32].tolist()
    assert near_pairs(query, points, max_neighbours=150).points.tolist() == order[:150].tolist()
    assert len(near_pairs(query, points, max_neighbours=10_000).points) == 200


def test_the_radius_belongs_to_the_ball() -> None:
    points = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0 + 1e-6, 0.0], [0.5, 0.0, 0.0]])
    assert near_pairs(torch.zeros(1, 3), points).points.tolist() == [2, 0]
    assert near_pairs(torch.zeros(1, 3), points, radius=1.1, max_neighbours=1).points.tolist() == [2]


def test_nothing_near() -> None:
    points, _ = _sweep(5)
    for queries, near in ((points[:0], points), (points, points[:0]), (points + 1000, points)):
        pairs = near_pairs(queries, near)
        assert len(pairs.queries) == len(pairs.points) == 0 and pairs.queries.dtype == torch.int64
    for told in ((0.0, 32), (1.0, 0)):
        with pytest.raises(ConfigError):
            near_pairs(points, points, *told)
