r"""Outcomes per group of items for a number that is no mean of items, such as mIoU, PQ or mAP.

Let :math:`\theta` be the number over all G groups, and :math:`\theta_{-g}` the number without group g. Then

.. math:: y_g = \theta + (G - 1) (\bar\theta_{-} - \theta_{-g})

have the mean :math:`\theta`, and the variance of their mean over G independent groups is the jackknife's variance of
:math:`\theta`. They are what a mean has by itself, where :math:`y_g` is the group's own outcome. So such a number is
paired, averaged over seeds and compared like any mean of items (:mod:`concord3d.statistics.joint_means`).

The jackknife's variance is never too small in expectation (Efron and Stein, Annals of Statistics 9, 1981). It is for
smooth functions of sums, not for medians.

Shape legend: N items, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import FloatArray, Interval, checked_outcomes
from concord3d.statistics.joint_means import Uncertainty

_Number = TypeVar("_Number", bound=np.generic)


def jackknife_outcomes(value: float, without: ArrayLike) -> FloatArray:
    """Return outcomes per group whose mean is a number, and whose spread gives its variance.

    Args:
        value: The number over all groups.
        without: (G,) the number without each group.

    Returns:
        (G,).

    Raises:
        EvaluationError: One group alone, or numbers that are not finite.

    Example:
        >>> jackknife_outcomes(2.0, [2.5, 2.0, 1.5]).tolist()  # the mean of 1, 2 and 3
        [1.0, 2.0, 3.0]
    """
    values = checked_outcomes(without, "jackknife", 1)
    if len(values) < 2:
        raise EvaluationError("One group has no spread", expected="two or more", found=len(values))
    return np.asarray(value + (len(values) - 1) * (values.mean() - values))


def numbered_groups(groups: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the G groups in the order of their first item, and the (N,) number of each item's group."""
    place = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    return tuple(place), np.array([place[name] for name in groups], dtype=np.int64)


def group_sums(values: NDArray[_Number], groups: Sequence[str]) -> tuple[tuple[str, ...], NDArray[_Number]]:
    """Return the G groups in the order of their first item, and (G, ...) sums over the items of each.

    Args:
        values: (N, ...) of each item.
        groups: (N,) name of the group of each item.

    Example:
        >>> group_sums(np.array([1, 2, 4]), ["a", "b", "a"])
        (('a', 'b'), array([5, 2]))
    """
    names, numbers = numbered_groups(groups)
    sums = np.zeros((len(names), *values.shape[1:]), dtype=values.dtype)
    np.add.at(sums, numbers, values)
    return names, sums


def sums_without_each(sums: NDArray[_Number]) -> NDArray[_Number]:
    """Return (G, ...) sums over all groups but each, of the (G, ...) sums of the groups."""
    return np.asarray(np.subtract(sums.sum(axis=0), sums), dtype=sums.dtype)


def jackknife_interval(outcomes: ArrayLike) -> Interval:
    """Return the number that the outcomes of groups stand for, a fraction, with Wilson's 95 % interval.

    Args:
        outcomes: (G,) of :func:`jackknife_outcomes`.

    Raises:
        EvaluationError: One group alone.
    """
    values = checked_outcomes(outcomes, "jackknife", 1)
    if len(values) < 2:
        raise EvaluationError("One group has no spread", expected="two or more", found=len(values))
    value = float(values.mean())
    uncertainty = Uncertainty(float(values.var(ddof=1)) / len(values), len(values) - 1)
    low, high = uncertainty.proportion_ends(min(max(value, 0.0), 1.0), len(values))
    return Interval(value, min(low, value), max(high, value), len(values), 1, "items")
