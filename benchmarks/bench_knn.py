"""k nearest neighbours: the packed selection beside a plain top-k over all distances."""

from __future__ import annotations

import pytest
import torch
from tests.parity.literal_dgcnn import literal_knn

from concord3d.geometry.fps import farthest_point_sample
from concord3d.geometry.knn import knn_indices


@pytest.mark.benchmark(group="knn")
@pytest.mark.parametrize("search", [knn_indices, literal_knn], ids=["fast", "literal"])
@pytest.mark.parametrize("size", [(8, 1024, 3, 20), (8, 1024, 128, 20), (32, 512, 64, 15)], ids=str)
def test_knn(benchmark, search, size):
    num_clouds, num_points, channels, k = size
    points = torch.randn(num_clouds, num_points, channels, generator=torch.Generator().manual_seed(0))
    benchmark.pedantic(search, (points, k), rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="fps")
def test_farthest_point_sample(benchmark):
    points = torch.randn(8, 2048, 3, generator=torch.Generator().manual_seed(0))
    benchmark.pedantic(farthest_point_sample, (points, 512), rounds=3, warmup_rounds=1)
