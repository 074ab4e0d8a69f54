"""One training step of each encoder, forward and backward."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from concord3d.models.factory import build_point_encoder
from concord3d.models.image_resnet import image_encoder


def _step(module: nn.Module, batch: Tensor) -> None:
    module(batch).square().mean().backward()


@pytest.mark.benchmark(group="point_encoders")
@pytest.mark.parametrize("name", ["dgcnn", "pointnet", "dgcnn_partseg", "dgcnn_semseg"])
@pytest.mark.parametrize("num_points", [512, 1024])
def test_point_encoder(benchmark, name, num_points):
    points = torch.randn(8, num_points, 3, generator=torch.Generator().manual_seed(0))
    benchmark.pedantic(_step, (build_point_encoder({"name": name}), points), rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="image_encoders")
@pytest.mark.parametrize(("name", "size"), [("resnet10_32", 32), ("resnet18", 64), ("resnet50", 64)])
def test_image_encoder(benchmark, name, size):
    images = torch.rand(32, 3, size, size, generator=torch.Generator().manual_seed(0))
    benchmark.pedantic(_step, (image_encoder(name), images), rounds=3, warmup_rounds=1)
