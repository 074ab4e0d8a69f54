"""A CLIP with random weights and one pair, to count its work."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from concord3d.features.open_clip_adapter import build_clip


def of_pair(model: str) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    """Return a CLIP, and one picture with one text in tokens.

    Args:
        model: Name of an open_clip model, or the path of a configuration of ours.
    """
    parts = build_clip(model)
    side = parts.preprocess.size
    return parts.module, (torch.zeros(1, 3, side, side), parts.tokenize(["a chair"]))
