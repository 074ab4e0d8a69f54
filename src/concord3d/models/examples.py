"""Networks with random weights and an input of one unit, to count their work."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.geometry.sweep_voxels import sweep_voxels
from concord3d.models.factory import build_point_encoder
from concord3d.models.image_resnet import image_encoder
from concord3d.models.mink_unet import MinkUNet


def of_points(encoder: Mapping[str, Any], num_points: int) -> tuple[nn.Module, tuple[Tensor]]:
    """Return a point encoder and one cloud, (1, num_points, in_channels).

    Args:
        encoder: The ``encoder`` section of a run.
        num_points: Points of the cloud.
    """
    network = build_point_encoder(encoder)
    # Spread over the unit cube: voxels and balls are empty where all points coincide.
    cloud = torch.rand((1, num_points, int(getattr(network, "in_channels", 3))), generator=_seeded())
    return network, (cloud,)


def of_sweep(encoder: Mapping[str, Any], num_points: int) -> tuple[nn.Module, tuple[Any, ...]]:
    """Return an encoder of sweeps, and features and rules of the voxels of one sweep.

    Args:
        encoder: The ``encoder`` section of a run.
        num_points: Points of the sweep, which lie on the ground around the sensor.
    """
    network = build_point_encoder(encoder)
    assert isinstance(network, MinkUNet)
    turn, away = torch.rand((2, num_points), generator=_seeded())
    # Rings on the ground, denser near the sensor, as a spinning LiDAR sees them.
    angle, distance = 2 * math.pi * turn, 3 / (1 - 0.95 * away)
    ground = torch.full_like(distance, -1.8)
    positions = torch.stack([distance * angle.cos(), distance * angle.sin(), ground], 1)
    voxels = sweep_voxels([positions], network.grid)
    features = torch.rand((len(voxels.coordinates), network.in_channels), generator=_seeded())
    return network, (features, network.rules(voxels.coordinates))


def of_image(name: str, image_size: int) -> tuple[nn.Module, tuple[Tensor]]:
    """Return an image encoder and one picture, (1, 3, image_size, image_size).

    Args:
        name: The encoder.
        image_size: Side of the picture in pixels.
    """
    return image_encoder(name), (torch.rand((1, 3, image_size, image_size), generator=_seeded()),)


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
