"""Random transforms of batches of point clouds.

Every random number is drawn from the generator on the generator's device (the CPU) and then moved, so that a CPU and
a GPU run see the same augmentations.

Shape legend: B clouds, P stored points, N points, C channels: x, y, z, and r, g, b where there are six.
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
    """Ranges of the pre-training transform (MM-Point spec 4.1); the defaults are those of the spec.

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
    """Ranges of the transform for supervised training and fine-tuning (MM-Point spec 6.3).

    Attributes:
        scale: Factor per axis, uniform.
        shift: Per axis, uniform in +- this, in units of the cloud.
    """

    scale: Range = (2.0 / 3.0, 1.5)
    shift: float = 0.2


@dataclass(frozen=True)
class ColouredAugmentation:
    """Ranges of the transform of clouds with colour (MM-Mixing spec 1.3, step 4) after the dropout of points.

    The defaults are those of the spec.

    Attributes:
        scale: Isotropic scale factor, uniform.
        shift: Per axis, uniform in +- this, in units of the cloud.
        rotation_sigma: Standard deviation in radians of a small rotation about each axis.
        rotation_clip: Largest absolute angle of the small rotation, radians.
        spin: Angle about the y axis (up) in radians, uniform in [0, spin).
    """

    scale: Range = (0.8, 1.25)
    shift: float = 0.1
    rotation_sigma: float = 0.06
    rotation_clip: float = 0.18
    spin: float = 2 * math.pi


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


def scale_clouds(points: Tensor, factor: Range, generator: torch.Generator) -> Tensor:
    """Scale each cloud by a factor of its own, uniform in a range.

    Args:
        points: (B, N, 3) on any device.
        factor: Range.
        generator: Source of all randomness.

    Returns:
        (B, N, 3).
    """
    return points * _uniform((len(points), 1, 1), *factor, generator, points.device)


def tilt(points: Tensor, sigma: float, clip: float, generator: torch.Generator) -> Tensor:
    """Turn each cloud by a small angle about the x, then the y, then the z axis, right-handed.

    Args:
        points: (B, N, 3) on any device.
        sigma: Standard deviation of the angles, radians.
        clip: Largest absolute angle, radians.
        generator: Source of all randomness.

    Returns:
        (B, N, 3).
    """
    angles = torch.randn((len(points), 3), generator=generator, device=generator.device) * sigma
    angles = angles.clamp(-clip, clip).to(points.device, non_blocking=True)
    for axis in range(3):
        # Turning the axes round in a circle makes the wanted one the y axis.
        turns = 1 - axis
        points = rotate_y(points.roll(turns, 2), angles[:, axis]).roll(-turns, 2)
    return points


def augment_points(points: Tensor, settings: PointAugmentation, generator: torch.Generator) -> Tensor:
    """Apply the pre-training transform, one independent draw per cloud (MM-Point spec 4.1, its six steps in order).

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
    points = scale_clouds(points, settings.scale, generator)
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
    """Scale and shift each cloud per axis (MM-Point spec 6.3).

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
    _require_points(stored, num_points)
    if stored == num_points:
        return points
    draw = torch.rand((num_clouds, stored), generator=generator, device=generator.device)
    index = draw.topk(num_points, dim=1, sorted=False).indices.to(points.device, non_blocking=True)
    return points.gather(1, index[:, :, None].expand(-1, -1, 3))


def first_points(points: Tensor, num_points: int) -> Tensor:
    """Return the first ``num_points`` points of each cloud.

    Args:
        points: (B, P, 3).
        num_points: At most P.

    Returns:
        (B, num_points, 3).

    Raises:
        BadCloud: The clouds have fewer points.
    """
    _require_points(points.shape[1], num_points)
    return points[:, :num_points]


def _require_points(stored: int, num_points: int) -> None:
    if stored < num_points:
        raise BadCloud(
            "Clouds have fewer points than asked",
            expected=f"at least {num_points} points",
            found=f"{stored} points",
            next_step="lower data.num_points or prepare the data set with more points",
        )


def coloured_clouds(
    points: Tensor,
    colors: Tensor | None,
    num_points: int,
    in_channels: int,
    grey_value: float,
    generator: torch.Generator | None,
) -> Tensor:
    """Choose points, put them into the unit sphere and add colours: the input of encoders aligned with a tower.

    Args:
        points: (B, P, 3) float32 on any device, y up.
        colors: (B, P, 3) uint8, or None for clouds without colour, which are grey.
        num_points: N, at most P.
        in_channels: C, 3 for coordinates alone, 6 for coordinates and colours.
        grey_value: r, g and b of clouds without colour, in [0, 1].
        generator: Source of a random order of the points, of which the first N are taken, also where N equals P (an
            encoder may start from point 0); None takes the first N points as stored.

    Returns:
        (B, N, C) float32, colours in [0, 1].

    Raises:
        BadCloud: The clouds have fewer points.

    Source: MM-Mixing spec 1.3, steps 1, 3 and 5. The clouds stay y up (step 2 turns them for encoders that take z up).
    """
    num_clouds, stored, _ = points.shape
    _require_points(stored, num_points)
    if generator is None:
        chosen, chosen_colors = points[:, :num_points], None if colors is None else colors[:, :num_points]
    else:
        draw = torch.rand((num_clouds, stored), generator=generator, device=generator.device)
        index = draw.argsort(dim=1)[:, :num_points, None].expand(-1, -1, 3).to(points.device, non_blocking=True)
        chosen, chosen_colors = points.gather(1, index), None if colors is None else colors.gather(1, index)
    coordinates = normalise_unit_sphere(chosen)
    if in_channels == 3:
        return coordinates
    grey = torch.full_like(coordinates, grey_value)
    return torch.cat([coordinates, grey if chosen_colors is None else chosen_colors.float() / 255], dim=2)


def drop_points(clouds: Tensor, max_dropout: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Replace points by point 0, each cloud with a ratio of its own (MM-Mixing spec 1.3, step 4).

    Args:
        clouds: (B, N, C) on any device.
        max_dropout: Upper end of the dropout ratio, which is uniform in [0, max_dropout).
        generator: Source of all randomness.

    Returns:
        (B, N, C) clouds of as many points, and (B, N) int64, which point stands at each place: its own or point 0.
    """
    num_clouds, num_points, _ = clouds.shape
    ratio = _uniform((num_clouds, 1), 0.0, max_dropout, generator, clouds.device)
    dropped = _uniform((num_clouds, num_points), 0.0, 1.0, generator, clouds.device) < ratio
    source = torch.arange(num_points, device=clouds.device).expand(num_clouds, -1).masked_fill(dropped, 0)
    return torch.where(dropped[:, :, None], clouds[:, :1], clouds), source


def augment_coloured(clouds: Tensor, settings: ColouredAugmentation, generator: torch.Generator) -> Tensor:
    """Scale, shift and turn, one independent draw per cloud (MM-Mixing spec 1.3, step 4, in its order).

    Args:
        clouds: (B, N, C) float32 on any device.
        settings: Ranges.
        generator: Source of all randomness.

    Returns:
        (B, N, C) float32 on the device of ``clouds``; the number of points does not change.
    """
    num_clouds, device = len(clouds), clouds.device
    points = scale_clouds(clouds[..., :3], settings.scale, generator)
    points = points + _uniform((num_clouds, 1, 3), -settings.shift, settings.shift, generator, device)
    points = tilt(points, settings.rotation_sigma, settings.rotation_clip, generator)
    points = rotate_y(points, _uniform((num_clouds,), 0.0, settings.spin, generator, device))
    return torch.cat([points, clouds[..., 3:]], dim=2)


def paint_grey(clouds: Tensor, grey: Tensor, value: float) -> Tensor:
    """Give some clouds one constant colour.

    Args:
        clouds: (B, N, C); clouds of three channels are returned as they are.
        grey: (B,) bool, which clouds.
        value: r, g and b, in [0, 1].

    Returns:
        (B, N, C).

    Source: MM-Mixing spec 1.3, step 5.
    """
    if clouds.shape[2] == 3:
        return clouds
    colors = clouds[..., 3:].masked_fill(grey[:, None, None], value)
    return torch.cat([clouds[..., :3], colors], dim=2)
