"""A training step of PointNet, without and with its last activations written out, on 64 clouds."""

from __future__ import annotations

import pytest
import torch
from tests.parity.literal_pointnet import LiteralPointNet

from concord3d.models.pointnet import PointNet


def _step(model: PointNet, points: torch.Tensor) -> None:
    model(points).square().mean().backward()


@pytest.mark.benchmark(group="pointnet")
@pytest.mark.parametrize("model", [PointNet, LiteralPointNet], ids=["fast", "literal"])
@pytest.mark.parametrize("num_points", [128, 256, 1024])
def test_training_step(benchmark, model, num_points):
    points = torch.randn(64, num_points, 3, generator=torch.Generator().manual_seed(0))
    benchmark.pedantic(_step, (model(), points), rounds=5, warmup_rounds=1)
