"""The files of nuScenes sweeps: points, and the semantic labels of points (CMCR spec 1.1).

Shape legend: P points.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats import float_sweeps
from concord3d.data.formats.nuscenes_tables import VERSION
from concord3d.data.layout import NEXT_STEP
from concord3d.errors import DatasetCorrupt, DatasetMissing, WrongRelease

_VALUES = 5
NUM_CATEGORIES = 32
# Class (the official number less one) of the general categories that have one.
CLASS_OF = {
    9: 0, 14: 1, 15: 2, 16: 2, 17: 3, 18: 4, 21: 5, 2: 6, 3: 6, 4: 6, 6: 6, 12: 7, 22: 8, 23: 9, 24: 10, 25: 11,
    26: 12, 27: 13, 28: 14, 30: 15,
}  # fmt: skip
_CLASSES = np.array([CLASS_OF.get(number, -1) for number in range(256)], dtype=np.int64)


def count_points(path: Path) -> int:
    """Return how many points a sweep has, from the size of its file.

    Raises:
        DatasetMissing: There is no such file.
        UnreadableFile: It is truncated.
        BadCloud: It is empty.
    """
    if not path.is_file():
        raise missing_file("A sweep", path)
    return float_sweeps.count_points(path, _VALUES)


def read_points(path: Path) -> NDArray[np.float32]:
    """Return the (P, 4) x, y, z and intensity of a sweep that :func:`count_points` has checked."""
    return float_sweeps.read_points(path, _VALUES)[:, :4]


def read_classes(path: Path, num_points: int, without_class: Sequence[int] = ()) -> NDArray[np.int64]:
    """Read the class of every point of a sweep.

    Args:
        path: Its label file, (P,) uint8 general categories.
        num_points: P.
        without_class: Further labels that the file may hold; points that have one have no class.

    Returns:
        (P,) int64, -1 where a point has none.

    Raises:
        DatasetCorrupt: Labels are not as many as points.
        WrongRelease: A label is neither a general category nor one of ``without_class``.
    """
    categories = np.fromfile(path, np.uint8)
    require_as_many(path, num_points, len(categories))
    strange = categories[(categories >= NUM_CATEGORIES) & ~np.isin(categories, without_class)]
    if len(strange):
        further = f", or {', '.join(map(str, without_class))}" if without_class else ""
        raise WrongRelease(
            "A label is no general category of nuScenes", where=path, expected=f"0 to {NUM_CATEGORIES - 1}{further}",
            found=int(strange.max()),
        )  # fmt: skip
    return _CLASSES[categories]


def label_file(folder: Path, path: str | None, name: str) -> Path:
    """Return the file of labels of a keyframe.

    Args:
        folder: What the path is relative to.
        path: As the tables have it; None where they have none.
        name: The keyframe, for the message.

    Raises:
        DatasetMissing: There is no such file, or no row for it.
    """
    if path is None:
        raise DatasetMissing(
            "A sweep has no labels", where=folder / VERSION / "lidarseg.json", expected=f"a row for {name}",
            next_step="unpack nuScenes-lidarseg into the same folder",
        )  # fmt: skip
    if not (folder / path).is_file():
        raise missing_file("A file of labels", folder / path)
    return folder / path


def require_as_many(path: Path, num_points: int, found: int) -> None:
    """Raise DatasetCorrupt where a file of labels holds not as many as there are points."""
    if found != num_points:
        raise DatasetCorrupt(
            "Labels are not as many as points", where=path, expected=num_points, found=found, next_step=NEXT_STEP
        )


def missing_file(what: str, path: Path) -> DatasetMissing:
    """Return the error about a file of a keyframe that is not there."""
    return DatasetMissing(f"{what} of a keyframe is missing", where=path, next_step="unpack all blobs into one folder")
