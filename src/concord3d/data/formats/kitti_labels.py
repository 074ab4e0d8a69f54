"""Files of labels of KITTI's frames: the objects that the picture shows (CMCR spec 1.3, 5).

A line has a type, how far the object is cut off by the edge of the picture (0 to 1), how far it is hidden (0 to 3), the
direction in which it is seen, its rectangle in pixels (left, top, right, bottom), its height, width and length, the
middle of its lower face in the frame of the rectified reference camera (x right, y down, z forward) and its turn about
y. ``DontCare`` marks a region without labels; it has a rectangle alone.

Shape legend: O objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.layout import NEXT_STEP
from concord3d.errors import UnreadableFile, nearest
from concord3d.geometry.rigid import Matrix, inverse, transformed

TYPES = ("Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist", "Tram", "Misc")
REGION = "DontCare"
# Of each difficulty: least height of the rectangle in pixels, most that is hidden, most that is cut off.
DIFFICULTIES = {"easy": (40.0, 0, 0.15), "moderate": (25.0, 1, 0.3), "hard": (25.0, 2, 0.5)}
_NUM_VALUES = 14

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class KittiLabels:
    """The objects of one frame; regions without labels are no objects.

    Attributes:
        types: (O,) int64 place in :data:`TYPES`.
        truncated: (O,) float64, 0 to 1.
        occluded: (O,) int64, 0 (fully visible) to 3 (unknown).
        rectangles: (O, 4) float64 pixels of the picture as released.
        sizes: (O, 3) float64 length, width and height in metres.
        places: (O, 3) float64 middle of the lower face in the frame of the rectified reference camera.
        turns: (O,) float64 direction of the front in radians, from +x to -z.
    """

    types: NDArray[np.int64]
    truncated: Floats
    occluded: NDArray[np.int64]
    rectangles: Floats
    sizes: Floats
    places: Floats
    turns: Floats

    @property
    def difficulties(self) -> NDArray[np.int64]:
        """(O,) the easiest difficulty that an object belongs to, by its place in :data:`DIFFICULTIES`; -1 for none."""
        heights = self.rectangles[:, 3] - self.rectangles[:, 1]
        result = np.full(len(self.types), -1)
        for number, (height, hidden, cut) in reversed(list(enumerate(DIFFICULTIES.values()))):
            result[(heights >= height) & (self.occluded <= hidden) & (self.truncated <= cut)] = number
        return result

    def lidar_boxes(self, camera_from_lidar: Matrix) -> Floats:
        """Return (O, 7) boxes in the frame of the LiDAR, upright there: centre, sizes, direction of the front.

        Args:
            camera_from_lidar: (4, 4) to the rectified reference camera.
        """
        centres = self.places - np.array([0.0, 0.5, 0.0]) * self.sizes[:, 2:]
        fronts = np.stack([np.cos(self.turns), np.zeros_like(self.turns), -np.sin(self.turns)], axis=1)
        fronts = fronts @ camera_from_lidar[:3, :3]
        places = transformed(centres, inverse(camera_from_lidar))
        return np.column_stack([places, self.sizes, np.arctan2(fronts[:, 1], fronts[:, 0])])


def read_labels(path: Path) -> KittiLabels:
    """Read the labels of a frame; a file without a line is a frame without objects.

    Raises:
        UnreadableFile: Absent, no text, a line with another number of values, an unknown type, or sizes that are not
            positive.
    """
    try:
        lines = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile("Cannot read labels", where=path, found=error, next_step=NEXT_STEP) from error
    objects, types = [], list[int]()
    for number, (kind, *words) in enumerate(lines, start=1):
        if kind == REGION:
            continue
        where = f"{path}: line {number}"
        if kind not in TYPES:
            raise UnreadableFile(f"Unknown type of an object{nearest(kind, TYPES)}", where=where, found=kind)
        objects.append(_values(words, where))
        types.append(TYPES.index(kind))
    values = np.array(objects, dtype=np.float64).reshape(-1, _NUM_VALUES)
    return KittiLabels(
        np.array(types, dtype=np.int64),
        values[:, 0],
        values[:, 1].astype(np.int64),
        values[:, 3:7],
        values[:, [9, 8, 7]],
        values[:, 10:13],
        values[:, 13],
    )


def _values(words: list[str], where: str) -> list[float]:
    """Return the values of one object, checked; a score behind them, as results have one, is left out."""
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise UnreadableFile("Cannot read labels", where=where, found=error, next_step=NEXT_STEP) from error
    if len(values) not in (_NUM_VALUES, _NUM_VALUES + 1) or not np.isfinite(values).all():
        raise UnreadableFile(
            "An object has other values", where=where, expected=f"{_NUM_VALUES} finite numbers", found=words,
            next_step=NEXT_STEP,
        )  # fmt: skip
    if min(values[7:10]) <= 0:
        raise UnreadableFile(
            "An object has no extent", where=where, expected="a positive height, width and length", found=values[7:10]
        )
    return values[:_NUM_VALUES]
