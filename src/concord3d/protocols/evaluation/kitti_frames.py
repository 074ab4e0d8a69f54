"""Predictions and true boxes of KITTI's frames as its benchmark compares them, in three dimensions (CMCR spec 5).

Predictions that are too low in the picture are ignored, as are true boxes that are harder than wanted or of a
neighbouring class. Regions without labels play no part in three dimensions, where they have no boxes.

Shape legend: S frames, D predictions and G true boxes of a frame, N predictions of all, n boxes.
"""

from __future__ import annotations

import numpy as np

from concord3d.data.formats.kitti_labels import DIFFICULTIES, TYPES
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.data.sweep_boxes import SweepBoxes
from concord3d.errors import EvaluationError
from concord3d.geometry.turned_rectangles import outlines, overlaps
from concord3d.measures.kitti_precision import KittiFrame
from concord3d.protocols.evaluation.predicted_boxes import FoundBoxes
from concord3d.statistics.intervals import FloatArray

CLASSES = ("car", "pedestrian", "cyclist")
# IoU above which boxes of a class match.
MIN_OVERLAPS = {"car": 0.7, "pedestrian": 0.5, "cyclist": 0.5}
# What is so like a class that finding it is no error.
_NEIGHBOURS = {"car": "Van", "pedestrian": "Person_sitting"}
_NEAREST_M = 0.1


def required_kitti_boxes(sweeps: SweepSplit) -> SweepBoxes:
    """Return the boxes of frames.

    Raises:
        EvaluationError: There are none, other classes, or nothing that says how large pictures were.
    """
    where = f"{sweeps.dataset}/{sweeps.split}"
    if sweeps.boxes is None or "picture_sizes" not in sweeps.per_sweep:
        raise EvaluationError(
            "The tested sweeps are no frames of KITTI", where=where, expected="boxes and picture_sizes",
            found="no boxes" if sweeps.boxes is None else ", ".join(sweeps.per_sweep),
            next_step="name a data set that the reader 'kitti' reads",
        )  # fmt: skip
    if sweeps.class_names != CLASSES:
        raise EvaluationError(
            "The tested sweeps have other classes than the benchmark", where=where, expected=", ".join(CLASSES),
            found=", ".join(sweeps.class_names),
        )  # fmt: skip
    return sweeps.boxes


def kitti_frames(sweeps: SweepSplit, found: FoundBoxes, name: str, difficulty: str) -> list[KittiFrame]:
    """Compare the predictions of one class with what is true.

    Args:
        sweeps: S frames of KITTI.
        found: N predictions in the frames of their LiDARs.
        name: One of :data:`CLASSES`.
        difficulty: One of :data:`concord3d.data.formats.kitti_labels.DIFFICULTIES`; easier boxes are wanted too.

    Returns:
        S frames.

    Raises:
        EvaluationError: As :func:`required_kitti_boxes`.
    """
    true, number = required_kitti_boxes(sweeps), CLASSES.index(name)
    hardest, (least_height, _, _) = list(DIFFICULTIES).index(difficulty), DIFFICULTIES[difficulty]
    neighbour = TYPES.index(_NEIGHBOURS[name]) if name in _NEIGHBOURS else -1
    every = np.column_stack([true.centres, true.sizes, true.yaws])
    is_own, frames = true.classes == number, []
    is_wanted = is_own & (true.attributes >= 0) & (true.attributes <= hardest)
    for row in range(len(sweeps)):
        rows = np.arange(true.offsets[row], true.offsets[row + 1])
        rows = rows[is_own[rows] | (true.categories[rows] == neighbour)]
        mine = (found.sweeps == row) & (found.classes == number)
        boxes = found.boxes[mine, :7]
        heights = picture_heights(sweeps, row, boxes)
        frames.append(
            KittiFrame(
                overlaps(boxes, every[rows]),
                found.scores[mine],
                is_wanted[rows],
                heights >= least_height,
                np.zeros(len(boxes), dtype=np.bool_),
            )
        )
    return frames


def picture_heights(sweeps: SweepSplit, row: int, boxes: FloatArray) -> FloatArray:
    """Return the (n,) heights of boxes in the picture of a frame, in pixels of the picture as released.

    Args:
        sweeps: Frames of KITTI.
        row: Number of the frame.
        boxes: (n, 7) in the frame of its LiDAR.

    Returns:
        Of the rectangle around a box as far as it lies in the picture; 0 where it lies beside it or behind the camera.
    """
    told = sweeps.per_sweep
    height, width = told["pictures"].shape[2:4]
    corners = np.repeat(outlines(boxes), 2, axis=1)
    ends = boxes[:, None, 2] + boxes[:, None, 5] / 2 * np.tile([-1.0, 1.0], 4)
    places = np.concatenate([corners, ends[..., None]], axis=2)
    camera = told["camera_from_lidar"][row, 0]
    in_camera = places @ camera[:3, :3].T + camera[:3, 3]
    is_behind = (in_camera[..., 2] < _NEAREST_M).all(axis=1)
    in_camera[..., 2] = np.maximum(in_camera[..., 2], _NEAREST_M)
    image = in_camera @ told["intrinsics"][row, 0].T
    image = image[..., :2] / image[..., 2:]
    edges = np.array([width - 1, height - 1])
    size = np.clip(image.max(axis=1), 0, edges) - np.clip(image.min(axis=1), 0, edges)
    shown = ~is_behind & (size > 0).all(axis=1)
    return np.where(shown, size[:, 1] * told["picture_sizes"][row, 0] / height, 0.0)
