"""Cost of pre-trained towers in papers that build on them: patch tokens, masks, a trained trunk, camera pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from concord3d.features.frozen_encoders import open_trunk
from concord3d.models.hybrid_vit import HybridViT
from concord3d.models.patch_masks import random_masks

Benchmark = Callable[..., Any]
BATCH = 16


def hybrid(trained_trunk: bool) -> HybridViT:
    torch.manual_seed(0)
    trunk = open_trunk("efficientnet_lite0").requires_grad_(trained_trunk)
    return HybridViT(trunk, trunk.channels, trunk.patch_size)


@pytest.mark.benchmark(group="one masked step with patch tokens, 16 pictures")
@pytest.mark.parametrize("trained_trunk", [False, True])
@pytest.mark.parametrize("size", [128, 224])
def test_step(benchmark: Benchmark, size: int, trained_trunk: bool) -> None:
    torch.set_num_threads(1)
    model = hybrid(trained_trunk)
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randn(BATCH, 3, size, size, generator=draw)
    mask = random_masks(BATCH, size // model.patch_size, 0.5, draw, cell=2)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        found = model(pixels, mask)
        (found.pooled.square().mean() + found.tokens.square().mean()).backward()
        optimizer.step()

    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
    benchmark.extra_info["pictures"] = BATCH


@pytest.mark.benchmark(group="maps of 6 cameras with the frozen trunk")
@pytest.mark.parametrize(("height", "width"), [(112, 192), (224, 384)])
def test_camera_maps(benchmark: Benchmark, height: int, width: int) -> None:
    torch.set_num_threads(1)
    model = hybrid(False)
    pixels = torch.randn(6, 3, height, width)
    with torch.inference_mode():
        benchmark.pedantic(model.trunk_map, (pixels,), rounds=3, warmup_rounds=1)
    benchmark.extra_info["pictures"] = 6
