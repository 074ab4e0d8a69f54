"""An even choice of items from an ordered list, such as sweeps of a drive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConfigError


def even_spread(num_items: int, count: int, where: object = None) -> NDArray[np.int64]:
    """Choose items that lie evenly in a list, so that every larger choice holds all smaller ones.

    The items stand at the fractions 0, 1/2, 1/4, 3/4, 1/8, ... of the list (van der Corput's sequence).

    Args:
        num_items: Length of the list.
        count: How many to choose, at least 1.
        where: What asks, for messages.

    Returns:
        (count,) indices, rising.

    Raises:
        ConfigError: The list is shorter.

    Example:
        >>> even_spread(8, 3).tolist(), even_spread(8, 4).tolist()
        ([0, 2, 4], [0, 2, 4, 6])
    """
    if not 1 <= count <= num_items:
        raise ConfigError(
            "There are fewer sweeps than are asked for", where=where, expected=f"1 to {num_items}", found=count
        )
    bits = max(1, (num_items - 1).bit_length())
    numbers = np.arange(1 << bits)
    turned = np.zeros_like(numbers)
    for bit in range(bits):
        turned |= ((numbers >> bit) & 1) << (bits - 1 - bit)
    # There are up to twice as many places as items: some items have two.
    places = turned * num_items >> bits
    _, first = np.unique(places, return_index=True)
    chosen: NDArray[np.int64] = np.sort(places[np.sort(first)[:count]])
    return chosen
