"""Farthest point sampling.

Shapes: B clouds, N points, S samples.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError

# Coordinates of one channel that advance together on a CPU, so that all arrays of a step stay in cache.
_CPU_PIECE_POINTS = 1 << 15


def farthest_point_sample(points: Tensor, num_samples: int, start: Tensor | None = None) -> Tensor:
    """Choose points one after the other, each the farthest from those already chosen.

    The loop is over samples; clouds advance together. Among equally far points the first is taken.

    Args:
        points: (B, N, C) coordinates.
        num_samples: S, at most N.
        start: (B,) int64 first sample of each cloud; point 0 if not given.

    Returns:
        (B, S) int64 indices in the order of choice.

    Raises:
        BadCloud: ``points`` is not (B, N, C) or has values that are not finite.
        ConfigError: S is not between 1 and N, or ``start`` does not fit.
    """
    if points.ndim != 3 or not torch.isfinite(points).all():
        raise BadCloud("Farthest point sampling needs finite clouds", expected="(B, N, C)", found=tuple(points.shape))
    num_clouds, num_points, _ = points.shape
    if not 1 <= num_samples <= num_points:
        raise ConfigError("The number of samples does not fit", expected=f"1 to {num_points}", found=num_samples)
    chosen = torch.zeros(num_clouds, dtype=torch.int64, device=points.device) if start is None else start
    if chosen.shape != (num_clouds,) or (num_clouds and not 0 <= int(chosen.min()) <= int(chosen.max()) < num_points):
        raise ConfigError("Start indices do not fit", expected=f"({num_clouds},) within 0..{num_points - 1}")
    with torch.no_grad():
        if points.device.type == "cpu" and points.dtype in (torch.float32, torch.float64):
            return _sample_on_cpu(points, num_samples, chosen)
        return _sample(points, num_samples, chosen)


def _sample(points: Tensor, num_samples: int, chosen: Tensor) -> Tensor:
    """Sample on any device; all clouds advance together."""
    num_clouds, num_points, _ = points.shape
    # Channels first: each step then works on contiguous rows of N.
    columns = points.transpose(1, 2).contiguous()
    nearest = torch.full((num_clouds, num_points), torch.inf, dtype=columns.dtype, device=columns.device)
    samples = torch.empty(num_clouds, num_samples, dtype=torch.int64, device=columns.device)
    clouds = torch.arange(num_clouds, device=columns.device)
    for position in range(num_samples):
        samples[:, position] = chosen
        offsets = columns - columns[clouds, :, chosen].unsqueeze(2)
        torch.minimum(nearest, offsets.square_().sum(1), out=nearest)
        chosen = nearest.argmax(1)
    return samples


def _sample_on_cpu(points: Tensor, num_samples: int, start: Tensor) -> Tensor:
    """Sample with NumPy, whose arg-max uses vector instructions: about four times faster than torch's here."""
    num_clouds, num_points, _ = points.shape
    samples = np.empty((num_clouds, num_samples), np.int64)
    step = max(1, _CPU_PIECE_POINTS // num_points)
    for first in range(0, num_clouds, step):
        piece = slice(first, min(first + step, num_clouds))
        columns = points[piece].permute(2, 0, 1).contiguous().numpy()
        nearest = np.full(columns.shape[1:], np.inf, columns.dtype)
        offsets = np.empty_like(columns)
        clouds, chosen = np.arange(columns.shape[1]), start[piece].numpy()
        for position in range(num_samples):
            samples[piece, position] = chosen
            np.subtract(columns, columns[:, clouds, chosen][..., np.newaxis], out=offsets)
            np.multiply(offsets, offsets, out=offsets)
            np.minimum(nearest, offsets.sum(0), out=nearest)
            chosen = nearest.argmax(1)
    return torch.from_numpy(samples)
