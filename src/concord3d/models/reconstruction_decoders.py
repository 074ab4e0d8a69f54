"""What turns features back into pictures, and into occupancy and intensity (CMCR spec 2.5).

Shape legend: B pictures, D channels, H x W a picture, n pairs of a query and a point near it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_PICTURE_WIDTHS = (32, 16)
_OCCUPANCY_WIDTH = 128


class PictureDecoder(nn.Module):
    """Three 3x3 convolutions to 32, 16 and 3 channels, ReLU between, a sigmoid behind.

    Args:
        in_dim: D.

    Source: CMCR spec 2.5.
    """

    def __init__(self, in_dim: int = 64) -> None:
        super().__init__()
        first, second = _PICTURE_WIDTHS
        self.layers = nn.Sequential(
            nn.Conv2d(in_dim, first, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(second, 3, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, 3, H, W) pictures in [0, 1] of (B, D, H, W) features."""
        pictures: Tensor = self.layers(features)
        return pictures


class OccupancyDecoder(nn.Module):
    """Linear layers of 128 channels on the feature of a point and the way from it to a query.

    Args:
        in_dim: D.

    Source: CMCR spec 2.5, 3.5.
    """

    def __init__(self, in_dim: int = 64) -> None:
        super().__init__()
        width = _OCCUPANCY_WIDTH
        self.layers = nn.Sequential(
            nn.Linear(in_dim + 3, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.Linear(width, 2),
        )

    def forward(self, features: Tensor, ways: Tensor) -> Tensor:
        """Decode pairs.

        Args:
            features: (n, D) of the point of each pair.
            ways: (n, 3) query minus point.

        Returns:
            (n, 2): logit of occupancy, intensity.
        """
        decoded: Tensor = self.layers(torch.cat([features, ways.to(features.dtype)], 1))
        return decoded
