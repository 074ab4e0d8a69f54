"""Who is mixed with whom, and in which proportion.

Shape legend: B objects, n pairs.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from concord3d.errors import ConfigError


class Pairs(NamedTuple):
    """Pairs of objects of a batch.

    Attributes:
        first: (n,) int64 index of one object of each pair.
        second: (n,) int64 index of its partner.
    """

    first: Tensor
    second: Tensor


def paired_in_circle(order: Tensor, num_pairs: int) -> Pairs:
    """Pair each of the first ``num_pairs`` objects of an order with the next one, the last with the first.

    Args:
        order: (B,) int64, every object once.
        num_pairs: n, at most B.

    Returns:
        Pairs in which no object is paired with itself; of three or more objects no two are paired both ways.

    Raises:
        ConfigError: There are pairs to make but no two objects.

    Source: MM-Mixing spec 3.1.
    """
    if num_pairs and len(order) < 2:
        raise ConfigError(
            "Mixing needs a partner for every object",
            where="training.batch_size",
            expected="two or more objects per batch and process",
            found=len(order),
            next_step="raise training.batch_size",
        )
    return Pairs(order[:num_pairs], order.roll(-1)[:num_pairs])


def draw_weights(
    num_pairs: int,
    concentration: float,
    per: Literal["sample", "batch"],
    fixed: float | None,
    generator: torch.Generator,
) -> Tensor:
    """Draw the weight of the first object of each pair from Beta(a, a).

    Args:
        num_pairs: n.
        concentration: a.
        per: One draw for each pair, or one for the batch of this process.
        fixed: Weight of every pair instead of a draw, in [0, 1].
        generator: Source of all randomness.

    Returns:
        (n,) float32 in [0, 1], on the CPU.

    Source: MM-Mixing spec 3.1.
    """
    if fixed is not None:
        return torch.full((num_pairs,), fixed)
    # Torch draws Beta variates from the global generator only.
    seed = int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
    drawn = np.random.default_rng(seed).beta(concentration, concentration, num_pairs if per == "sample" else 1)
    return torch.from_numpy(drawn).float().expand(num_pairs)
