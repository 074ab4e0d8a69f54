"""Segmentation of sweeps by confusion matrices: mean and frequency-weighted IoU, and the accuracy of points.

Matrices are added up over everything that was tested before anything is divided. Rows are true classes, columns
predicted ones; points without a true class do not count.

Shape legend: P points, K classes, S sweeps, G scenes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import FloatArray
from concord3d.statistics.jackknife import group_sums, jackknife_outcomes, sums_without_each

IGNORED = -1
# What a class counts that is neither predicted nor true: 1, as in the released code, or nothing, as in the devkit.
AbsentClass = Literal["one", "left_out"]
IntArray = NDArray[np.int64]
Measure = Callable[[NDArray[np.generic]], FloatArray]


def confusion_matrix(predicted: IntArray, truth: IntArray, num_classes: int) -> IntArray:
    """Count the points of each true and each predicted class.

    Args:
        predicted: (P,) class of each point.
        truth: (P,) class of each point, -1 where it has none.
        num_classes: K.

    Returns:
        (K, K) int64, true classes in rows.

    Raises:
        EvaluationError: Shapes differ, or a label is no class.

    Example:
        >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, -1]), 2).tolist()
        [[1, 1], [0, 0]]
    """
    if predicted.shape != truth.shape:
        raise EvaluationError("Predicted and true classes differ in shape", expected=truth.shape, found=predicted.shape)
    for what, labels, lowest in (("Predicted", predicted, 0), ("True", truth, IGNORED)):
        if labels.size and (labels.min() < lowest or labels.max() >= num_classes):
            raise EvaluationError(
                f"{what} labels lie outside the classes",
                expected=f"{lowest} to {num_classes - 1}",
                found=(int(labels.min()), int(labels.max())),
            )
    counted = truth != IGNORED
    pairs = num_classes * truth[counted].astype(np.int64) + predicted[counted]
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def class_iou(confusion: NDArray[np.generic]) -> FloatArray:
    """Return (..., K) intersection over union of (..., K, K) matrices; NaN for a class neither predicted nor true."""
    counts = confusion.astype(np.float64)
    inter = np.diagonal(counts, axis1=-2, axis2=-1)
    union = counts.sum(axis=-1) + counts.sum(axis=-2) - inter
    return np.divide(inter, union, out=np.full(union.shape, np.nan), where=union > 0)


def mean_iou(
    confusion: NDArray[np.generic], absent: AbsentClass = "one", occurring: NDArray[np.bool_] | None = None
) -> FloatArray:
    """Return (...) mean IoU over the classes of (..., K, K) matrices.

    Args:
        confusion: The matrices; a point in each.
        absent: What a class counts that is neither predicted nor true: ``one``, the rule of the released code, or
            nothing (``left_out``), the rule of the nuScenes devkit.
        occurring: (K,) classes that occur in the whole of which the matrices are a part; where a part has none of them
            they count 0.

    Source: CMCR spec 5.
    """
    ious = class_iou(confusion)
    if occurring is not None:
        ious = np.where(np.isnan(ious) & occurring, 0.0, ious)
    if absent == "one":
        return np.asarray(np.where(np.isnan(ious), 1.0, ious).mean(axis=-1))
    return np.asarray(np.nanmean(ious, axis=-1))


def frequency_weighted_iou(confusion: NDArray[np.generic]) -> FloatArray:
    """Return (...) IoU averaged by how many points each class has, of (..., K, K) matrices; 0 without points."""
    of_class = confusion.astype(np.float64).sum(axis=-1)
    total = of_class.sum(axis=-1)
    weighted = (of_class * np.nan_to_num(class_iou(confusion))).sum(axis=-1)
    return np.divide(weighted, total, out=np.zeros(np.shape(total)), where=total > 0)


def point_accuracy(confusion: NDArray[np.generic]) -> FloatArray:
    """Return (...) the share of points whose class is right, of (..., K, K) matrices; 0 without points."""
    right = np.trace(confusion, axis1=-2, axis2=-1).astype(np.float64)
    total = confusion.sum(axis=(-2, -1)).astype(np.float64)
    return np.divide(right, total, out=np.zeros(np.shape(total)), where=total > 0)


@dataclass(frozen=True)
class SceneConfusions:
    """Confusion matrices of scenes, which are what is taken to be drawn at random.

    Attributes:
        names: (G,) scenes.
        sums: (G, K, K) int64 matrix of each, added up over its sweeps.
    """

    names: tuple[str, ...]
    sums: IntArray

    @classmethod
    def of(cls, confusions: IntArray, scenes: Sequence[str]) -> SceneConfusions:
        """Add up the matrices of the sweeps of each scene.

        Args:
            confusions: (S, K, K) matrix of each sweep.
            scenes: (S,) scene of each sweep.

        Raises:
            EvaluationError: No point of any sweep has a class.
        """
        if not confusions.any():
            raise EvaluationError(
                "No tested point has a class", expected="labelled points", found=f"{len(scenes)} sweeps"
            )
        return cls(*group_sums(confusions.astype(np.int64), scenes))

    @property
    def total(self) -> IntArray:
        """(K, K) int64 matrix of everything."""
        return np.asarray(self.sums.sum(axis=0))

    def outcomes(self, measure: Measure) -> FloatArray:
        """Return (G,) outcomes per scene whose mean is a measure, and whose spread gives its variance.

        Args:
            measure: Maps (..., K, K) matrices to (...) numbers.

        Raises:
            EvaluationError: There is one scene alone.
        """
        return jackknife_outcomes(float(measure(self.total)), measure(sums_without_each(self.sums)))

    def miou_outcomes(self, absent: AbsentClass = "one") -> FloatArray:
        """Return (G,) outcomes per scene whose mean is the mean IoU, and whose spread gives its variance.

        Without the only scene that has a class, this class counts 0, so that its IoU is as uncertain as it is large:
        one scene says nothing of its spread (docs/STATISTICS.md has the coverage).

        Args:
            absent: See :func:`mean_iou`.

        Raises:
            EvaluationError: There is one scene alone.
        """
        occurring = ~np.isnan(class_iou(self.total))
        return self.outcomes(lambda sums: mean_iou(sums, absent, occurring))
