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
_FORMS = (
    ".ply with red, green and blue of type uchar",
    ".npz with points (P, 3), colors (P, 3) uint8 or from 0 to 1, and if known instance (P,) integers, 0 for no object",
)
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
        BadCloud: No colours, values that are not finite, or a size that no room has in metres.
    """
    readers = {".npz": _of_arrays, ".ply": _of_ply}
    if path.suffix.lower() not in readers:
        raise UnreadableFile(
            "A cloud is of an unknown format", where=path, expected="; ".join(_FORMS), found=path.suffix or "no suffix"
        )
    try:
        cloud = readers[path.suffix.lower()](path)
    except UnreadableFile as error:
        # The readers tell to obtain or to make the file again, but this one is the user's own.
        raise UnreadableFile(error.what, where=path, expected="; ".join(_FORMS), found=error.found) from error
    _check(cloud.points, path)
    return cloud


def _of_ply(path: Path) -> RoomCloud:
    points, colors = read_ply_cloud(path)
    if colors is None:
        raise BadCloud("A cloud of a room has no colours", where=path, expected=_FORMS[0], found="none")
    return RoomCloud(points, colors)


def _of_arrays(path: Path) -> RoomCloud:
    arrays = read_arrays(path, "a cloud")
    points, colors, instance = (arrays.get(name) for name in ("points", "colors", "instance"))
    if points is None or colors is None or not _fit(points, colors, instance):
        found = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in arrays.items())
        raise UnreadableFile("Not a cloud of a room", where=path, found=found or "no array")
    ids = None if instance is None else np.maximum(instance, 0).astype(np.int32)
    return RoomCloud(np.ascontiguousarray(points, np.float32), _rgb8(colors, path), ids)


def _fit(points: NDArray[Any], colors: NDArray[Any], instance: NDArray[Any] | None) -> bool:
    tables = all(array.dtype.kind in "fiu" and array.ndim == 2 and array.shape[1] == 3 for array in (points, colors))
    told = instance is None or (instance.dtype.kind in "iu" and instance.shape == points.shape[:1])
    return tables and told and len(points) == len(colors)


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
