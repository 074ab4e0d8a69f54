"""Random transforms of batches of point clouds.

Every random number is drawn from the generator on the generator's device (the CPU) and then moved, so that a CPU and
a GPU run see the same augmentations.

Shape legend: B clouds, P stored points, N points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from concord3d.errors import BadCloud

Range = tuple[float, float]


@dataclass(frozen=True)
class PointAugmentation:
    """Ranges of the pre-training transform (spec 4.1); the defaults are those of the spec.

    Attributes:
        normalise: Centre on the centroid and divide by the largest radius first.
        scale: Isotropic scale factor, uniform.
        rotation: Angle about the y axis in radians, uniform.
        translation: Per axis, uniform in +- this times the extent of the bounding box.
        jitter_std: Standard deviation of the Gaussian noise, in units of the scaled cloud.
        jitter_clip: Largest absolute noise, same units.
        max_dropout: Upper end of the dropout ratio, which is uniform in [0, max_dropout).
    """

    normalise: bool = True
    scale: Range = (0.5, 2.0)
    rotation: Range = (0.0, 2 * math.pi)
    translation: float = 0.5
    jitter_std: float = 0.01
    jitter_clip: float = 0.05
    max_dropout: float = 0.875


@dataclass(frozen=True)
class FineTuneAugmentation:
    """Ranges of the transform for supervised training and fine-tuning (spec 6.3).

    Attributes:
        scale: Factor per axis, uniform.
        shift: Per axis, uniform in +- this, in units of the cloud.
    """

    scale: Range = (2.0 / 3.0, 1.5)
    shift: float = 0.2


def normalise_unit_sphere(points: Tensor) -> Tensor:
    """Centre clouds on their centroid and divide by the largest radius.

    Args:
        points: (B, N, 3) floating point.

    Returns:
        (B, N, 3); a cloud of coinciding points becomes all zeros.
    """
    centred = points - points.mean(dim=1, keepdim=True)
    radius = centred.norm(dim=2).amax(dim=1)[:, None, None]
    return centred / radius.clamp_min(1e-12)


def _uniform(
    shape: tuple[int, ...], low: float, high: float, generator: torch.Generator, device: torch.device
) -> Tensor:
    draw = torch.rand(shape, generator=generator, device=generator.device)
    return (low + (high - low) * draw).to(device, non_blocking=True)


def rotate_y(points: Tensor, angle: Tensor) -> Tensor:
    """Rotate clouds about the y axis, right-handed.

    Args:
        points: (B, N, 3).
        angle: (B,) radians; a positive angle turns +z towards +x.

    Returns:
        (B, N, 3).
    """
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    x, y, z = points.unbind(dim=2)
    return torch.stack([cos * x + sin * z, y, cos * z - sin * x], dim=2)


def augment_points(points: Tensor, settings: PointAugmentation, generator: torch.Generator) -> Tensor:
    """Apply the pre-training transform, one independent draw per cloud (spec 4.1, its six steps in order).

    Args:
        points: (B, N, 3) float32 on any device.
        settings: Ranges.
        generator: Source of all randomness.

    Returns:
        (B, N, 3) float32 on the device of ``points``; the number of points does not change.
    """
    num_clouds, num_points, _ = points.shape
    device = points.device
    if settings.normalise:
        points = normalise_unit_sphere(points)
    points = points * _uniform((num_clouds, 1, 1), *settings.scale, generator, device)
    points = rotate_y(points, _uniform((num_clouds,), *settings.rotation, generator, device))
    extent = points.amax(dim=1, keepdim=True) - points.amin(dim=1, keepdim=True)
    reach = settings.translation
    points = points + extent * _uniform((num_clouds, 1, 3), -reach, reach, generator, device)
    noise = torch.randn((num_clouds, num_points, 3), generator=generator, device=generator.device)
    noise = (noise * settings.jitter_std).clamp(-settings.jitter_clip, settings.jitter_clip)
    points = points + noise.to(device, non_blocking=True)
    ratio = _uniform((num_clouds, 1), 0.0, settings.max_dropout, generator, device)
    dropped = _uniform((num_clouds, num_points), 0.0, 1.0, generator, device) < ratio
    return torch.where(dropped[:, :, None], points[:, :1], points)


def augment_fine_tune(points: Tensor, settings: FineTuneAugmentation, generator: torch.Generator) -> Tensor:
    """Scale and shift each cloud per axis (spec 6.3).

    Args:
        points: (B, N, 3) float32 on any device.
        settings: Ranges.
        generator: Source of all randomness.

    Returns:
        (B, N, 3) float32.
    """
    shape = (len(points), 1, 3)
    scale = _uniform(shape, *settings.scale, generator, points.device)
    return points * scale + _uniform(shape, -settings.shift, settings.shift, generator, points.device)


def sample_points(points: Tensor, num_points: int, generator: torch.Generator) -> Tensor:
    """Draw ``num_points`` points of each cloud without replacement, independently per cloud.

    Args:
        points: (B, P, 3).
        num_points: At most P; equal to P returns the clouds unchanged.
        generator: Source of all randomness.

    Returns:
        (B, num_points, 3).

    Raises:
        BadCloud: The clouds have fewer points.
    """
    num_clouds, stored, _ = points.shape
    if stored < num_points:
        raise BadCloud(
            "Clouds have fewer points than asked",
            expected=f"at least {num_points} points",
            found=f"{stored} points",
            next_step="lower data.num_points or prepare the data set with more points",
        )
    if stored == num_points:
        return points
    draw = torch.rand((num_clouds, stored), generator=generator, device=generator.device)
    index = draw.topk(num_points, dim=1, sorted=False).indices.to(points.device, non_blocking=True)
    return points.gather(1, index[:, :, None].expand(-1, -1, 3))
