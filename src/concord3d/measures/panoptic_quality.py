r"""Panoptic quality: how well segments of points, each of one class, meet the true ones (CMCR spec 5).

A predicted and a true segment of one class match where their IoU is above one half, so that each has at most one match.
With the matches TP and the segments FP and FN without one,

.. math:: SQ = \frac{\sum_{TP} IoU}{|TP|}, \quad RQ = \frac{|TP|}{|TP| + |FP|/2 + |FN|/2}, \quad PQ = SQ \cdot RQ.

Counts are added up over sweeps before anything is divided. A class that is neither predicted nor true has 0, the rule
of the nuScenes devkit.

Shape legend: P points, K classes, U predicted segments, T true segments.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.sweep_confusion import IGNORED
from concord3d.statistics.intervals import FloatArray

IntArray = NDArray[np.int64]
# Unmatched segments of fewer points count nothing, the rule of the nuScenes devkit.
MIN_POINTS = 15
_TP, _FP, _FN, _IOU = range(4)


class Segments(NamedTuple):
    """Points in segments.

    Attributes:
        classes: (P,) class of each point; -1 where a true one has none.
        numbers: (P,) number of each point's segment; points of one class and one number are one segment.
    """

    classes: IntArray
    numbers: IntArray


class Quality(NamedTuple):
    """(..., K) panoptic, segmentation and recognition quality of each class."""

    pq: FloatArray
    sq: FloatArray
    rq: FloatArray


def panoptic_counts(predicted: Segments, truth: Segments, num_classes: int, min_points: int = MIN_POINTS) -> FloatArray:
    """Match the segments of one sweep.

    Args:
        predicted: As predicted; points without a true class are left out of it.
        truth: As it is.
        num_classes: K.
        min_points: Unmatched segments of fewer points are no errors.

    Returns:
        (K, 4) matches, predicted segments without one, true segments without one, sum of the matches' IoU.

    Raises:
        EvaluationError: Shapes differ, or a class does not exist.
    """
    if not predicted.classes.shape == predicted.numbers.shape == truth.classes.shape == truth.numbers.shape:
        raise EvaluationError(
            "Predicted and true segments are of other points",
            expected=truth.classes.shape,
            found=predicted.classes.shape,
        )
    for what, labels, lowest in (("Predicted", predicted.classes, 0), ("True", truth.classes, IGNORED)):
        if labels.size and (labels.min() < lowest or labels.max() >= num_classes):
            raise EvaluationError(
                f"{what} labels lie outside the classes", expected=f"{lowest} to {num_classes - 1}",
                found=(int(labels.min()), int(labels.max())),
            )  # fmt: skip
    counts = np.zeros((num_classes, 4))
    labelled = truth.classes != IGNORED
    if not labelled.any():
        return counts
    (own, of_own, own_size), (true, of_true, true_size) = _numbered(predicted, labelled), _numbered(truth, labelled)
    pair, both = np.unique(of_own * len(true) + of_true, return_counts=True)
    mine, theirs = pair // len(true), pair % len(true)
    iou = both / (own_size[mine] + true_size[theirs] - both)
    matched = (own[mine] == true[theirs]) & (iou > 0.5)
    np.add.at(counts[:, _TP], own[mine[matched]], 1)
    np.add.at(counts[:, _IOU], own[mine[matched]], iou[matched])
    for column, classes, sizes, taken in ((_FP, own, own_size, mine[matched]), (_FN, true, true_size, theirs[matched])):
        alone = sizes >= min_points
        alone[taken] = False
        np.add.at(counts[:, column], classes[alone], 1)
    return counts


def _numbered(segments: Segments, labelled: NDArray[np.bool_]) -> tuple[IntArray, IntArray, IntArray]:
    """Return the (U,) class of each segment of labelled points, the segment of each point, and (U,) sizes."""
    rows = np.column_stack([segments.classes[labelled], segments.numbers[labelled]])
    found, inverse, sizes = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return found[:, 0], inverse.reshape(-1), sizes


def panoptic_quality(counts: FloatArray) -> Quality:
    """Return the quality of each class, from (..., K, 4) counts of :func:`panoptic_counts`, added up."""
    tp, fp, fn, iou = (counts[..., column] for column in range(4))
    sq = np.divide(iou, tp, out=np.zeros(tp.shape), where=tp > 0)
    segments = tp + fp / 2 + fn / 2
    rq = np.divide(tp, segments, out=np.zeros(tp.shape), where=segments > 0)
    return Quality(sq * rq, sq, rq)


def pq_dagger(quality: Quality, ious: FloatArray, num_things: int) -> FloatArray:
    """Return (...) the mean over classes of PQ for things and of IoU for all others.

    Args:
        quality: (..., K).
        ious: (..., K) IoU of each class; NaN counts 0.
        num_things: The first so many classes are things.
    """
    return np.asarray(np.where(np.arange(ious.shape[-1]) < num_things, quality.pq, np.nan_to_num(ious)).mean(axis=-1))
