"""EdgeConv and the DGCNN trunk, forward and backward, each beside its literal form at B=8, N=1024, k=20."""

from __future__ import annotations

import pytest
import torch
from tests.parity.literal_dgcnn import LiteralDGCNN, LiteralEdgeConv
from torch import nn

from concord3d.geometry.knn import knn_indices
from concord3d.models.dgcnn import DGCNN
from concord3d.models.edge_conv import EdgeConv

NUM_CLOUDS, NUM_POINTS, NUM_NEIGHBOURS = 8, 1024, 20


def _layer_step(layer: nn.Module, features: torch.Tensor, indices: torch.Tensor) -> None:
    leaf = features.clone().requires_grad_()
    layer(leaf, indices).square().mean().backward()


@pytest.mark.benchmark(group="edge_conv")
@pytest.mark.parametrize("layer", [EdgeConv, LiteralEdgeConv], ids=["fast", "literal"])
@pytest.mark.parametrize("channels", [(64, 64), (128, 256)], ids=str)
def test_edge_conv_step(benchmark, layer, channels):
    features = torch.randn(NUM_CLOUDS, NUM_POINTS, channels[0], generator=torch.Generator().manual_seed(0))
    indices = knn_indices(features, NUM_NEIGHBOURS)
    benchmark.pedantic(_layer_step, (layer(*channels), features, indices), rounds=5, warmup_rounds=1)


def _trunk_step(trunk: nn.Module, points: torch.Tensor) -> None:
    trunk(points).square().mean().backward()


@pytest.mark.benchmark(group="dgcnn")
@pytest.mark.parametrize("trunk", [DGCNN, LiteralDGCNN], ids=["fast", "literal"])
def test_trunk_step(benchmark, trunk):
    points = torch.randn(NUM_CLOUDS, NUM_POINTS, 3, generator=torch.Generator().manual_seed(0))
    benchmark.pedantic(_trunk_step, (trunk(k=NUM_NEIGHBOURS), points), rounds=3, warmup_rounds=1)
