"""True boxes and predictions of test sweeps, in the frame of the map, as far as a benchmark judges them (CMCR spec 5).

Shape legend: S sweeps, N boxes, K classes.
"""

from __future__ import annotations

import numpy as np

from concord3d.data.formats.nuscenes_boxes import BICYCLE_RACK
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.data.sweep_boxes import SweepBoxes
from concord3d.errors import EvaluationError
from concord3d.measures.detection_quality import BoolArray, Boxes, ClassMatches, is_judged, matched_classes
from concord3d.measures.detection_rules import DetectionRules
from concord3d.statistics.intervals import FloatArray


def matched_sweeps(
    sweeps: SweepSplit, predicted: Boxes, scores: FloatArray, rules: DetectionRules
) -> tuple[ClassMatches, ...]:
    """Match predictions with the true boxes of sweeps; boxes without a point are no part of the truth.

    Args:
        sweeps: S sweeps with boxes and poses.
        predicted: N predictions in the frame of the map.
        scores: (N,).
        rules: The rules.

    Returns:
        Matches of the K classes.

    Raises:
        EvaluationError: The sweeps have no boxes or other classes, or as
            :func:`concord3d.measures.detection_quality.matched_classes`.
    """
    boxes, vehicles = required_boxes(sweeps, rules), sweeps.per_sweep["global_from_ego"][:, :2, 3]
    racks = _at(boxes, boxes.categories == BICYCLE_RACK)
    truth = _at(boxes, (boxes.classes >= 0) & (boxes.classes < len(rules.classes)) & (boxes.num_points > 0))
    truth = truth.at(is_judged(truth, vehicles, racks, rules))
    kept = is_judged(predicted, vehicles, racks, rules)
    return matched_classes(truth, predicted.at(kept), scores[kept], len(sweeps), rules)


def required_boxes(sweeps: SweepSplit, rules: DetectionRules) -> SweepBoxes:
    """Return the boxes of sweeps.

    Raises:
        EvaluationError: There are none, or the first classes of the sweeps are not those of the rules.
    """
    where = f"{sweeps.dataset}/{sweeps.split}"
    if sweeps.boxes is None:
        raise EvaluationError("The tested sweeps have no boxes", where=where, next_step="read a data set that has them")
    own = sweeps.class_names[: len(rules.classes)]
    if own != rules.classes:
        raise EvaluationError(
            "The tested sweeps have other classes than the benchmark", where=where, expected=", ".join(rules.classes),
            found=", ".join(own),
        )  # fmt: skip
    return sweeps.boxes


def _at(boxes: SweepBoxes, rows: BoolArray) -> Boxes:
    whole = Boxes(
        boxes.sweeps, boxes.classes, boxes.centres, boxes.sizes, boxes.yaws, boxes.velocities, boxes.attributes
    )
    return whole.at(np.flatnonzero(rows))
