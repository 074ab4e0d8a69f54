"""The bootstrap over the test items of one training.

Shape legend: S test items, B bootstrap resamples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from concord3d.statistics.intervals import FloatArray, Interval, check_confidence, checked_outcomes

NUM_RESAMPLES = 10_000
_CHUNK = 500
# Items drawn at once: some tens of megabytes.
_CHUNK_ITEMS = 1 << 22


def bootstrap_mean_interval(
    outcomes: ArrayLike, confidence: float = 0.95, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> Interval:
    """Return the mean outcome with its percentile bootstrap interval.

    Args:
        outcomes: (S,).
        confidence: Level in (0, 1).
        num_resamples: B.
        seed: Seed of the resampling.

    Raises:
        EvaluationError: Empty, not finite, or not one-dimensional.
    """
    check_confidence(confidence)
    array = checked_outcomes(outcomes, "bootstrap", 1)
    samples = bootstrap_means(array, num_resamples, seed)
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(array.mean()), float(low), float(high), len(array), 1, "items")


def bootstrap_means(outcomes: FloatArray, num_resamples: int = NUM_RESAMPLES, seed: int = 0) -> FloatArray:
    """Draw the bootstrap of the mean outcome.

    Args:
        outcomes: (S,).
        num_resamples: B.
        seed: Seed of the resampling.

    Returns:
        (B,) float64 means.
    """
    num_items = len(outcomes)
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[1])
    # Items with the same outcome are interchangeable, and right-or-wrong outcomes have two values.
    patterns, pattern_of, counts = np.unique(outcomes[:, None], axis=0, return_inverse=True, return_counts=True)
    means = np.empty((num_resamples, 1))
    step = max(1, min(_CHUNK, _CHUNK_ITEMS // num_items))
    for start in range(0, num_resamples, step):
        rows = slice(start, min(start + step, num_resamples))
        drawn_counts = _drawn_counts(rng, rows.stop - rows.start, counts, pattern_of)
        means[rows] = drawn_counts @ patterns / num_items
    return means[:, 0]


def _drawn_counts(
    rng: np.random.Generator, num_rows: int, counts: NDArray[np.int64], pattern_of: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Draw items with replacement and return (num_rows, P) how often each of the P patterns occurs.

    Drawing the counts themselves is much faster where the patterns are few, drawing items where they are many.
    """
    num_items = len(pattern_of)
    if 10 * len(counts) < num_items:
        return rng.multinomial(num_items, counts / num_items, size=num_rows)
    items = rng.integers(num_items, size=(num_rows, num_items))
    place = pattern_of[items] + np.arange(num_rows)[:, None] * len(counts)
    return np.bincount(place.ravel(), minlength=num_rows * len(counts)).reshape(num_rows, len(counts))
