"""A hand-made descriptor of clouds that does not change with their angle about the upright axis, and a network on it.

A yardstick for learned encoders: what a shape's outline alone says (MM-Mixing spec 2.4).

Shapes: B clouds, N points, C channels, H bins of height, R bins of radius, K harmonics.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from concord3d.errors import BadCloud

# What a cloud of one place is divided by.
LEAST_REACH = 1e-8


class CylindricalDescriptor(nn.Module):
    """Histogram of height and radius with the magnitudes of its angular harmonics, then an MLP with BatchNorm and ReLU.

    A cloud is centred and divided by its largest distance from there. Each point is shared between the two nearest
    bins of height and of radius; in every bin k = 0 to ``harmonics`` gives ``sqrt |mean of exp(i k angle)|``. Copies of
    the first point, which stand for dropped points, do not count.

    Args:
        in_channels: Channels per input point, of which the coordinates are read; y is up.
        heights: H.
        radii: R.
        harmonics: Highest harmonic; 0 is the histogram alone.
        width: Width of the two hidden layers, and of the features.

    Source: MM-Mixing spec 2.4.
    """

    def __init__(
        self, in_channels: int = 3, heights: int = 12, radii: int = 6, harmonics: int = 6, width: int = 512
    ) -> None:
        super().__init__()
        self.in_channels, self.feature_dim = in_channels, width
        self.heights, self.radii, self.harmonics = heights, radii, harmonics
        num_values = heights * radii * (harmonics + 1)
        self.network = nn.Sequential(
            nn.BatchNorm1d(num_values),
            nn.Linear(num_values, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )

    def forward(self, points: Tensor) -> Tensor:
        """Encode (B, N, in_channels) clouds into (B, width) features.

        Raises:
            BadCloud: The clouds have another shape, or training on a single cloud.
        """
        if points.ndim != 3 or points.shape[-1] != self.in_channels or points.shape[1] == 0:
            raise BadCloud(
                "The descriptor needs clouds", expected=f"(B, N >= 1, {self.in_channels})", found=tuple(points.shape)
            )
        if self.training and len(points) < 2:
            raise BadCloud("Batch statistics need more than one cloud", expected="at least 2", found=len(points))
        features: Tensor = self.network(self.describe(points[..., :3]).to(next(self.parameters()).dtype))
        return features

    @torch.no_grad()
    def describe(self, points: Tensor) -> Tensor:
        """Return the descriptors (B, H R (K + 1)) of (B, N, 3) points, at least in float32 and without a gradient."""
        points = points.to(torch.promote_types(points.dtype, torch.float32))
        counted = (points != points[:, :1]).any(dim=2, keepdim=True)
        counted[:, 0] = True
        share = counted.to(points) / counted.sum(dim=1, keepdim=True)
        centred = points - (share * points).sum(dim=1, keepdim=True)
        reach = centred.norm(dim=2).amax(dim=1).clamp(min=LEAST_REACH)
        x, y, z = (centred / reach[:, None, None]).unbind(2)
        radius, angle = torch.hypot(x, z), torch.atan2(z, x)
        orders = torch.arange(self.harmonics + 1, device=points.device)
        phases = orders * angle[..., None]
        waves = torch.cat([phases.cos(), phases.sin()], dim=2)
        by_height = share * _shared_between(y, -1.0, 1.0, self.heights)
        by_radius = _shared_between(radius, 0.0, 1.0, self.radii)
        rings = (by_radius[..., None] * waves[:, :, None]).flatten(2)
        with torch.autocast(points.device.type, enabled=False):
            moments = (by_height.transpose(1, 2) @ rings).unflatten(2, (self.radii, 2, -1))
        return torch.hypot(*moments.unbind(3)).sqrt().flatten(1)


def _shared_between(values: Tensor, low: float, high: float, num: int) -> Tensor:
    """Return (..., num) shares of each value in the bins, linear between their centres and whole beyond the last."""
    places = ((values - low) / (high - low) * num - 0.5).clamp(0, num - 1)
    centres = torch.arange(num, device=values.device)
    return (1 - (places[..., None] - centres).abs()).clamp(min=0)
