"""PointNet without spatial transforms, a competitor encoder (MM-Point spec 2.2).

Shapes: B clouds, N points, C channels.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from concord3d.errors import BadCloud
from concord3d.models.max_embedding import max_embedding

_CHANNELS = (64, 64, 64, 128, 1024)


class PointNet(nn.Module):
    """Shared point-wise MLP 3-64-64-64-128-1024 with BatchNorm and ReLU, then the maximum over the points.

    It has 150,336 parameters with three input channels.

    Args:
        in_channels: Channels per input point.

    Source: MM-Point spec 2.2.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.feature_dim = _CHANNELS[-1]
        widths = (in_channels, *_CHANNELS)
        self.linears = nn.ModuleList(nn.Linear(*pair, bias=False) for pair in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in _CHANNELS)

    def forward(self, points: Tensor) -> Tensor:
        """Encode (B, N, in_channels) clouds into (B, 1024) features.

        Raises:
            BadCloud: The clouds have another shape, or training on a single point.
        """
        if points.ndim != 3 or points.shape[-1] != self.in_channels or points.shape[1] == 0:
            raise BadCloud(
                "PointNet needs clouds", expected=f"(B, N >= 1, {self.in_channels})", found=tuple(points.shape)
            )
        num_values = points.shape[0] * points.shape[1]
        if self.training and num_values < 2:
            raise BadCloud("Batch statistics need more than one point", expected="at least 2", found=num_values)
        *layers, (last_linear, last_norm) = zip(self.linears, self.norms, strict=True)
        features = points.flatten(0, 1)
        for linear, norm in layers:
            features = norm(linear(features)).relu()
        assert isinstance(last_linear, nn.Linear) and isinstance(last_norm, nn.BatchNorm1d)
        return max_embedding(features.view(*points.shape[:2], -1), last_linear, last_norm)
