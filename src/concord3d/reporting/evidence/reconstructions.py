"""Examples of hidden parts and of what a network predicts in their place, as files.

Shape legend: N objects, s side of a picture, g patches per side, G groups, S points of a group.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays
from concord3d.errors import ReportingError

OF_PICTURES = ("pictures", "hidden_patches", "predicted_pictures")
OF_CLOUDS = ("groups", "hidden_groups", "predicted_groups")
KEYS = ("dataset", "data_kind", "names", *OF_PICTURES, *OF_CLOUDS[:2])


def read_reconstructions(path: Path) -> dict[str, NDArray[Any]]:
    """Read examples of reconstructions.

    Args:
        path: An ``.npz`` with ``names`` (N,); ``pictures`` and ``predicted_pictures`` (N, s, s, 3) uint8;
            ``hidden_patches`` (N, g, g) bool; ``groups`` (N, G, S, 3) float, points of a cloud, y up; ``hidden_groups``
            (N, G) bool; ``predicted_groups`` like ``groups``, absent where groups are not predicted as points;
            ``dataset`` and ``data_kind``, one name each.

    Raises:
        UnreadableFile: The file is damaged.
        ReportingError: An array is missing, or shapes or values do not fit.
    """
    arrays = read_arrays(path, "reconstructions")
    lacking = [key for key in KEYS if key not in arrays]
    if lacking:
        raise ReportingError("Reconstructions lack arrays", where=path, expected=KEYS, found=f"no {lacking}")
    num, side = len(arrays["names"]), arrays["pictures"].shape[1]
    grid, groups = arrays["hidden_patches"].shape, arrays["groups"].shape
    shapes = {
        "pictures": (num, side, side, 3),
        "predicted_pictures": (num, side, side, 3),
        "hidden_patches": (num, grid[-1], grid[-1]),
        "groups": (num, *groups[1:3], 3),
        "hidden_groups": (num, groups[1]),
        "predicted_groups": groups,
    }
    wrong = [key for key, shape in shapes.items() if key in arrays and arrays[key].shape != shape]
    if wrong or side % grid[-1]:
        raise ReportingError(
            "Reconstructions have shapes that do not fit together",
            where=path,
            expected=shapes,
            found={key: arrays[key].shape for key in wrong} or f"{grid[-1]} patches in {side} pixels",
        )
    if not all(np.isfinite(arrays[key]).all() for key in ("groups", "predicted_groups") if key in arrays):
        raise ReportingError("Reconstructions hold impossible values", where=path, expected="finite points")
    return arrays
