"""Random masks over the patches of pictures.

Shape legend: B pictures, g patches per side, c patches per side of a cell, K = ceil(g / c) cells per side.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from concord3d.errors import ConfigError


def random_masks(count: int, grid: int, ratio: float, draw: torch.Generator, cell: int = 1) -> Tensor:
    """Hide the same number of cells of each picture, chosen at random.

    Args:
        count: B.
        grid: g.
        ratio: Share of the cells that is hidden; their number is rounded up.
        draw: CPU generator.
        cell: c; patches of a cell are hidden together, and cells at the border may be smaller.

    Returns:
        (B, g, g) bool on the CPU, True where hidden.

    Raises:
        ConfigError: The ratio lies outside [0, 1], or a cell is larger than the picture.

    Source: masks of pictures in Cross-MoST (14 patches, cells of 2, ratio 0.3: 15 of 49 cells, 60 of 196 patches).
    """
    if not 0 <= ratio <= 1 or not 1 <= cell <= grid:
        raise ConfigError(
            "Patches cannot be masked like this",
            expected=f"a ratio in [0, 1] and cells of 1 to {grid} patches",
            found=f"ratio {ratio}, cells of {cell}",
        )
    cells = -(-grid // cell)
    # A product such as 0.07 * 100 may lie a little above the whole number that is meant.
    hidden = math.ceil(ratio * cells**2 - 1e-9)
    order = torch.rand((count, cells**2), generator=draw).argsort(dim=1)
    masks = torch.zeros((count, cells**2), dtype=torch.bool).scatter_(1, order[:, :hidden], value=True)
    wide = masks.view(count, cells, cells).repeat_interleave(cell, 1).repeat_interleave(cell, 2)
    return wide[:, :grid, :grid].contiguous()
