"""The map from frozen picture features to the space of frozen sentence features.

Shape legend: B batch, E width of picture features, D width of sentence features, H hidden width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Projection(nn.Module):
    """A linear map of standardised unit features, with a hidden layer added where there is one.

    The output has no intercept: it stands for a sentence's feature minus :attr:`text_mean`. The hidden layer adds
    nothing until it is trained.

    Args:
        picture_dim: E.
        text_dim: D.
        hidden_width: H; None leaves the map linear.

    Attributes:
        mean: (E,) mean of the unit features of the training pictures.
        deviation: (E,) their standard deviation.
        text_mean: (D,) mean of the training objects' text features.
    """

    mean: Tensor
    deviation: Tensor
    text_mean: Tensor

    def __init__(self, picture_dim: int, text_dim: int, hidden_width: int | None = None) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(picture_dim))
        self.register_buffer("deviation", torch.ones(picture_dim))
        self.register_buffer("text_mean", torch.zeros(text_dim))
        self.linear = nn.Linear(picture_dim, text_dim, bias=False)
        self.hidden: nn.Sequential | None = None
        if hidden_width is not None:
            last = nn.Linear(hidden_width, text_dim, bias=False)
            nn.init.zeros_(last.weight)
            self.hidden = nn.Sequential(nn.Linear(picture_dim, hidden_width), nn.GELU(), last)

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, D) projections, not normalised, of (B, E) picture features of any length."""
        standardised = (functional.normalize(features, dim=1) - self.mean) / self.deviation
        projected: Tensor = self.linear(standardised)
        return projected if self.hidden is None else projected + self.hidden(standardised)
