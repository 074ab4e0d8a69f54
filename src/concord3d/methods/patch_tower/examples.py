"""Parts of a patch tower with random weights and one picture, to count their work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.features import frozen_encoders
from concord3d.features.patch_tower import hybrid_vit
from concord3d.features.tower_config import PATCH_SIZE, PatchTowerConfig

# Any width of sentences: the output is a small part of the work.
_TEXT_DIM = 384


class _Tokens(nn.Module):
    """The transformer, from the trunk's map on."""

    def __init__(self, config: PatchTowerConfig) -> None:
        super().__init__()
        trunk = frozen_encoders.new_trunk(config.trunk.encoder)
        self.channels = trunk.channels
        self.vit = hybrid_vit(config, trunk, _TEXT_DIM)

    def forward(self, trunk_map: Tensor) -> Tensor:
        return self.vit.from_map(trunk_map).pooled


def of_tokens(encoder: Mapping[str, Any]) -> tuple[nn.Module, tuple[Tensor]]:
    """Return the transformer above the trunk, and the map of one picture.

    Args:
        encoder: Configuration of the tower.
    """
    config = PatchTowerConfig.model_validate(dict(encoder))
    model, grid = _Tokens(config), config.trunk.image_size // PATCH_SIZE
    return model, (torch.zeros(1, model.channels, grid, grid),)


def of_trunk(encoder: Mapping[str, Any]) -> tuple[nn.Module, tuple[Tensor]]:
    """Return the trunk, and one picture.

    Args:
        encoder: Configuration of the tower.
    """
    config = PatchTowerConfig.model_validate(dict(encoder))
    side = config.trunk.image_size
    return frozen_encoders.new_trunk(config.trunk.encoder), (torch.zeros(1, 3, side, side),)
