"""Intersection over union of the classes of blocks, added up over everything that was tested before it is
divided (MM-Point spec 6.5).

Shape legend: S blocks, P points per block, C classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.statistics.bootstrap import NUM_RESAMPLES
from concord3d.statistics.intervals import Interval

IntArray = NDArray[np.int64]


def block_counts(predicted: IntArray, truth: IntArray, num_classes: int) -> tuple[IntArray, IntArray]:
    """Return intersections and unions per block and class.

    Args:
        predicted: (S, P).
        truth: (S, P).
        num_classes: C.

    Returns:
        Two (S, C) int64 arrays of points.

    Raises:
        EvaluationError: Shapes differ, or there are no blocks.
    """
    if predicted.shape != truth.shape or truth.size == 0:
        raise EvaluationError("Predicted and true classes differ in shape", expected=truth.shape, found=predicted.shape)
    classes = range(num_classes)
    inter = np.stack([((predicted == c) & (truth == c)).sum(axis=1) for c in classes], axis=1)
    union = np.stack([((predicted == c) | (truth == c)).sum(axis=1) for c in classes], axis=1)
    return inter.astype(np.int64), union.astype(np.int64)


def accumulated_iou(inter: NDArray[np.int64], union: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (..., C) intersection over union of accumulated (..., C) counts; NaN where the union is empty."""
    return np.divide(inter, union, out=np.full(np.shape(union), np.nan), where=np.asarray(union) > 0)


def miou_interval(
    inter: IntArray, union: IntArray, rooms: tuple[str, ...], num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> Interval:
    """Return the mean IoU over classes with a 95 % interval from resampled rooms.

    Args:
        inter: (S, C) intersections per block.
        union: (S, C) unions per block.
        rooms: (S,) room of each block.
        num_resamples: Resamples.
        seed: Seed of the resampling.

    Raises:
        EvaluationError: No class occurs.
    """
    value = accumulated_iou(inter.sum(axis=0), union.sum(axis=0))
    if np.isnan(value).all():
        raise EvaluationError("No class occurs in the tested blocks", expected="at least one labelled point", found=0)
    names, index = np.unique(np.array(rooms), return_inverse=True)
    by_room = np.zeros((2, len(names), inter.shape[1]))
    np.add.at(by_room[0], index, inter)
    np.add.at(by_room[1], index, union)
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), num_resamples)
    samples = np.nanmean(accumulated_iou(draws @ by_room[0], draws @ by_room[1]), axis=1)
    low, high = np.quantile(samples, [0.025, 0.975])
    # A class of few rooms is missing from most resamples, which moves them all to one side of the value.
    mean = float(np.nanmean(value))
    return Interval(mean, min(float(low), mean), max(float(high), mean), len(inter), 1, "rooms")
