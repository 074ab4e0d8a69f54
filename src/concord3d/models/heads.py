"""Projection and classification heads."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional


def projection_head_3d(in_dim: int, hidden: int, out: int) -> nn.Sequential:
    """Build the head of a point feature: Linear, BatchNorm, ReLU, Linear, with biases.

    Args:
        in_dim: Width of the encoder feature.
        hidden: Hidden width (1,024 in both public code bases).
        out: Width of the projection.

    Returns:
        A module from (B, in_dim) to (B, out).

    Source: MM-Point spec 2.5.
    """
    return nn.Sequential(
        nn.Linear(in_dim, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, out)
    )


def projection_head_2d(in_dim: int, hidden: int, out: int) -> nn.Sequential:
    """Build the head of an image feature: Linear, BatchNorm, ReLU, Linear, without biases.

    Args:
        in_dim: Width of the encoder feature.
        hidden: Hidden width (512 in CrossPoint).
        out: Width of the projection.

    Returns:
        A module from (B, in_dim) to (B, out).

    Source: MM-Point spec 2.5.
    """
    return nn.Sequential(
        nn.Linear(in_dim, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, out, bias=False),
    )


class ClassifierHead(nn.Module):
    """DGCNN's classification branch: two hidden layers with BatchNorm, LeakyReLU(0.2) and dropout (MM-Point spec 2.1).

    Args:
        in_dim: Width of the encoder feature (2,048 for DGCNN).
        num_classes: Number of logits.
        hidden: Widths of the two hidden layers.
        dropout: Probability of dropping a hidden unit.
    """

    def __init__(
        self, in_dim: int, num_classes: int, hidden: tuple[int, int] = (512, 256), dropout: float = 0.5
    ) -> None:
        super().__init__()
        first, second = hidden
        # The first map has no bias because its normalisation would cancel it; the second keeps one as in DGCNN.
        self.layers = nn.Sequential(
            nn.Linear(in_dim, first, bias=False),
            nn.BatchNorm1d(first),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Dropout(dropout),
            nn.Linear(first, second),
            nn.BatchNorm1d(second),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Dropout(dropout),
        )
        self.logits = nn.Linear(second, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, num_classes) logits of (B, in_dim) features."""
        logits: Tensor = self.logits(self.layers(features))
        return logits


class Classifier(nn.Module):
    """A point encoder and the classification branch on its feature, which together give logits of clouds.

    Args:
        encoder: Point encoder, (B, N, C) -> (B, feature_dim).
        num_classes: Number of logits.
    """

    def __init__(self, encoder: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = ClassifierHead(cast(int, encoder.feature_dim), num_classes)

    def forward(self, points: Tensor) -> Tensor:
        """Return (B, num_classes) logits of (B, N, C) clouds."""
        logits: Tensor = self.head(self.encoder(points))
        return logits


class UnitHead(nn.Module):
    """A projection to unit vectors: Linear, ReLU, LayerNorm, Linear, division by the length.

    Args:
        in_dim: Width of the input.
        hidden: Hidden width, half of what the paper's head is told.
        out: Width of the output.

    Source: H(i, h, o) with h / 2 hidden channels (CrossOver spec 3).
    """

    def __init__(self, in_dim: int, hidden: int, out: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_dim, hidden), nn.ReLU(), nn.LayerNorm(hidden, eps=1e-12), nn.Linear(hidden, out)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return (..., out) unit vectors of (..., in_dim) features."""
        return functional.normalize(self.layers(features), dim=-1)
