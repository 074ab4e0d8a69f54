"""mAP and NDS of a trained detector in LiDAR sweeps, by the rules of nuScenes (CMCR spec 5).

Scenes are what intervals take to be drawn at random and what comparisons are paired over
(:mod:`concord3d.statistics.jackknife`). Velocities need two or more keyframes of a scene; without them their error
is 1.

Shape legend: S sweeps, K classes, T thresholds, G scenes, N boxes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.data.even_spread import even_spread
from concord3d.measures.detection_quality import ClassMatches, DetectionQuality, detection_quality
from concord3d.measures.detection_rules import NUSCENES_DETECTION
from concord3d.protocols.evaluation.judged_boxes import matched_sweeps, required_boxes
from concord3d.protocols.evaluation.predicted_boxes import Suppression, predicted_boxes
from concord3d.protocols.evaluation.results import ProtocolResult, record_from_interval
from concord3d.protocols.evaluation.segmented_sweeps import scenes_of
from concord3d.protocols.evaluation.tested_sweeps import tested_sweeps
from concord3d.protocols.interface import Protocol
from concord3d.statistics.jackknife import jackknife_interval, jackknife_outcomes, numbered_groups

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.statistics.intervals import FloatArray

RULES = NUSCENES_DETECTION


class Settings(StrictModel):
    """Settings of detection; the defaults are those of OpenPCDet's configuration.

    Attributes:
        batch_size: Sweeps per forward pass.
        max_sweeps: So many sweeps of an even spread are tested; null tests all.
        min_score: Boxes of lower scores are left out.
        boxes_before: Best boxes of each group of classes that are compared with each other.
        boxes_after: Of these at most so many are kept.
        suppression: A box is left out for a better one of its group whose rectangle it overlaps (``rectangles``), or
            whose centre is near (``circles``).
        max_overlap: IoU above which ``rectangles`` leaves one out, seen from above.
        min_distance: Metres below which ``circles`` does.
    """

    batch_size: PositiveInt = 4
    max_sweeps: PositiveInt | None = None
    min_score: float = Field(default=0.1, ge=0, lt=1)
    boxes_before: PositiveInt = 1000
    boxes_after: PositiveInt = 83
    suppression: Literal["rectangles", "circles"] = "rectangles"
    max_overlap: float = Field(default=0.2, ge=0, le=1)
    min_distance: float = Field(default=1.0, ge=0)


def qualities(matches: tuple[ClassMatches, ...], scenes: list[str]) -> tuple[DetectionQuality, dict[str, FloatArray]]:
    """Return the quality over all sweeps, and the (G,) outcomes of mAP and NDS.

    Args:
        matches: Of the K classes.
        scenes: (S,) scene of each sweep.
    """
    names, numbers = numbered_groups(scenes)
    whole = detection_quality(matches, RULES)
    without = [detection_quality(matches, RULES, numbers != scene) for scene in range(len(names))]
    outcomes = {
        "map": jackknife_outcomes(whole.mean_ap, [each.mean_ap for each in without]),
        "nds": jackknife_outcomes(whole.score(RULES), [each.score(RULES) for each in without]),
    }
    return whole, outcomes


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure mAP and NDS."""
    from concord3d.models.centre_detector import CentreDetector

    tested = tested_sweeps(job).validated()
    required_boxes(tested, RULES)
    if settings.max_sweeps is not None:
        tested = tested.subset(even_spread(len(tested), settings.max_sweeps, "max_sweeps"))
    detector = job.load_module()
    assert isinstance(detector, CentreDetector)
    told = Suppression(
        settings.boxes_before, settings.boxes_after, settings.suppression, settings.max_overlap, settings.min_distance
    )
    boxes, scores = predicted_boxes(
        detector.eval().to(job.torch_device), tested, settings.batch_size, settings.min_score, told, RULES
    )
    scenes = scenes_of(tested)
    whole, outcomes = qualities(matched_sweeps(tested, boxes, scores, RULES), scenes)
    of_classes = dict(zip(RULES.classes, (100 * whole.precisions.mean(axis=1)).tolist(), strict=True))
    return ProtocolResult(
        tuple(record_from_interval(metric, jackknife_interval(each)) for metric, each in outcomes.items()),
        {f"{metric}__last": each for metric, each in outcomes.items()},
        numbered_groups(scenes)[0],
        {
            "num_sweeps_tested": len(tested),
            "num_scenes_tested": len(set(scenes)),
            "num_boxes_predicted": len(scores),
            "class_ap": of_classes,
            "mean_errors": whole.mean_errors,
        },
        {"precisions": whole.precisions, "errors": np.nan_to_num(whole.errors, nan=-1.0)},
    )


PROTOCOL = Protocol(Settings, run, store="sweeps")
