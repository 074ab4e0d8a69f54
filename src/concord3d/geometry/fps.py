"""Farthest point sampling.

Shapes: B clouds, N points, S samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError


def farthest_point_sample(points: Tensor, num_samples: int, start: Tensor | None = None) -> Tensor:
    """Choose points one after the other, each the farthest from those already chosen.

    All clouds of a batch advance together; the loop is over samples. Among equally far points the first is taken.

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
        # Channels first: each step then works on contiguous rows of N.
        columns = points.detach().transpose(1, 2).contiguous()
        nearest = torch.full((num_clouds, num_points), torch.inf, dtype=columns.dtype, device=columns.device)
        samples = torch.empty(num_clouds, num_samples, dtype=torch.int64, device=columns.device)
        clouds = torch.arange(num_clouds, device=columns.device)
        for position in range(num_samples):
            samples[:, position] = chosen
            offsets = columns - columns[clouds, :, chosen].unsqueeze(2)
            torch.minimum(nearest, offsets.square_().sum(1), out=nearest)
            chosen = nearest.argmax(1)
    return samples
