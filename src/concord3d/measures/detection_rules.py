"""What the detection benchmark of nuScenes asks for: classes, ranges, thresholds, and what is not judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

ERRORS = ("translation", "scale", "orientation", "velocity", "attribute")


@dataclass(frozen=True)
class DetectionRules:
    """The rules of one benchmark; K classes.

    Attributes:
        classes: K names.
        ranges: K distances in metres from the vehicle, seen from above; what lies farther away is not judged.
        thresholds: Distances in metres of two centres, below which a prediction may be right.
        error_threshold: That one of them at which errors of right predictions are measured.
        half_turns: Classes whose front cannot be told from their back.
        not_judged: Names of errors by class that mean nothing for it.
        in_racks: Classes that are not judged inside of a rack for bicycles.
        min_recall: Recalls up to this one count nothing.
        min_precision: What a precision lies above this is counted.
        max_boxes: Predictions of one sweep.
        ap_weight: Weight of mAP beside the five errors.
    """

    classes: tuple[str, ...]
    ranges: tuple[float, ...]
    thresholds: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    error_threshold: float = 2.0
    half_turns: frozenset[str] = frozenset()
    not_judged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    in_racks: frozenset[str] = frozenset()
    min_recall: float = 0.1
    min_precision: float = 0.1
    max_boxes: int = 500
    ap_weight: int = 5

    def period(self, number: int) -> float:
        """Return the angle in radians after which a box of a class looks the same."""
        return np.pi if self.classes[number] in self.half_turns else 2 * np.pi


# Source: CMCR spec 5, the configuration detection_cvpr_2019.
NUSCENES_DETECTION = DetectionRules(
    classes=(
        "barrier", "bicycle", "bus", "car", "construction_vehicle", "motorcycle", "pedestrian", "traffic_cone",
        "trailer", "truck",
    ),
    ranges=(30.0, 40.0, 50.0, 50.0, 50.0, 40.0, 40.0, 30.0, 50.0, 50.0),
    half_turns=frozenset({"barrier"}),
    not_judged={"barrier": ("velocity", "attribute"), "traffic_cone": ("orientation", "velocity", "attribute")},
    in_racks=frozenset({"bicycle", "motorcycle"}),
)  # fmt: skip
