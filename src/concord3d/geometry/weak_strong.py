"""A weak and a strong transform of the same clouds, for a teacher and a student (Cross-MoST spec 3.2).

Nothing is changed in place: both transforms read the same clouds (Cross-MoST spec 9, trap 17). Random numbers are drawn
on the generator's device and then moved.

Shape legend: B clouds, N points, M points after up-sampling, K neighbours.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from concord3d.errors import BadCloud
from concord3d.geometry.augment import (
    PointAugmentation,
    augment_points,
    normalise_unit_sphere,
    scale_clouds,
    tilt,
)
from concord3d.geometry.grouping import gather_points
from concord3d.geometry.knn import knn_indices
from concord3d.geometry.weak_strong_settings import StrongSettings, WeakSettings, WeakStrongSettings


class WeakStrong(NamedTuple):
    """Two versions of the same clouds.

    Attributes:
        weak: (B, N or M, 3) of the teacher.
        strong: (B, N or M, 3) of the student.
    """

    weak: Tensor
    strong: Tensor


def weak_and_strong(points: Tensor, settings: WeakStrongSettings, draw: torch.Generator) -> WeakStrong:
    """Transform clouds twice; the weak transform draws first.

    Args:
        points: (B, N, 3) float32 on any device, y up; it stays as it is.
        settings: Strengths.
        draw: Source of all randomness.

    Raises:
        BadCloud: Clouds have another shape, or values that are not finite.

    Example:
        >>> settings = WeakStrongSettings(num_points=60)
        >>> weak, strong = weak_and_strong(torch.rand(2, 50, 3), settings, torch.Generator().manual_seed(0))
        >>> weak.shape, strong.shape
        (torch.Size([2, 50, 3]), torch.Size([2, 60, 3]))
    """
    if points.ndim != 3 or points.shape[2] != 3 or not points.shape[1] or not torch.isfinite(points).all():
        raise BadCloud("A transform needs finite clouds", expected="(B, N > 0, 3)", found=tuple(points.shape))
    weak = augment_weakly(points, settings.weak, draw)
    strong = augment_strongly(points, settings.strong, draw)
    more = settings.num_points, settings.num_neighbours, draw
    if settings.upsampled == "both":
        weak = upsample(weak, *more)
    return WeakStrong(weak, strong if settings.upsampled == "none" else upsample(strong, *more))


def augment_weakly(points: Tensor, settings: WeakSettings, draw: torch.Generator) -> Tensor:
    """Centre, put into the unit sphere, scale and tilt, one independent draw per cloud.

    Args:
        points: (B, N, 3) float32 on any device.
        settings: Strengths.
        draw: Source of all randomness.

    Returns:
        (B, N, 3).
    """
    points = scale_clouds(normalise_unit_sphere(points), settings.scale, draw)
    return tilt(points, settings.rotation_sigma, settings.rotation_clip, draw)


def augment_strongly(points: Tensor, settings: StrongSettings, draw: torch.Generator) -> Tensor:
    """Centre, put into the unit sphere, scale, turn about y, shift, jitter and drop, one independent draw per cloud.

    The transform is that of :func:`augment_points`: both papers use the same one.

    Args:
        points: (B, N, 3) float32 on any device.
        settings: Strengths.
        draw: Source of all randomness.

    Returns:
        (B, N, 3); a dropped point is a copy of the first.
    """
    ranges = PointAugmentation(
        scale=settings.scale,
        rotation=settings.rotation,
        translation=settings.shift,
        jitter_std=settings.jitter_std,
        jitter_clip=settings.jitter_clip,
        max_dropout=settings.max_dropout,
    )
    return augment_points(points, ranges, draw)


def upsample(points: Tensor, num_points: int, num_neighbours: int, draw: torch.Generator) -> Tensor:
    """Add means of the nearest neighbours of randomly chosen points, which are their own nearest.

    Args:
        points: (B, N, 3).
        num_points: M; clouds with as many points or more stay as they are.
        num_neighbours: K; all points of smaller clouds.
        draw: Source of the choice, which is with replacement.

    Returns:
        (B, max(N, M), 3), the given points first.
    """
    num_clouds, stored, _ = points.shape
    missing = num_points - stored
    if missing <= 0:
        return points
    # Of all points, since in the clouds this is for (2,048 points to 8,192) most are chosen, and often twice.
    means = gather_points(points, knn_indices(points, min(num_neighbours, stored))).mean(2)
    chosen = torch.randint(stored, (num_clouds, missing), generator=draw, device=draw.device).to(points.device)
    return torch.cat([points, gather_points(means, chosen)], 1)
