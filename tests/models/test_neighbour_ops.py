"""Neighbour sums and maxima against gathering, on both code paths."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.models import neighbour_ops
from concord3d.models.neighbour_ops import NeighbourGraph, cloud_pieces, neighbour_max, neighbour_sum


def _graph(num_points: int, k: int, seed: int) -> NeighbourGraph:
    generator = torch.Generator().manual_seed(seed)
    return NeighbourGraph(torch.randint(0, num_points, (num_points, k), generator=generator))


@given(
    num_points=st.integers(1, 40),
    k=st.integers(1, 8),
    channels=st.integers(1, 20),
    seed=st.integers(0, 2**16),
    coarse=st.booleans(),
    double=st.booleans(),
)
@settings(max_examples=50)
def test_maximum_equals_gathering(num_points, k, channels, seed, coarse, double):
    graph = _graph(num_points, k, seed)
    dtype = torch.float64 if double else torch.float32
    features = torch.randn(num_points, channels, dtype=dtype, generator=torch.Generator().manual_seed(seed + 1))
    features = features.round() if coarse else features
    largest, winners = neighbour_max(features, graph)
    assert torch.equal(largest, features[graph.neighbours].amax(1))
    assert torch.equal(features.gather(0, winners), largest)
    assert (graph.neighbours.unsqueeze(2) == winners.unsqueeze(1)).any(1).all()


@pytest.mark.parametrize("value", [torch.finfo(torch.float32).max, torch.finfo(torch.float32).tiny, 1e-42, 0.0])
def test_maximum_keeps_extreme_values_bit_for_bit(value):
    graph = _graph(9, 3, 0)
    features = torch.full((9, 2), value) * torch.tensor([1.0, -1.0])
    largest, _ = neighbour_max(features, graph)
    assert torch.equal(largest.view(torch.int32), features.view(torch.int32))


@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_values_that_are_not_finite_stay_visible(poison):
    graph = NeighbourGraph(torch.tensor([[0, 1], [1, 2], [2, 0]]))
    features = torch.tensor([[0.0], [poison], [1.0]])
    largest, winners = neighbour_max(features, graph)
    assert not torch.isfinite(largest[:2]).any() and largest[2] == 1.0
    assert winners.min() >= 0 and winners.max() < 3


@given(num_points=st.integers(1, 40), k=st.integers(1, 8), channels=st.integers(1, 20), seed=st.integers(0, 2**16))
@settings(max_examples=30)
def test_sum_and_its_transpose_equal_gathering_and_scattering(num_points, k, channels, seed):
    graph = _graph(num_points, k, seed)
    features = torch.randn(num_points, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(seed + 1))
    torch.testing.assert_close(neighbour_sum(features, graph), features[graph.neighbours].sum(1))
    scattered = torch.zeros_like(features)
    scattered.index_add_(0, graph.neighbours.flatten(), features.repeat_interleave(k, 0))
    torch.testing.assert_close(neighbour_sum(features, graph, transposed=True), scattered)


def test_graph_of_a_batch_keeps_clouds_apart():
    graph = NeighbourGraph.from_indices(torch.tensor([[[1], [0]], [[0], [0]]]))
    assert graph.neighbours.flatten().tolist() == [1, 0, 2, 2]
    assert graph.in_degrees().tolist() == [1, 1, 2, 0]


@given(num_clouds=st.integers(1, 50), elements=st.integers(1, 1 << 20))
def test_pieces_cover_the_batch_once(num_clouds, elements):
    pieces = cloud_pieces(num_clouds, elements, "cpu")
    covered = [cloud for piece in pieces for cloud in range(num_clouds)[piece]]
    assert covered == list(range(num_clouds))


def test_pieces_do_not_change_the_result(monkeypatch):
    from concord3d.models.dgcnn import DGCNN

    # In double precision: in single, a distance that rounds otherwise may choose another neighbour.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        points = torch.randn(5, 40, 3, dtype=torch.float64)
        model = DGCNN(k=4, emb_dims=16).double()
    whole = model(points)
    whole.square().sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    monkeypatch.setattr(neighbour_ops, "_CPU_PIECE_ELEMENTS", 1)
    cut = model(points)
    cut.square().sum().backward()
    torch.testing.assert_close(cut, whole)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-6, atol=1e-6 * float(gradient.abs().max()))
