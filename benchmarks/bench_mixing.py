"""The mixing operators on coloured clouds, and InfoNCE in chunks beside the whole matrix of logits."""

from __future__ import annotations

import pytest
import torch

from concord3d.geometry.augment import ColouredAugmentation, augment_coloured, coloured_clouds
from concord3d.geometry.mixing.operators import mix_clouds
from concord3d.geometry.mixing.settings import OPERATORS, MixingSettings
from concord3d.losses.info_nce import info_nce


@pytest.mark.benchmark(group="mixing")
@pytest.mark.parametrize("size", [(16, 1024, 1024), (2, 10000, 2000), (2, 10000, 250)], ids=str)
@pytest.mark.parametrize("operator", OPERATORS)
def test_operator(benchmark, operator, size):
    num_clouds, num_points, match_points = size
    generator = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, num_clouds, num_points, 6, generator=generator)
    weight = torch.rand(num_clouds, generator=generator)
    settings = MixingSettings(match_points=match_points)
    benchmark.pedantic(mix_clouds, (operator, first, second, weight, generator, settings), rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="loading")
@pytest.mark.parametrize("num_points", [1024, 10000])
def test_loading_and_augmentation(benchmark, num_points):
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(16, num_points, 3, generator=generator)
    colors = (255 * points).to(torch.uint8)

    def load() -> None:
        clouds = coloured_clouds(points, colors, num_points, 6, 0.4, generator)
        augment_coloured(clouds, ColouredAugmentation(), generator)

    benchmark.pedantic(load, rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="info_nce")
@pytest.mark.parametrize("chunk_size", [None, 256], ids=["whole", "chunks"])
@pytest.mark.parametrize("num_rows", [200, 2048])
def test_info_nce_step(benchmark, num_rows, chunk_size):
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, num_rows, 1280, generator=generator)
    scale = torch.tensor(14.28)

    def step() -> None:
        leaf = a.clone().requires_grad_()
        info_nce(leaf, b, scale, chunk_size=chunk_size).backward()

    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
