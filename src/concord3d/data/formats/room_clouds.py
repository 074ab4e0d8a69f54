"""Clouds of rooms with colours, in PLY or ``.npz`` files.

Shape legend: P points.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays
from concord3d.data.formats.ply import read_ply_cloud
from concord3d.errors import BadCloud, UnreadableFile

# Longest side of a room in metres. Beyond it a cloud has another unit: a small closet has 800 mm.
EXTENT_M = (0.2, 100.0)
_ARRAYS = ("points (P, 3)", "colors (P, 3) uint8, or from 0 to 1", "optionally instance (P,), 0 for no object")
_UNITS = "coordinates in metres, z up: divide millimetres by 1000"


@dataclass(frozen=True)
class RoomCloud:
    """A cloud of a room.

    Attributes:
        points: (P, 3) float32 in metres, z up.
        colors: (P, 3) uint8 RGB.
        instance: (P,) int32 identifier of each point's object, 0 for none; None where the file does not tell objects.
    """

    points: NDArray[np.float32]
    colors: NDArray[np.uint8]
    instance: NDArray[np.int32] | None = None


def read_room_cloud(path: Path) -> RoomCloud:
    """Read a cloud of a room.

    Args:
        path: ``.ply`` with ``red``, ``green`` and ``blue`` of type uchar, or ``.npz`` with the arrays ``points``,
            ``colors``, and ``instance`` where objects are told apart.

    Raises:
        UnreadableFile: The file is absent, damaged, of another format, or lacks an array.
        BadCloud: No colours, coordinates that are not finite, or a size that no room has in metres.
    """
    if path.suffix.lower() == ".npz":
        cloud = _of_arrays(path)
    elif path.suffix.lower() == ".ply":
        points, colors = read_ply_cloud(path)
        if colors is None:
            raise BadCloud(
                "A cloud of a room has no colours",
                where=path,
                expected="red, green and blue of type uchar",
                found="none",
            )
        cloud = RoomCloud(points, colors)
    else:
        raise UnreadableFile("A cloud is of an unknown format", where=path, expected=".ply or .npz", found=path.suffix)
    _check(cloud.points, path)
    return cloud


def _of_arrays(path: Path) -> RoomCloud:
    arrays = read_arrays(path, "a cloud")
    missing = [name for name in ("points", "colors") if name not in arrays]
    points, colors, instance = (arrays.get(name) for name in ("points", "colors", "instance"))
    fits = not missing and all(_is_table(array) for array in (points, colors))
    fits = fits and len(arrays["points"]) == len(arrays["colors"])
    if instance is not None:
        fits = fits and instance.dtype.kind in "iu" and instance.shape == arrays["points"].shape[:1]
    if points is None or colors is None or not fits:
        found = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in arrays.items())
        raise UnreadableFile(
            "Not a cloud of a room", where=path, expected="; ".join(_ARRAYS), found=found or "no array"
        )
    ids = None if instance is None else instance.astype(np.int32)
    return RoomCloud(np.ascontiguousarray(points, np.float32), _rgb8(colors, path), ids)


def _is_table(array: NDArray[Any] | None) -> bool:
    return array is not None and array.dtype.kind in "fiu" and array.ndim == 2 and array.shape[1] == 3


def _rgb8(colors: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    if colors.dtype == np.uint8:
        return colors
    if not np.isfinite(colors).all() or colors.min(initial=0) < 0 or colors.max(initial=0) > 1:
        raise BadCloud(
            "Colours of a cloud are out of range", where=path, expected="uint8, or numbers from 0 to 1",
            found=f"{colors.dtype} from {colors.min()} to {colors.max()}",
        )  # fmt: skip
    return np.rint(colors * 255).astype(np.uint8)


def _check(points: NDArray[np.float32], path: Path) -> None:
    if not len(points) or not np.isfinite(points).all():
        bad = int((~np.isfinite(points).all(axis=1)).sum())
        raise BadCloud(
            "A cloud is empty or not finite", where=path, expected="finite points", found=f"{bad} bad of {len(points)}"
        )
    extent = np.ptp(points.astype(np.float64), axis=0)
    if not EXTENT_M[0] <= extent.max() <= EXTENT_M[1]:
        raise BadCloud(
            "A cloud has a size that no room has in metres",
            where=path,
            expected=f"{EXTENT_M[0]} to {EXTENT_M[1]} along its longest side",
            found=" x ".join(f"{side:.4g}" for side in extent),
            next_step=_UNITS,
        )
