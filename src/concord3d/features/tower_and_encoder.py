"""Depth pictures of a cloud through an aligned tower and the cloud itself through a point encoder, as one feature.

Shape legend: B clouds, N points, C channels, D width of the tower's features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import ConfigError
from concord3d.features.depth_views import DepthViews
from concord3d.models.projected import input_channels


class TowerAndEncoder(nn.Module):
    """The sum of both unit features, so that a cosine with a text is proportional to the mean of both cosines.

    Neither side has a weight: nothing is tuned.

    Args:
        tower: The tower behind depth pictures.
        encoder: Point encoder (B, N, C) -> (B, D) that was aligned with a tower of the same texts.

    Attributes:
        in_channels: C, as of the encoder.
        feature_dim: D.

    Raises:
        ConfigError: The widths of both differ.
    """

    def __init__(self, tower: DepthViews, encoder: nn.Module) -> None:
        super().__init__()
        width = getattr(encoder, "feature_dim", None)
        if width != tower.feature_dim:
            raise ConfigError(
                "A point encoder and a tower are asked together, and their features differ in width",
                where="needs.encoder",
                expected=tower.feature_dim,
                found=width,
                next_step="name a training that was aligned with this tower",
            )
        self.tower, self.encoder = tower, encoder
        self.in_channels, self.feature_dim = input_channels(encoder), tower.feature_dim
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, clouds: Tensor) -> Tensor:
        """Return (B, D) features of (B, N, C) clouds, y up, coordinates first; errors as of :class:`DepthViews`."""
        seen = self.tower(clouds[..., : self.tower.in_channels])
        return functional.normalize(seen, dim=1) + functional.normalize(self.encoder(clouds), dim=1)
