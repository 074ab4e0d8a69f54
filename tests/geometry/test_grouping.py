"""Ball query and gathering: properties and refusals; the literal comparison is in tests/parity."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.grouping import ball_query, gather_points


def _points(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@given(
    num_points=st.integers(1, 60),
    num_neighbours=st.integers(1, 12),
    radius=st.floats(0.01, 2.0),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=40)
def test_balls_hold_what_they_say(num_points, num_neighbours, radius, seed):
    points = _points(2, num_points, 3, seed=seed)
    indices = ball_query(points, points, radius, num_neighbours)
    distances = (gather_points(points, indices) - points.unsqueeze(2)).norm(dim=3)
    assert distances.max() <= radius * (1 + 1e-5)
    for ball, near in zip(indices.flatten(0, 1), torch.cdist(points, points).flatten(0, 1), strict=True):
        distinct = ball.unique()
        assert torch.equal(ball[: len(distinct)], distinct), "ascending, then repeats"
        assert (ball[len(distinct) :] == ball[0]).all()
        clearly_inside = int((near < radius * 0.999).sum())
        assert len(distinct) >= min(num_neighbours, clearly_inside)


def test_a_point_at_the_radius_belongs_to_the_ball():
    points = torch.tensor([[[0.0, 0, 0], [0.5, 0, 0], [0, 0.625, 0]]])
    assert ball_query(points, points[:, :1], 0.5, 3).tolist() == [[[0, 1, 0]]]


def test_the_first_points_in_cloud_order_are_taken():
    points = torch.zeros(1, 5, 3)
    assert ball_query(points, points[:, 4:], 0.1, 3).tolist() == [[[0, 1, 2]]]


def test_gathering_by_indices_of_any_shape():
    values = _points(2, 5, 4)
    indices = torch.tensor([[[0, 4], [1, 1]], [[3, 2], [0, 0]]])
    gathered = gather_points(values, indices)
    assert gathered.shape == (2, 2, 2, 4)
    assert torch.equal(gathered[1, 0, 1], values[1, 2]) and torch.equal(gathered[0, 1, 0], values[0, 1])


def test_gathering_passes_gradients_to_every_use():
    values = _points(1, 3, 2).requires_grad_()
    gather_points(values, torch.tensor([[[0, 0, 2]]])).sum().backward()
    assert values.grad.tolist() == [[[2, 2], [0, 0], [1, 1]]]


@pytest.mark.parametrize(
    ("points", "centres"),
    [
        (torch.zeros(1, 5, 2), torch.zeros(1, 2, 2)),
        (torch.zeros(5, 3), torch.zeros(2, 3)),
        (torch.zeros(2, 5, 3), torch.zeros(1, 2, 3)),
        (torch.zeros(1, 0, 3), torch.zeros(1, 2, 3)),
        (torch.zeros(1, 5, 3), torch.zeros(1, 0, 3)),
        (torch.full((1, 5, 3), torch.nan), torch.zeros(1, 2, 3)),
        (torch.zeros(1, 5, 3), torch.full((1, 2, 3), torch.inf)),
    ],
)
def test_clouds_that_do_not_fit(points, centres):
    with pytest.raises(BadCloud):
        ball_query(points, centres, 0.1, 2)


def test_an_empty_ball_is_named():
    with pytest.raises(BadCloud, match="1 empty balls"):
        ball_query(torch.zeros(1, 5, 3), torch.tensor([[[0.0, 0, 0], [1, 1, 1]]]), 0.1, 2)


@pytest.mark.parametrize(("radius", "num_neighbours"), [(0.0, 1), (-1.0, 1), (float("nan"), 1), (0.1, 0)])
def test_impossible_arguments(radius, num_neighbours):
    with pytest.raises(ConfigError):
        ball_query(torch.zeros(1, 5, 3), torch.zeros(1, 1, 3), radius, num_neighbours)
