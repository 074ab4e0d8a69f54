"""Speed of the loss, the augmentations and one training step; fast paths beside their literal references."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torchvision.transforms import v2

from concord3d.batches.objects import ObjectBatch
from concord3d.geometry.augment import PointAugmentation, augment_points
from concord3d.losses.nt_xent import nt_xent
from concord3d.methods.interface import Context
from concord3d.methods.mm_point.ladder import IMAGENET_MEAN, IMAGENET_STD, augment_views
from concord3d.methods.mm_point.method import build
from concord3d.methods.mm_point.settings import MMPointSettings
from concord3d.training.precision import multiplies_bfloat16

Benchmark = Callable[..., Any]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def views(num_objects: int, num_views: int, size: int) -> Tensor:
    shape = (num_objects, num_views, size, size, 1)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator())


@pytest.mark.benchmark(group="nt_xent forward and backward, 256 x 128")
@pytest.mark.parametrize("num_objects", [256])
def test_nt_xent(benchmark: Benchmark, num_objects: int) -> None:
    x, y = (torch.randn(num_objects, 128, generator=generator(seed)).requires_grad_() for seed in (0, 1))
    benchmark(lambda: nt_xent(x, y, 0.1).backward())


@pytest.mark.benchmark(group="3D transform, 64 clouds of 1,024 points")
def test_augment_points(benchmark: Benchmark) -> None:
    points = torch.randn(64, 1024, 3, generator=generator())
    benchmark(augment_points, points, PointAugmentation(), generator())


@pytest.mark.benchmark(group="ladder of 4 levels, 32 objects, 64 px")
def test_augment_views(benchmark: Benchmark) -> None:
    benchmark(augment_views, views(32, 4, 64), "multi_level", generator())


@pytest.mark.benchmark(group="ladder of 4 levels, 32 objects, 64 px")
def test_augment_views_image_by_image(benchmark: Benchmark) -> None:
    steps = [
        v2.RandomHorizontalFlip(),
        v2.RandomResizedCrop(64, (0.6, 1.0), antialias=False),
        v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4)], 0.8),
        v2.RandomGrayscale(0.2),
    ]
    finish = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(IMAGENET_MEAN), list(IMAGENET_STD))]
    ladder = [v2.Compose([*steps[: level + 1], *finish]) for level in range(4)]
    stored = views(32, 4, 64).permute(1, 0, 4, 2, 3).expand(-1, -1, 3, -1, -1)

    def literal() -> Tensor:
        return torch.stack([torch.stack([ladder[j](image) for image in stored[j]]) for j in range(4)])

    benchmark(literal)


@pytest.mark.benchmark(group="training step, 16 objects, 512 points, 4 views of 32 px")
@pytest.mark.parametrize("encoder", ["pointnet", "dgcnn"])
def test_training_step(benchmark: Benchmark, encoder: str) -> None:
    torch.manual_seed(0)
    context = Context({"name": encoder}, {"num_points": 512}, SimpleNamespace(num_views=4))
    method = build(MMPointSettings(image_encoder="resnet10_32"), context)
    batch, draw = ObjectBatch(torch.randn(16, 512, 3, generator=generator()), views(16, 4, 32)), generator()

    def step() -> None:
        method.zero_grad()
        method.loss(batch, draw).total.backward()

    benchmark.pedantic(step, rounds=3, warmup_rounds=1)


# What the image encoder and the precision of the products each save.
@pytest.mark.benchmark(group="MM-Point with a DGCNN, training step, 64 clouds of 256 points, 4 views of 32 px")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("image_encoder", ["resnet10_32", "resnet10_16"])
def test_dgcnn_training_step(benchmark: BenchmarkFixture, image_encoder: str, precision: str) -> None:
    if precision != "32-true" and not multiplies_bfloat16("cpu"):
        pytest.skip("this processor has no products of bfloat16: a step takes minutes, and trainings take float32")
    torch.manual_seed(0)
    num_objects = 64
    context = Context({"name": "dgcnn"}, {"num_points": 256}, SimpleNamespace(num_views=4))
    method = build(MMPointSettings(image_encoder=image_encoder), context)
    points = torch.randn(num_objects, 1024, 3, generator=generator())
    batch, draw = ObjectBatch(points, views(num_objects, 4, 32)), generator()

    def step() -> None:
        method.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            loss = method.loss(batch, draw).total
        loss.backward()

    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
    # Nothing is timed under --benchmark-disable.
    if benchmark.stats:
        benchmark.extra_info["clouds_per_second"] = num_objects / benchmark.stats.stats.min
