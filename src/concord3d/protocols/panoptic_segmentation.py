"""Panoptic quality of a trained segmenter of LiDAR sweeps, whose objects are clusters of points (CMCR spec 4.4, 5).

The segmenter names the class of every point. Points of one class of things that lie near each other, seen from above,
are one object. Nothing is trained for it. Scenes are what intervals take to be drawn at random and what comparisons are
paired over, as in :mod:`concord3d.protocols.sweep_segmentation`.

Shape legend: S sweeps, P points, K classes, G scenes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.data.even_spread import even_spread
from concord3d.errors import EvaluationError
from concord3d.geometry.point_clusters import linked_clusters
from concord3d.measures.panoptic_quality import (
    MIN_POINTS,
    Segments,
    panoptic_counts,
    panoptic_quality,
    pq_dagger,
)
from concord3d.measures.sweep_confusion import class_iou, confusion_matrix
from concord3d.protocols.evaluation.results import ProtocolResult, record_from_interval
from concord3d.protocols.evaluation.segmented_sweeps import (
    labelled_sweeps,
    loaded_segmenter,
    predicted_classes,
    scenes_of,
)
from concord3d.protocols.interface import Protocol
from concord3d.statistics.jackknife import group_sums, jackknife_interval, jackknife_outcomes, sums_without_each

if TYPE_CHECKING:
    from concord3d.data.stores.sweeps import Sweep
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.statistics.intervals import FloatArray

IntArray = NDArray[np.int64]


class Settings(StrictModel):
    """Settings of panoptic segmentation.

    Attributes:
        batch_size: Sweeps per forward pass.
        max_sweeps: So many sweeps of an even spread are tested; null tests all.
        num_things: The first so many classes are things, whose objects are told apart; of nuScenes ten.
        reach: Metres from one point of an object to its next one, seen from above.
        min_points: Unmatched segments of fewer points are no errors; 15 for nuScenes.
    """

    batch_size: PositiveInt = 4
    max_sweeps: PositiveInt | None = None
    num_things: PositiveInt = 10
    reach: PositiveFloat = 1.2
    min_points: PositiveInt = MIN_POINTS


def clustered(points: NDArray[np.floating], classes: IntArray, num_things: int, reach: float) -> Segments:
    """Return the objects among points with classes.

    Args:
        points: (P, >=2) x and y first.
        classes: (P,) class of each.
        num_things: The first so many classes have objects; all points of another are one segment.
        reach: Metres from one point of an object to its next one, seen from above.
    """
    numbers = np.zeros(len(classes), np.int64)
    for thing in range(num_things):
        own = np.flatnonzero(classes == thing)
        numbers[own] = linked_clusters(points[own, :2], reach)
    return Segments(classes, numbers)


def true_segments(sweep: Sweep) -> Segments:
    """Return the true segments of a sweep of nuScenes, whose instances are numbered within general categories."""
    return Segments(np.asarray(sweep.labels), np.asarray(sweep.extra["panoptic"], dtype=np.int64))


def qualities(counts: FloatArray, confusions: NDArray[np.generic], num_things: int) -> dict[str, FloatArray]:
    """Return the means over classes, by metric.

    Args:
        counts: (..., K, 4), see :func:`concord3d.measures.panoptic_quality.panoptic_counts`.
        confusions: (..., K, K) points of true (rows) and predicted classes.
        num_things: The first so many classes are things.
    """
    quality = panoptic_quality(counts)
    return {
        "pq": quality.pq.mean(axis=-1),
        "sq": quality.sq.mean(axis=-1),
        "rq": quality.rq.mean(axis=-1),
        "pq_dagger": pq_dagger(quality, class_iou(confusions), num_things),
        "pq_things": quality.pq[..., :num_things].mean(axis=-1),
    }


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure PQ, SQ, RQ and PQ-dagger."""
    segmenter = loaded_segmenter(job)
    tested = labelled_sweeps(job, segmenter)
    if settings.max_sweeps is not None:
        tested = tested.subset(even_spread(len(tested), settings.max_sweeps, "max_sweeps"))
    if "panoptic" not in tested.extra or not np.any(tested.extra["panoptic"]):
        raise EvaluationError(
            "The tested sweeps have no panoptic labels", where=f"{tested.dataset}/{tested.split}",
            next_step="unpack nuScenes-panoptic into the same folder, and make the store again",
        )  # fmt: skip
    scenes, num_classes = scenes_of(tested), segmenter.num_classes
    counts = np.zeros((len(tested), num_classes, 4))
    confusions = np.zeros((len(tested), num_classes, num_classes), np.int64)
    for row, classes in enumerate(predicted_classes(segmenter, tested, settings.batch_size, job.torch_device)):
        sweep = tested.sweep(row)
        found = clustered(sweep.points, classes, settings.num_things, settings.reach)
        counts[row] = panoptic_counts(found, true_segments(sweep), num_classes, settings.min_points)
        confusions[row] = confusion_matrix(classes, np.asarray(sweep.labels), num_classes)
    names, counted = group_sums(counts, scenes)
    confused = group_sums(confusions, scenes)[1]
    whole = qualities(counted.sum(axis=0), confused.sum(axis=0), settings.num_things)
    without = qualities(sums_without_each(counted), sums_without_each(confused), settings.num_things)
    outcomes = {metric: jackknife_outcomes(float(value), without[metric]) for metric, value in whole.items()}
    of_classes = (100 * panoptic_quality(counted.sum(axis=0)).pq).tolist()
    return ProtocolResult(
        tuple(record_from_interval(metric, jackknife_interval(each)) for metric, each in outcomes.items()),
        {f"{metric}__last": each for metric, each in outcomes.items()},
        names,
        {
            "num_sweeps_tested": len(tested),
            "num_scenes_tested": len(names),
            "class_pq": dict(zip(tested.class_names, of_classes, strict=True)),
        },
        {"counts": counts, "sweep_names": np.array(tested.names)},
    )


PROTOCOL = Protocol(Settings, run, store="sweeps")
