"""Boxes that a detector finds in test sweeps, also as submissions to nuScenes have them (CMCR spec 4.3).

Shape legend: n boxes of one sweep, N of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.nuscenes_boxes import ATTRIBUTES
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.geometry.box_frames import moved_boxes
from concord3d.geometry.turned_rectangles import without_near, without_overlapping
from concord3d.measures.detection_quality import Boxes
from concord3d.measures.detection_rules import DetectionRules
from concord3d.statistics.intervals import FloatArray

if TYPE_CHECKING:
    from concord3d.models.centre_detector import CentreDetector, Found

IntArray = NDArray[np.int64]
# Attribute of what moves, and of what stands still, by class; of the released post-processing.
_VEHICLE = ("vehicle.moving", "vehicle.parked")
_CYCLE = ("cycle.with_rider", "cycle.without_rider")
_ATTRIBUTES = {
    "car": _VEHICLE,
    "truck": _VEHICLE,
    "trailer": _VEHICLE,
    "construction_vehicle": _VEHICLE,
    "bus": ("vehicle.moving", "vehicle.stopped"),
    "motorcycle": _CYCLE,
    "bicycle": _CYCLE,
    "pedestrian": ("pedestrian.moving", "pedestrian.standing"),
}
_SLOWEST = 0.2


@dataclass(frozen=True)
class Suppression:
    """How boxes that mean the same object are left out.

    Attributes:
        num_before: Best boxes of each group of classes that are compared.
        num_after: Of these at most so many are kept.
        kind: ``rectangles`` or ``circles``.
        max_overlap: IoU above which ``rectangles`` leaves a box out.
        min_distance: Metres below which ``circles`` does.
    """

    num_before: int
    num_after: int
    kind: Literal["rectangles", "circles"]
    max_overlap: float
    min_distance: float

    def kept(self, boxes: FloatArray) -> IntArray:
        """Return the rows that stay of (n, 9) boxes, the best first."""
        overlapping = self.kind == "rectangles"
        rows = (
            without_overlapping(boxes[:, :7], self.max_overlap)
            if overlapping
            else without_near(boxes[:, :7], self.min_distance)
        )
        return rows[: self.num_after]


class FoundBoxes(NamedTuple):
    """Boxes of all sweeps, those of a sweep behind one another, the best first.

    Attributes:
        sweeps: (N,) int64 sweep of each.
        boxes: (N, 9) in the frame of the map.
        classes: (N,) int64.
        scores: (N,).
    """

    sweeps: IntArray
    boxes: FloatArray
    classes: IntArray
    scores: FloatArray


def found_boxes(
    detector: CentreDetector,
    sweeps: SweepSplit,
    batch_size: int,
    min_score: float,
    suppression: Suppression,
    classes: Sequence[str],
    max_boxes: int,
) -> FoundBoxes:
    """Find boxes in sweeps.

    Args:
        detector: In evaluation mode, on its device.
        sweeps: With intensities and ``global_from_lidar``.
        batch_size: Sweeps per forward pass.
        min_score: Boxes of lower scores are left out.
        suppression: How boxes of the same object are left out.
        classes: Names by number; the detector's are among them.
        max_boxes: Most boxes of a sweep.

    Returns:
        N boxes.

    Raises:
        BadCloud: The sweeps have no intensity.
    """
    import torch

    device = next(detector.parameters()).device
    kinds = np.array([classes.index(name) for name in detector.class_names])
    parts: list[FoundBoxes] = []
    for start in range(0, len(sweeps), batch_size):
        rows = range(start, min(start + batch_size, len(sweeps)))
        points = [torch.from_numpy(sweeps.annotated_points(row)).to(device) for row in rows]
        with torch.inference_mode():
            found = detector.found(points, suppression.num_before, min_score)
        for row, groups in zip(rows, found, strict=True):
            boxes, own, scores = _joined(groups, suppression, max_boxes)
            moved = moved_boxes(boxes, sweeps.per_sweep["global_from_lidar"][row])
            parts.append(FoundBoxes(np.full(len(boxes), row), moved, kinds[own], scores))
    return FoundBoxes(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def predicted_boxes(
    detector: CentreDetector,
    sweeps: SweepSplit,
    batch_size: int,
    min_score: float,
    suppression: Suppression,
    rules: DetectionRules,
) -> tuple[Boxes, FloatArray]:
    """Find boxes in sweeps by the rules of nuScenes, with attributes.

    Args:
        detector: As in :func:`found_boxes`, with the four that follow.
        sweeps: See there.
        batch_size: See there.
        min_score: See there.
        suppression: See there.
        rules: Their classes, and the number of boxes that a sweep may have.

    Returns:
        N boxes in the frame of the map, and their (N,) scores.

    Raises:
        BadCloud: The sweeps have no intensity.
    """
    found = found_boxes(detector, sweeps, batch_size, min_score, suppression, rules.classes, rules.max_boxes)
    boxes, attributes = found.boxes, _attributes(found.classes, found.boxes[:, 7:9], rules)
    whole = Boxes(found.sweeps, found.classes, boxes[:, :3], boxes[:, 3:6], boxes[:, 6], boxes[:, 7:9], attributes)
    return whole, found.scores


def _joined(groups: list[Found], suppression: Suppression, most: int) -> tuple[FloatArray, IntArray, FloatArray]:
    """Return the boxes of one sweep that stay, with their classes and scores, the best first."""
    boxes, classes, scores = [], [], []
    for group in groups:
        own = group.boxes.double().cpu().numpy()
        rows = suppression.kept(own)
        boxes.append(own[rows])
        classes.append(group.classes.cpu().numpy()[rows])
        scores.append(group.scores.double().cpu().numpy()[rows])
    every = np.concatenate(scores)
    order = np.argsort(-every, kind="stable")[:most]
    return np.concatenate(boxes)[order], np.concatenate(classes)[order], every[order]


def _attributes(classes: IntArray, velocities: FloatArray, rules: DetectionRules) -> IntArray:
    """Return the (N,) attribute of each box, which its class and its speed decide."""
    table = np.full((len(rules.classes), 2), -1)
    for name, attributes in _ATTRIBUTES.items():
        table[rules.classes.index(name)] = [ATTRIBUTES.index(attribute) for attribute in attributes]
    stands = (np.linalg.norm(velocities, axis=1) <= _SLOWEST).astype(np.int64)
    chosen: IntArray = table[classes, stands]
    return chosen
