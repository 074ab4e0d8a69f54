"""Clouds in ``.npy`` files, and samples of them that depend on the object's name alone.

Shape legend: P points.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.layout import NEXT_STEP
from concord3d.errors import BadCloud, UnreadableFile


def rng_of(name: str) -> np.random.Generator:
    """Return an object's own source of randomness, the same at every reading."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))


def read_npy_cloud(path: Path) -> NDArray[np.float32]:
    """Read one cloud.

    Returns:
        (P, 3) float32.

    Raises:
        UnreadableFile: Truncated, not ``.npy``, or not an array of numbers.
        BadCloud: No rows of three coordinates.
    """
    try:
        points = np.load(path, allow_pickle=False)
        if not isinstance(points, np.ndarray) or points.dtype.kind not in "fiu":
            raise ValueError(f"no array of numbers: {getattr(points, 'dtype', type(points).__name__)}")
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise UnreadableFile("Cannot read a cloud", where=path, found=error, next_step=NEXT_STEP) from error
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
        raise BadCloud("A cloud has the wrong shape", where=path, expected="(P, 3)", found=points.shape)
    return np.ascontiguousarray(points, dtype=np.float32)


def sampled(points: NDArray[np.float32], num_points: int, name: str, path: Path) -> NDArray[np.float32]:
    """Draw some points of a cloud without repetition; a cloud of just so many is returned in its order.

    Args:
        points: (P, 3).
        num_points: How many to draw.
        name: Name of the object, which decides the draw.
        path: Its file, for an error.

    Returns:
        (num_points, 3).

    Raises:
        BadCloud: The cloud has fewer points, or coordinates that are not finite.
    """
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points).all(axis=1)).sum())
        raise BadCloud(
            "A cloud holds coordinates that are not finite", where=path, found=f"{bad} of {len(points)} points"
        )
    if len(points) < num_points:
        raise BadCloud(
            "A cloud has fewer points than asked",
            where=path,
            expected=f"at least {num_points} points",
            found=len(points),
            next_step="ask for fewer (num_points of the data set in the scale), or leave the object out of the lists",
        )
    if len(points) == num_points:
        return points
    return points[rng_of(name).choice(len(points), num_points, replace=False)]
