"""The fast EdgeConv and DGCNN against the literal ones, forward and backward (MM-Point spec 2.1)."""

from __future__ import annotations

import copy

import pytest
import torch
from tests.parity import literal_dgcnn as literal
from torch import Tensor, nn

from concord3d.geometry.knn import knn_indices
from concord3d.models.dgcnn import DGCNN
from concord3d.models.edge_conv import EdgeConv, edge_moments
from concord3d.models.neighbour_ops import NeighbourGraph


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _randomise_norms(module: nn.Module, generator: torch.Generator) -> None:
    """Give every BatchNorm scales of both signs, shifts and running statistics."""
    with torch.no_grad():
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm1d):
                norm.weight.copy_(torch.randn(norm.weight.shape, generator=generator))
                norm.bias.copy_(0.3 * torch.randn(norm.bias.shape, generator=generator))
                norm.running_mean.copy_(torch.randn(norm.bias.shape, generator=generator))
                norm.running_var.copy_(0.5 + torch.rand(norm.bias.shape, generator=generator))


def _pair(in_channels: int, out_channels: int, dtype: torch.dtype, generator: torch.Generator):
    fast = EdgeConv(in_channels, out_channels).to(dtype)
    _randomise_norms(fast, generator)
    slow = literal.LiteralEdgeConv(in_channels, out_channels).to(dtype)
    literal.copy_edge_conv(fast, slow)
    return fast, slow


def _run(module: nn.Module, features: Tensor, indices: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    features = features.clone().requires_grad_()
    output = module(features, indices)
    (output * upstream).sum().backward()
    assert features.grad is not None
    return output.detach(), features.grad


def _assert_layers_agree(fast: nn.Module, slow: nn.Module, features: Tensor, indices: Tensor, tolerance: float) -> None:
    upstream = torch.randn(*features.shape[:2], fast.out_channels, dtype=features.dtype, generator=_generator(99))
    fast_output, fast_gradient = _run(fast, features, indices, upstream)
    slow_output, slow_gradient = _run(slow, features, indices, upstream)
    pairs = {
        "output": (fast_output, slow_output),
        "input gradient": (fast_gradient, slow_gradient),
        "weight gradient": (fast.linear.weight.grad, slow.convolution.weight.grad[:, :, 0, 0]),
        "scale gradient": (fast.norm.weight.grad, slow.norm.weight.grad),
        "shift gradient": (fast.norm.bias.grad, slow.norm.bias.grad),
        "running mean": (fast.norm.running_mean, slow.norm.running_mean),
        "running variance": (fast.norm.running_var, slow.norm.running_var),
    }
    for name, (ours, theirs) in pairs.items():
        difference = (ours - theirs).abs().max().item()
        assert difference <= tolerance * max(1.0, theirs.abs().max().item()), (name, difference)
    assert fast.norm.num_batches_tracked == slow.norm.num_batches_tracked


SHAPES = [
    (1, 5, 1, 3, 4),
    (2, 16, 4, 3, 8),
    (3, 33, 7, 8, 5),
    (1, 40, 40, 2, 3),
    (4, 64, 20, 16, 32),
    (2, 128, 15, 64, 128),
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
@pytest.mark.parametrize("shape", SHAPES)
def test_layer_equals_literal(shape, dtype, tolerance, training):
    num_clouds, num_points, k, in_channels, out_channels = shape
    generator = _generator(sum(shape))
    fast, slow = _pair(in_channels, out_channels, dtype, generator)
    fast.train(training)
    slow.train(training)
    features = torch.randn(num_clouds, num_points, in_channels, dtype=dtype, generator=generator)
    _assert_layers_agree(fast, slow, features, knn_indices(features, k), tolerance)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_over_several_steps(momentum):
    generator = _generator(5)
    fast, slow = _pair(3, 6, torch.float64, generator)
    fast.norm.momentum = slow.norm.momentum = momentum
    for _ in range(3):
        features = torch.randn(2, 20, 3, dtype=torch.float64, generator=generator)
        indices = knn_indices(features, 5)
        fast(features, indices)
        slow(features, indices)
    torch.testing.assert_close(fast.norm.running_mean, slow.norm.running_mean, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(fast.norm.running_var, slow.norm.running_var, rtol=1e-10, atol=1e-10)
    assert fast.norm.num_batches_tracked == 3


def test_arbitrary_graphs_and_repeated_neighbours():
    generator = _generator(6)
    fast, slow = _pair(4, 9, torch.float64, generator)
    features = torch.randn(2, 12, 4, dtype=torch.float64, generator=generator)
    indices = torch.randint(0, 12, (2, 12, 6), generator=generator)
    _assert_layers_agree(fast, slow, features, indices, 1e-9)


def test_clouds_far_from_the_origin():
    """Un-normalised scans: the two linear maps alone would cancel, the literal differences do not."""
    generator = _generator(7)
    fast, slow = _pair(3, 16, torch.float32, generator)
    features = 0.05 * torch.randn(2, 64, 3, generator=generator) + torch.tensor([40.0, -25.0, 60.0])
    indices = knn_indices(features, 8)
    reference = copy.deepcopy(slow).double()(features.double(), indices)
    ours, theirs = fast(features, indices), slow(features, indices)
    error = (ours.double() - reference).abs().max()
    assert error <= 3 * (theirs.double() - reference).abs().max() + 1e-4


def test_zero_scale_gives_the_shift_and_a_one_sided_derivative():
    generator = _generator(8)
    fast, slow = _pair(3, 5, torch.float64, generator)
    for module in (fast, slow):
        with torch.no_grad():
            module.norm.weight.zero_()
    features = torch.randn(2, 16, 3, dtype=torch.float64, generator=generator)
    indices = knn_indices(features, 4)
    upstream = torch.rand(2, 16, 5, dtype=torch.float64, generator=generator)
    fast_output, fast_gradient = _run(fast, features, indices, upstream)
    slow_output, slow_gradient = _run(slow, features, indices, upstream)
    torch.testing.assert_close(fast_output, slow_output, rtol=0, atol=1e-12)
    torch.testing.assert_close(fast_gradient, slow_gradient, rtol=0, atol=1e-12)
    torch.testing.assert_close(fast.norm.bias.grad, slow.norm.bias.grad, rtol=1e-10, atol=1e-12)
    # The scale's derivative has a kink at zero: any value between the two one-sided ones is right.
    bounds = []
    for step in (-1e-6, 1e-6):
        with torch.no_grad():
            slow.norm.weight.fill_(step)
            moved = (slow(features, indices) * upstream).sum((0, 1))
            slow.norm.weight.zero_()
            still = (slow(features, indices) * upstream).sum((0, 1))
        bounds.append((moved - still) / step)
    low, high = torch.minimum(*bounds), torch.maximum(*bounds)
    assert ((fast.norm.weight.grad >= low - 1e-4) & (fast.norm.weight.grad <= high + 1e-4)).all()


def test_duplicated_points_give_the_gradient_once():
    """Dropout by overwriting makes many equal points; each maximum still passes its gradient to one of them."""
    generator = _generator(9)
    fast, slow = _pair(3, 7, torch.float64, generator)
    features = torch.randn(2, 24, 3, dtype=torch.float64, generator=generator)
    features[:, 8:20] = features[:, :1]
    indices = knn_indices(features, 10)
    upstream = torch.randn(2, 24, 7, dtype=torch.float64, generator=generator)
    fast_output, fast_gradient = _run(fast, features, indices, upstream)
    slow_output, slow_gradient = _run(slow, features, indices, upstream)
    torch.testing.assert_close(fast_output, slow_output, rtol=0, atol=1e-9)
    torch.testing.assert_close(fast.linear.weight.grad, slow.convolution.weight.grad[:, :, 0, 0], rtol=0, atol=1e-9)
    same = torch.tensor([0, *range(8, 20)])
    torch.testing.assert_close(fast_gradient[:, same].sum(1), slow_gradient[:, same].sum(1), rtol=0, atol=1e-9)


def test_constant_cloud_stays_finite():
    fast = EdgeConv(3, 4)
    features = torch.ones(2, 8, 3, requires_grad=True)
    output = fast(features, knn_indices(features, 3))
    output.sum().backward()
    assert torch.isfinite(output).all() and torch.isfinite(features.grad).all()


def test_edge_moments_equal_those_of_the_built_edges():
    generator = _generator(10)
    centred = torch.randn(3, 10, 4, dtype=torch.float64, generator=generator)
    centre = torch.randn(3, 4, dtype=torch.float64, generator=generator)
    indices = torch.randint(0, 10, (3, 10, 5), generator=generator)
    mean, covariance = edge_moments(centred, centre, indices)
    flat = (centred + centre.unsqueeze(1) - centre.mean(0)).flatten(0, 1)
    graph = NeighbourGraph.from_indices(indices)
    own = flat.unsqueeze(1).expand(-1, 5, -1)
    edges = torch.cat([flat[graph.neighbours] - own, own], -1).flatten(0, 1)
    torch.testing.assert_close(mean, edges.mean(0))
    torch.testing.assert_close(covariance, torch.cov(edges.t(), correction=0))


def test_edge_moments_gradient_by_finite_differences():
    generator = _generator(14)
    centred = torch.randn(2, 5, 2, dtype=torch.float64, generator=generator, requires_grad=True)
    centre = torch.randn(2, 2, dtype=torch.float64, generator=generator)
    indices = torch.randint(0, 5, (2, 5, 3), generator=generator)
    assert torch.autograd.gradcheck(lambda x: edge_moments(x, centre, indices), (centred,))


def test_gradient_by_finite_differences():
    fast, _ = _pair(2, 3, torch.float64, _generator(11))
    fast.norm.momentum = 0.0
    features = torch.randn(1, 7, 2, dtype=torch.float64, generator=_generator(12), requires_grad=True)
    indices = knn_indices(features, 3)
    assert torch.autograd.gradcheck(lambda x: fast(x, indices), (features,))


@pytest.mark.parametrize("dropped", [0, 7, 40])
@pytest.mark.parametrize("training", [True, False])
def test_trunk_equals_literal(training, dropped):
    generator = _generator(13)
    fast = DGCNN(k=6, emb_dims=32).double()
    _randomise_norms(fast, generator)
    slow = literal.LiteralDGCNN(k=6, emb_dims=32).double()
    literal.copy_dgcnn(fast, slow)
    fast.train(training)
    slow.train(training)
    points = torch.randn(3, 48, 3, dtype=torch.float64, generator=generator)
    # Dropped points are the first point once more; which of the copies gets a gradient is nobody's concern.
    points[1:, 48 - dropped :] = points[1:, :1]
    upstream = torch.randn(3, 64, dtype=torch.float64, generator=generator)
    counted: list[Tensor | None] = []
    fast.embedding.register_forward_pre_hook(lambda _, given: counted.append(given[1]))
    results = []
    for module in (fast, slow):
        own = points.clone().requires_grad_()
        output = module(own)
        (output * upstream).sum().backward()
        gradient = own.grad.clone()
        gradient[1:, 0] += gradient[1:, 48 - dropped :].sum(1)
        results.append((output.detach(), gradient[0], gradient[1:, : 48 - dropped]))
    [copies] = counted
    assert (None if copies is None else copies.sum(1).tolist()) == ([0, dropped, dropped] if dropped else None)
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)
    for ours, theirs in zip(fast.edge_convs, slow.edge_convs, strict=True):
        expected = theirs.convolution.weight.grad[:, :, 0, 0]
        torch.testing.assert_close(ours.linear.weight.grad, expected, rtol=1e-8, atol=1e-9)
        torch.testing.assert_close(ours.norm.running_var, theirs.norm.running_var, rtol=1e-9, atol=1e-9)
    embedding = slow.convolution.weight.grad[:, :, 0]
    torch.testing.assert_close(fast.embedding.linear.weight.grad, embedding, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(fast.embedding.norm.running_var, slow.norm.running_var, rtol=1e-9, atol=1e-9)


def _gradients(model: DGCNN, points: Tensor, *, autocast: bool) -> tuple[Tensor, list[Tensor]]:
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        features = model(points)
    features.square().mean().backward()
    return features.detach(), [parameter.grad.clone() for parameter in model.parameters()]


def test_training_in_bfloat16_follows_single_precision() -> None:
    torch.manual_seed(0)
    model = DGCNN(k=8, emb_dims=256)
    points = torch.randn(6, 64, 3, generator=_generator(1))
    exact, exact_gradients = _gradients(model, points, autocast=False)
    rounded, gradients = _gradients(model, points, autocast=True)
    assert rounded.dtype == torch.float32
    # bfloat16 has eight bits: it must have been used, and must not do more than its rounding does.
    assert 1e-5 < float((rounded - exact).norm() / exact.norm()) < 1e-2
    for name, gradient, other in zip(dict(model.named_parameters()), gradients, exact_gradients, strict=True):
        assert gradient.dtype == torch.float32
        assert torch.nn.functional.cosine_similarity(gradient.flatten(), other.flatten(), 0) > 0.99, name


def test_edges_are_found_in_single_precision_under_autocast() -> None:
    fast, _ = _pair(8, 16, torch.float32, _generator(3))
    features, indices = torch.randn(2, 32, 8, generator=_generator(4)), torch.randint(0, 32, (2, 32, 5))
    exact = copy.deepcopy(fast)(features, indices)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fast(features, indices), exact)
