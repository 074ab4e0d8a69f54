"""An encoder of strings of any length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.models.weights import load_weights


class BeadEncoder(nn.Module):
    """Beads one by one, then their largest values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, strings: Sequence[Tensor]) -> Tensor:
        """Return (B, width) of B strings."""
        return torch.stack([self.layers(string).amax(dim=0) for string in strings])


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    """Build a saved module with its weights."""
    encoder = BeadEncoder(run["encoder"]["width"])
    load_weights(encoder, weights)
    return encoder
