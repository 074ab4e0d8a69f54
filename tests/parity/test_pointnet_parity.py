"""PointNet without its last activations against the literal one, forward and backward (MM-Point spec 2.2)."""

from __future__ import annotations

import pytest
import torch
from tests.parity.literal_pointnet import LiteralPointNet
from torch import nn

from concord3d.errors import BadCloud
from concord3d.models.max_embedding import max_embedding
from concord3d.models.pointnet import PointNet


def _pair(num_clouds: int, num_points: int) -> tuple[PointNet, LiteralPointNet, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    fast, literal = PointNet().double(), LiteralPointNet().double()
    with torch.no_grad():
        for norm in fast.norms:
            for values in (norm.weight, norm.bias, norm.running_mean):
                values.copy_(torch.randn(values.shape, generator=generator, dtype=torch.float64))
            norm.running_var.uniform_(0.5, 2, generator=generator)
    literal.load_state_dict(fast.state_dict())
    return fast, literal, torch.randn(num_clouds, num_points, 3, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("shape", [(1, 9), (5, 1), (4, 33)], ids=str)
def test_equals_the_literal_sequence(shape, training):
    fast, literal, points = _pair(*shape)
    upstream = torch.randn(shape[0], 1024, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradients = []
    for model in (fast, literal):
        own = points.clone().requires_grad_()
        output = model.train(training)(own)
        (output * upstream).sum().backward()
        gradients.append([output.detach(), own.grad, *(parameter.grad for parameter in model.parameters())])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(fast.state_dict(), literal.state_dict())


def test_duplicated_points_share_what_one_would_get():
    linear, norm = nn.Linear(3, 6, bias=False).double(), nn.BatchNorm1d(6).double().eval()
    points = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    weights = []
    for cloud in (points, points.repeat(1, 2, 1)):
        linear.zero_grad()
        output = max_embedding(cloud, linear, norm)
        output.sum().backward()
        weights.append([output.detach(), linear.weight.grad.clone()])
    for once, twice in zip(*weights, strict=True):
        torch.testing.assert_close(once, twice)


def test_under_autocast_the_maximum_keeps_full_precision():
    linear, norm = nn.Linear(4, 3, bias=False), nn.BatchNorm1d(3)
    features = torch.randn(2, 8, 4, generator=torch.Generator().manual_seed(3)).bfloat16()
    exact = max_embedding(features.float(), linear, norm)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(max_embedding(features, linear, norm), exact)


def test_training_on_one_point():
    with pytest.raises(BadCloud, match="more than one point"):
        PointNet()(torch.zeros(1, 1, 3))
