"""Point-BERT: sampling, grouping, the groups' network and the transformer, each beside the whole; literal references.

Two clouds of 2,048 points on a sphere; a small preset and the full size.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.parity.literal_point_bert import literal_ball_query, literal_farthest_points
from torch import Tensor

from concord3d.geometry.fps import farthest_point_sample
from concord3d.geometry.grouping import ball_query, gather_points
from concord3d.models.point_bert import PointBERT

NUM_CLOUDS, NUM_POINTS = 2, 2048
SMALL = {
    "depth": 4,
    "width": 128,
    "mlp_width": 384,
    "num_heads": 4,
    "num_groups": 64,
    "group_channels": 96,
    "group_size": 32,
    "radius_mm": 300,
}
PRESETS = {"small": SMALL, "full": {}}


def _clouds() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(NUM_CLOUDS, NUM_POINTS, 3, generator=generator)
    colors = torch.rand(NUM_CLOUDS, NUM_POINTS, 3, generator=generator)
    return torch.cat([points / points.norm(dim=2, keepdim=True), colors], 2)


def _parts(encoder: PointBERT, clouds: Tensor) -> dict[str, Callable[[], object]]:
    """Return the parts of a forward pass, each with its inputs ready."""
    groups = encoder.groups
    positions = clouds[..., :3].contiguous()
    centres = gather_points(positions, farthest_point_sample(positions, groups.num_groups))
    tokens = torch.randn(
        len(clouds), groups.num_groups + 1, encoder.backbone_dim, generator=torch.Generator().manual_seed(1)
    )

    def transformer() -> Tensor:
        current = tokens
        for block in encoder.blocks:
            current = block(current)
        return current

    return {
        "sampling": lambda: farthest_point_sample(positions, groups.num_groups),
        "balls": lambda: gather_points(clouds, ball_query(positions, centres, groups.radius, groups.group_size)),
        "groups with sampling and balls": lambda: groups(clouds),
        "transformer": transformer,
        "whole": lambda: encoder(clouds),
    }


PARTS = ("sampling", "balls", "groups with sampling and balls", "transformer", "whole")


@pytest.mark.benchmark(group="point_bert_forward")
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("preset", PRESETS)
def test_forward(benchmark, preset, part):
    encoder = PointBERT(**PRESETS[preset]).eval()
    with torch.no_grad():
        benchmark.pedantic(_parts(encoder, _clouds())[part], rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="point_bert_step")
@pytest.mark.parametrize("preset", PRESETS)
def test_step(benchmark, preset):
    encoder, clouds = PointBERT(**PRESETS[preset]), _clouds()
    benchmark.pedantic(lambda: encoder(clouds).square().mean().backward(), rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="point_bert_sampling")
@pytest.mark.parametrize("sample", [farthest_point_sample, literal_farthest_points], ids=["fast", "literal"])
def test_sampling(benchmark, sample):
    positions = _clouds()[..., :3].contiguous()
    benchmark.pedantic(sample, (positions, 32), rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="point_bert_balls")
@pytest.mark.parametrize("search", [ball_query, literal_ball_query], ids=["fast", "literal"])
def test_balls(benchmark, search):
    positions = _clouds()[..., :3].contiguous()
    centres = positions[:, :32].contiguous()
    benchmark.pedantic(search, (positions, centres, 0.3, 32), rounds=3, warmup_rounds=1)
