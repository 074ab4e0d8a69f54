"""One training step of each encoder, forward and backward, and the transforms of clouds for two networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from concord3d.geometry.weak_strong import weak_and_strong
from concord3d.geometry.weak_strong_settings import WeakStrongSettings
from concord3d.models.examples import of_sweep
from concord3d.models.factory import build_point_encoder
from concord3d.models.image_resnet import image_encoder
from concord3d.models.mink_unet import UNetRules
from concord3d.models.point_transformer import PointTransformer
from concord3d.models.scan_examples import room_points


def _step(module: nn.Module, batch: Tensor) -> None:
    module(batch).square().mean().backward()


@pytest.mark.benchmark(group="point_encoders")
@pytest.mark.parametrize("name", ["dgcnn", "pointnet", "dgcnn_partseg", "dgcnn_semseg"])
@pytest.mark.parametrize("num_points", [512, 1024])
def test_point_encoder(benchmark, name, num_points):
    points = torch.randn(8, num_points, 3, generator=torch.Generator().manual_seed(0))
    benchmark.pedantic(_step, (build_point_encoder({"name": name}), points), rounds=3, warmup_rounds=1)


# Small sizes of CMCR's network, beside the one of the paper.
UNETS = {
    "8": {"voxel_mm": 200, "stem_width": 8, "down_widths": [8, 16, 32, 64], "up_widths": [64, 32, 24, 24]},
    "34C": {},
}


@pytest.mark.benchmark(group="mink_unet")
@pytest.mark.parametrize("part", ["rules", "joined rules", "step"])
@pytest.mark.parametrize("size", UNETS)
def test_mink_unet(benchmark, size, part):
    network, (features, rules) = of_sweep({"name": "mink_unet", **UNETS[size]}, 10_000)
    calls = {
        "rules": lambda: network.rules(rules.coordinates),
        "joined rules": lambda: UNetRules.joined([rules]),
        "step": lambda: network(features, rules).square().mean().backward(),
    }
    benchmark.extra_info["voxels"] = len(features)
    benchmark.pedantic(calls[part], rounds=3, warmup_rounds=1)


# Scans of CrossOver's demo, and its network on one room as densely scanned as the paper's.
SCENES = {
    "8, 16 scans": ({"voxel_mm": 100, "width": 8, "blocks": [1, 1, 1, 1]}, 16, 1_500),
    "8 deep, 16 scans": ({"voxel_mm": 100, "width": 8}, 16, 1_500),
    "64, 2 scans": ({}, 2, 20_000),
}


@pytest.mark.benchmark(group="scene_resnet")
@pytest.mark.parametrize("size", SCENES)
def test_scene_resnet(benchmark, size):
    told, num_scans, num_points = SCENES[size]
    network = build_point_encoder({"name": "scene_resnet", **told})
    draw = torch.Generator().manual_seed(0)
    scans = [room_points(num_points, draw) for _ in range(num_scans)]
    benchmark.pedantic(lambda: network(scans).square().mean().backward(), rounds=2, warmup_rounds=1)


@pytest.mark.benchmark(group="image_encoders")
@pytest.mark.parametrize(("name", "size"), [("resnet10_32", 32), ("resnet18", 64), ("resnet50", 64)])
def test_image_encoder(benchmark, name, size):
    images = torch.rand(32, 3, size, size, generator=torch.Generator().manual_seed(0))
    benchmark.pedantic(_step, (image_encoder(name), images), rounds=3, warmup_rounds=1)


# Small sizes of the point tower of Cross-MoST, 32 clouds each: points, and what differs from the defaults.
TOWERS = {
    "2x96": (256, {"num_groups": 16, "group_size": 16, "token_width": 96, "width": 96, "depth": 2, "num_heads": 3}),
    "4x96": (256, {"num_groups": 32, "group_size": 16, "token_width": 96, "width": 96, "depth": 4, "num_heads": 3}),
    "6x128": (512, {"num_groups": 64, "group_size": 32, "token_width": 128, "width": 128, "depth": 6, "num_heads": 4}),
}


@pytest.mark.benchmark(group="point_transformer")
@pytest.mark.parametrize("tokeniser", ["trained", "frozen"])
@pytest.mark.parametrize("size", TOWERS)
def test_point_transformer(benchmark, size, tokeniser):
    num_points, told = TOWERS[size]
    encoder = PointTransformer(**told)
    if tokeniser == "frozen":
        encoder.freeze_tokeniser()
    points = torch.randn(32, num_points, 3, generator=torch.Generator().manual_seed(0))
    benchmark.pedantic(_step, (encoder, points), rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="weak_strong")
@pytest.mark.parametrize(("stored", "asked"), [(256, 256), (256, 512), (512, 512), (2048, 8192)])
def test_weak_and_strong(benchmark, stored, asked):
    points = torch.randn(32, stored, 3, generator=torch.Generator().manual_seed(0))
    told = WeakStrongSettings(num_points=asked)
    benchmark.pedantic(weak_and_strong, (points, told, torch.Generator().manual_seed(0)), rounds=5, warmup_rounds=1)
