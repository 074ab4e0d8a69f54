"""Blocks of pixels that are hidden from the network, and the pairs that this hides (CMCR spec 1.7).

Shape legend: B pictures, H rows and W columns, n pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from concord3d.errors import ConfigError


class PairRows(NamedTuple):
    """Which pairs show a visible pixel, and which a hidden one.

    Attributes:
        visible: (v,) int64.
        hidden: (n - v,) int64.
    """

    visible: Tensor
    hidden: Tensor


def block_masks(
    count: int,
    size: tuple[int, int],
    draw: torch.Generator,
    patch: int = 16,
    probability: float = 0.5,
    ratio: float = 0.5,
) -> Tensor:
    """Hide square patches of some pictures, each patch by a draw of its own.

    Args:
        count: B.
        size: H and W.
        draw: CPU generator; as many numbers are drawn whatever the outcome.
        patch: Side of a patch in pixels of the network's input. What a grid of whole patches leaves over is visible.
        probability: Of a picture to be masked at all.
        ratio: Probability of each of its patches to be hidden.

    Returns:
        (B, H, W) bool on the CPU, True where hidden.

    Raises:
        ConfigError: A patch is larger than the picture, or a probability lies outside [0, 1].

    Source: CMCR spec 1.7.
    """
    rows, columns = (side // patch if patch > 0 else 0 for side in size)
    if not rows or not columns or not 0 <= probability <= 1 or not 0 <= ratio <= 1:
        raise ConfigError(
            "Patches cannot be hidden like this",
            expected=f"patches of 1 to {min(size)} pixels and probabilities in [0, 1]",
            found=f"patch {patch}, probability {probability}, ratio {ratio}",
        )
    masked = torch.rand((count, 1, 1), generator=draw) < probability
    patches = (torch.rand((count, rows, columns), generator=draw) < ratio) & masked
    masks = torch.zeros((count, *size), dtype=torch.bool)
    masks[:, : rows * patch, : columns * patch] = patches.repeat_interleave(patch, 1).repeat_interleave(patch, 2)
    return masks


def hide_pixels(pictures: Tensor, masks: Tensor) -> Tensor:
    """Return (B, 3, H, W) pictures, not yet normalised, that are black where (B, H, W) masks are True."""
    return pictures.masked_fill(masks[:, None].to(pictures.device), 0.0)


def pair_rows(pixels: Tensor, masks: Tensor) -> PairRows:
    """Part pairs into those with a visible and those with a hidden pixel.

    Args:
        pixels: (n, 3) int64 picture, row and column.
        masks: (B, H, W) bool, True where hidden.

    Source: CMCR spec 1.7; a boolean choice, see CMCR spec 9.
    """
    hidden = masks[pixels.unbind(1)]
    return PairRows((~hidden).nonzero().squeeze(1), hidden.nonzero().squeeze(1))
