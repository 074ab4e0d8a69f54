"""Random masks over the groups of clouds: a block of neighbouring groups is hidden.

Shape legend: B clouds, G groups.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.errors import ConfigError


def nearest_group_masks(centres: Tensor, share: tuple[float, float], draw: torch.Generator) -> Tensor:
    """Hide, of each cloud, a random group and the groups nearest to it.

    Args:
        centres: (B, G, 3) centres of the groups.
        share: Range of the share of the groups that is hidden, uniform per cloud; their number is rounded down.
        draw: CPU generator.

    Returns:
        (B, G) bool on the device of ``centres``, True where hidden.

    Raises:
        ConfigError: The shares are not ascending, or lie outside [0, 1].

    Source: Cross-MoST spec 3.3 (64 groups, shares from 0.3 to 0.4: 19 to 25 of them).
    """
    low, high = share
    if not 0 <= low <= high <= 1:
        raise ConfigError(
            "Groups cannot be masked like this", expected="two ascending shares between 0 and 1", found=share
        )
    num_clouds, num_groups, _ = centres.shape
    seeds = torch.randint(num_groups, (num_clouds,), generator=draw)
    shares = low + (high - low) * torch.rand((num_clouds, 1), generator=draw, dtype=torch.float64)
    # A product such as 0.7 * 10 may lie a little below the whole number that is meant.
    counts = (shares * num_groups + 1e-9).floor().long()
    coordinates = centres.detach()
    seed_centres = coordinates[torch.arange(num_clouds), seeds.to(centres.device)]
    distances = (coordinates - seed_centres[:, None]).square().sum(2)
    ranks = distances.argsort(dim=1, stable=True).argsort(dim=1)
    return ranks < counts.to(centres.device)
