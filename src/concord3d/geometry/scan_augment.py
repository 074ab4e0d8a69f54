"""Random transforms of the points of a whole scan (CrossOver spec 3.4).

Shape legend: P points.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from concord3d.geometry.augment import scale_clouds, tilt
from concord3d.geometry.scan_augment_settings import ScanAugmentation


def augmented_scan(points: Tensor, settings: ScanAugmentation, generator: torch.Generator) -> Tensor:
    """Scale, turn, tilt, shift, add noise, and put the first point in the place of some, in this order.

    Args:
        points: (P, 3) float32 in metres, z up, on any device.
        settings: Ranges.
        generator: Source of all randomness, on the CPU.

    Returns:
        (P, 3) float32 on the device of ``points``.
    """
    if not len(points):
        return points
    turned = scale_clouds(points[None], settings.scale, generator)
    angle = settings.spin * float(torch.rand((), generator=generator))
    cos, sin = math.cos(angle), math.sin(angle)
    turned = turned @ turned.new_tensor([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    turned = tilt(turned, settings.rotation_sigma, settings.rotation_clip, generator)[0]
    turned = turned + settings.shift * (2 * float(torch.rand((), generator=generator)) - 1)
    noise = torch.randn(points.shape, generator=generator) * settings.jitter_sigma
    turned = turned + noise.clamp(-settings.jitter_clip, settings.jitter_clip).to(points)
    low, high = settings.dropout
    share = low + (high - low) * float(torch.rand((), generator=generator))
    replaced = (torch.rand(len(points), generator=generator) < share).to(points.device)
    return torch.where(replaced[:, None], turned[:1], turned)
