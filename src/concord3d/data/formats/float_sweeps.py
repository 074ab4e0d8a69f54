"""Sweeps of a LiDAR as KITTI and nuScenes write them: a file of 32-bit floats, the same number of them for each point.

Shape legend: P points, V values of a point.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.layout import NEXT_STEP
from concord3d.errors import BadCloud, UnreadableFile

_FLOAT = np.dtype("<f4")


def count_points(path: Path, num_values: int) -> int:
    """Return P, how many points a sweep has, from the size of its file.

    Args:
        path: The file, which is there.
        num_values: V.

    Raises:
        UnreadableFile: It is truncated.
        BadCloud: It is empty.
    """
    size, of_point = path.stat().st_size, num_values * _FLOAT.itemsize
    if size % of_point:
        raise UnreadableFile(
            "A sweep is truncated", where=path, expected=f"a multiple of {of_point} bytes", found=size,
            next_step=NEXT_STEP,
        )  # fmt: skip
    if not size:
        raise BadCloud("A sweep has no points", where=path, expected="at least one", found=0, next_step=NEXT_STEP)
    return size // of_point


def read_points(path: Path, num_values: int) -> NDArray[np.float32]:
    """Return the (P, V) values of a sweep that :func:`count_points` has checked."""
    return np.fromfile(path, _FLOAT).reshape(-1, num_values)
