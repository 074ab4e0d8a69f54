"""EdgeConv and the DGCNN trunk, forward and backward, each beside its literal form at B=8, N=1024, k=20.

Beside the times stands the share of the processor's matrix peak that the products of the fast form reach: those of the
two per-point maps and of the pooled embedding, once forward and twice backward. What the share leaves is gathers,
maxima, moments of the edges and activations, which no product hides.
"""

from __future__ import annotations

import time
from functools import cache

import pytest
import torch
from tests.parity.literal_dgcnn import LiteralDGCNN, LiteralEdgeConv
from torch import nn

from concord3d.geometry.knn import knn_indices
from concord3d.models.dgcnn import DGCNN
from concord3d.models.edge_conv import EdgeConv
from concord3d.models.pooled_embedding import PooledEmbedding
from concord3d.training.precision import multiplies_bfloat16

NO_BFLOAT16 = "this processor has no products of bfloat16: measuring what they reach takes minutes"
NUM_CLOUDS, NUM_POINTS, NUM_NEIGHBOURS = 8, 1024, 20


@cache
def matrix_peak(dtype: torch.dtype) -> float:
    """Return the FLOP/s of the fastest of some products of large matrices, in this process and on its threads."""
    left, right = (torch.randn(2048, 2048, generator=torch.Generator().manual_seed(0)).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(8):
        start = time.perf_counter()
        left @ right
        best = min(best, time.perf_counter() - start)
    return 2 * 2048**3 / best


def say_share(benchmark, operations: float, dtype: torch.dtype = torch.float32) -> None:
    """Record FLOP/s of the products and their share of the peak, where anything was timed."""
    if benchmark.stats:
        rate = operations / benchmark.stats.stats.min
        peak = matrix_peak(dtype)
        benchmark.extra_info |= {"gflops": rate / 1e9, "peak_gflops": peak / 1e9, "share_of_peak": rate / peak}


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
    if layer is EdgeConv:
        say_share(benchmark, 3 * _products(2 * channels[0], channels[1]))


def _products(channels_in: int, channels_out: int) -> float:
    return 2 * NUM_CLOUDS * NUM_POINTS * channels_in * channels_out


def _trunk_step(trunk: nn.Module, points: torch.Tensor) -> None:
    trunk(points).square().mean().backward()


@pytest.mark.benchmark(group="dgcnn")
@pytest.mark.parametrize("trunk", [DGCNN, LiteralDGCNN], ids=["fast", "literal"])
def test_trunk_step(benchmark, trunk):
    points = torch.randn(NUM_CLOUDS, NUM_POINTS, 3, generator=torch.Generator().manual_seed(0))
    module = trunk(k=NUM_NEIGHBOURS)
    benchmark.pedantic(_trunk_step, (module, points), rounds=3, warmup_rounds=1)
    if trunk is DGCNN:
        say_share(benchmark, sum(3 * _products(*p.shape) for p in module.parameters() if p.ndim == 2))


@pytest.mark.benchmark(group="pooled embedding of a DGCNN")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_pooled_embedding_step(benchmark, dtype):
    if dtype == torch.bfloat16 and not multiplies_bfloat16("cpu"):
        pytest.skip(NO_BFLOAT16)
    features = torch.randn(NUM_CLOUDS, NUM_POINTS, 512, generator=torch.Generator().manual_seed(0))
    module = PooledEmbedding(512, 1024)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            pooled = module(features.detach().requires_grad_())
        pooled.square().mean().backward()

    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
    say_share(benchmark, 3 * _products(512, 1024), dtype)
