"""Intervals of one measured number: of a proportion, of a mean over seeds or over classes, and of a median.

Shape legend: R training seeds, S test items. Outcomes are fractions (a correct answer is 1.0, an IoU is in [0, 1]);
callers scale to percent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from concord3d.errors import EvaluationError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A point estimate with a confidence interval and what it rests on.

    Attributes:
        value: The estimate on the data as they are.
        low: Lower end.
        high: Upper end.
        num_items: Test items behind it.
        num_seeds: Training seeds behind it.
        basis: What was treated as random: ``items``, ``seeds`` or ``items and seeds``.
    """

    value: float
    low: float
    high: float
    num_items: int
    num_seeds: int
    basis: str

    def scaled(self, factor: float) -> Interval:
        """Return the interval in another unit, e.g. ``scaled(100)`` for percent."""
        return Interval(
            self.value * factor, self.low * factor, self.high * factor, self.num_items, self.num_seeds, self.basis
        )


def checked_outcomes(values: ArrayLike, what: str, num_dims: int) -> FloatArray:
    """Return outcomes as a float64 array.

    Args:
        values: The outcomes.
        what: What they are for, for the message.
        num_dims: Dimensions that the array must have.

    Raises:
        EvaluationError: No outcomes, a wrong number of dimensions, or values that are not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != num_dims or array.size == 0:
        raise EvaluationError(
            f"{what}: no outcomes, or a wrong shape", expected=f"{num_dims} dimensions, not empty", found=array.shape
        )
    if not np.isfinite(array).all():
        raise EvaluationError(
            f"{what}: outcomes that are not finite",
            expected="finite numbers",
            found=f"{int((~np.isfinite(array)).sum())} of {array.size} are NaN or infinite",
        )
    return array


def check_confidence(confidence: float) -> None:
    """Raise EvaluationError unless a confidence level lies strictly between 0 and 1."""
    if not 0 < confidence < 1:
        raise EvaluationError("A confidence level must lie strictly between 0 and 1", found=confidence)


def binomial_interval(
    num_successes: int, num_trials: int, confidence: float = 0.95, method: Literal["wilson", "exact"] = "wilson"
) -> Interval:
    """Return the interval of a proportion.

    Args:
        num_successes: Correct items.
        num_trials: All items, at least 1.
        confidence: Level in (0, 1).
        method: ``wilson`` (score interval) or ``exact`` (Clopper-Pearson).

    Raises:
        EvaluationError: No items, or more successes than items.
    """
    check_confidence(confidence)
    if num_trials < 1 or not 0 <= num_successes <= num_trials:
        raise EvaluationError(
            "A proportion needs at least one item",
            expected="0 <= successes <= trials",
            found=(num_successes, num_trials),
        )
    bounds = scipy.stats.binomtest(int(num_successes), int(num_trials)).proportion_ci(confidence, method=method)
    return Interval(num_successes / num_trials, float(bounds.low), float(bounds.high), int(num_trials), 1, "items")


def seed_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the mean over seeds, of trainings or of draws, with Student's t interval.

    Args:
        values: (R,) one number per seed.
        confidence: Level in (0, 1).

    Raises:
        EvaluationError: Fewer than two seeds, which carry no spread.
    """
    check_confidence(confidence)
    array = checked_outcomes(values, "interval over seeds", 1)
    if len(array) < 2:
        raise EvaluationError(
            "One seed has no spread",
            expected="at least 2 seeds",
            found=len(array),
            next_step="use an interval over the test items",
        )
    half = float(scipy.stats.t.ppf(0.5 + confidence / 2, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array)))
    mean = float(array.mean())
    return Interval(mean, mean - half, mean + half, 0, len(array), "seeds")


def class_mean_interval(outcomes: ArrayLike, classes: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the mean over classes of the mean outcome in each class, with a normal interval over the items.

    The variance of a class is that of a proportion to which one success and one failure were added, which bounds that
    of any outcomes in [0, 1]. Resampling inside the classes would take a class of a single item for certain.

    Args:
        outcomes: (S,) outcomes in [0, 1].
        classes: (S,) class of each item; classes without items do not count.
        confidence: Level in (0, 1).
    """
    check_confidence(confidence)
    values = checked_outcomes(outcomes, "mean over classes", 1)
    groups = np.asarray(classes)
    if groups.shape != values.shape:
        raise EvaluationError("Outcomes and classes differ in number", expected=values.shape, found=groups.shape)
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.bincount(index, weights=values)
    value, bounded = float((sums / counts).mean()), (sums + 1) / (counts + 2)
    error = float(np.sqrt((bounded * (1 - bounded) / counts).sum())) / len(counts)
    half = float(scipy.stats.norm.ppf(0.5 + confidence / 2)) * error
    return Interval(value, max(value - half, 0.0), min(value + half, 1.0), len(values), 1, "items")


def class_mean_outcomes(outcomes: ArrayLike, classes: ArrayLike) -> FloatArray:
    """Return outcomes per item whose mean is the mean over classes, and whose spread gives its variance.

    These are the linear parts of the mean over classes: the variance of their mean over S independent items is that of
    the mean over classes with its classes and their sizes given. Classes of a single item are taken together, since
    one item has no spread.

    Args:
        outcomes: (S,) outcomes in [0, 1].
        classes: (S,) class of each item.

    Returns:
        (S,).
    """
    values = checked_outcomes(outcomes, "mean over classes", 1)
    groups = np.asarray(classes)
    if groups.shape != values.shape:
        raise EvaluationError("Outcomes and classes differ in number", expected=values.shape, found=groups.shape)
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    value = float((np.bincount(index, weights=values) / counts).mean())
    weight = len(values) / (len(counts) * counts[index])
    _, stratum = np.unique(np.where(counts[index] == 1, -1, index), return_inverse=True)
    sizes = np.bincount(stratum)
    centred = values - (np.bincount(stratum, weights=values) / sizes)[stratum]
    # Deviations from a mean of n items are too small by this factor.
    stretch = np.sqrt(sizes / np.maximum(sizes - 1, 1))[stratum]
    return np.asarray(value + weight * centred * stretch)


def median_interval(values: FloatArray, confidence: float = 0.95) -> Interval:
    """Return the median with the interval between two order statistics (no assumption on the distribution).

    Args:
        values: (S,) finite, not empty.
        confidence: At least this much of the time the interval holds the true median, if there are enough values.
    """
    ordered = np.sort(values)
    lower = max(int(scipy.stats.binom.ppf((1 - confidence) / 2, len(ordered), 0.5)) - 1, 0)
    low, high = float(ordered[lower]), float(ordered[len(ordered) - 1 - lower])
    return Interval(float(np.median(ordered)), low, high, len(ordered), 1, "items")
