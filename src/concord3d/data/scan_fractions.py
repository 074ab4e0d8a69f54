"""Shares of the labels of data sets of scans, as SemanticKITTI's are taken (CMCR spec 1.2, 1.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConfigError

# Every so many-th scan has labels, by the percentage of scans.
SKIPS = {1: 100, 5: 20, 10: 10, 20: 5, 50: 2, 100: 1}


def labelled_scans(num_scans: int, percent: int) -> NDArray[np.int64]:
    """Choose the scans whose labels may be used: the first of the sorted list, and every k-th from it.

    Args:
        num_scans: Scans of the split, in the order of their names.
        percent: A key of :data:`SKIPS`; k is its value.

    Returns:
        Indices, rising; at least one.

    Raises:
        ConfigError: Another percentage.
    """
    if percent not in SKIPS:
        raise ConfigError(
            "No such fraction of scans", where="data.percent", expected=", ".join(map(str, SKIPS)), found=percent
        )
    return np.arange(0, num_scans, SKIPS[percent])
