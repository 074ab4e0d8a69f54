"""The hierarchical bootstrap over test items and training seeds: means of several arms, and any function of them.

Shape legend: A arms (configurations), R training seeds, S test items, B bootstrap resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import FloatArray, Interval, binomial_interval, check_confidence, checked_outcomes
from concord3d.statistics.seed_spread import SeedSpread

NUM_RESAMPLES = 10_000
_CHUNK = 500
# Items drawn at once: some tens of megabytes.
_CHUNK_ITEMS = 1 << 22


def bootstrap_means(
    outcomes: ArrayLike,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
    item_stream: int = 0,
    deviations: FloatArray | None = None,
) -> FloatArray:
    """Draw the joint hierarchical bootstrap of the mean outcome of several arms.

    Every resample draws one set of test items and one deviation of the seeds' mean per arm, so differences between
    arms are paired. The deviation of seeds is parametric (:class:`SeedSpread`): drawing R seeds again would cover the
    truth in 60 % of cases at R = 2 and in 80 % at R = 3, where seeds alone differ. With one seed only the items vary.

    Args:
        outcomes: (A, R, S) fractions.
        num_resamples: B.
        seed: Seed of the resampling.
        item_stream: Calls with other numbers draw their items independently, as two data sets must be.
        deviations: (B, A) drawn deviations of the seeds' mean, from a spread that more arms than these tell of; None
            draws them from these arms' own spread.

    Returns:
        (B, A) float64 means.

    Raises:
        EvaluationError: Empty, not finite, or not three-dimensional.
    """
    array = checked_outcomes(outcomes, "bootstrap", 3)
    num_arms, _, num_items = array.shape
    children = np.random.SeedSequence(seed).spawn(2 + item_stream)
    item_rng = np.random.default_rng(children[1 + item_stream])
    if deviations is None:
        deviations = _own_deviations(array.mean(axis=2), num_resamples, np.random.default_rng(children[0]))
    # Items with the same outcomes everywhere are interchangeable, and right-or-wrong outcomes have few such patterns.
    mean_by_item = array.mean(axis=1).T
    patterns, pattern_of, counts = np.unique(mean_by_item, axis=0, return_inverse=True, return_counts=True)
    means = np.empty((num_resamples, num_arms))
    step = max(1, min(_CHUNK, _CHUNK_ITEMS // num_items))
    for start in range(0, num_resamples, step):
        rows = slice(start, min(start + step, num_resamples))
        drawn_counts = _drawn_counts(item_rng, rows.stop - rows.start, counts, pattern_of)
        means[rows] = drawn_counts @ patterns / num_items + deviations[rows]
    return means


def _own_deviations(seed_means: FloatArray, num_resamples: int, rng: np.random.Generator) -> FloatArray:
    num_arms, num_seeds = seed_means.shape
    if num_seeds == 1:
        return np.zeros((num_resamples, num_arms))
    return SeedSpread.of(seed_means[:, :, None]).draw(num_arms, num_resamples, rng)[:, :, 0]


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


def _percentiles(samples: FloatArray, confidence: float) -> tuple[float, float]:
    check_confidence(confidence)
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def statistic_interval(
    statistic: Callable[[FloatArray], FloatArray],
    outcomes: ArrayLike,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
    deviations: FloatArray | None = None,
) -> Interval:
    """Return the bootstrap interval of any function of the arms' means.

    Args:
        statistic: Maps (B, A) means to (B,) numbers, e.g. ``lambda m: m[:, 0] - m[:, 1:].max(axis=1)``.
        outcomes: (A, R, S) fractions; items and seeds are shared by the arms.
        confidence: Level in (0, 1).
        num_resamples: B.
        seed: Seed of the resampling.
        deviations: (B, A), see :func:`bootstrap_means`.
    """
    array = checked_outcomes(outcomes, "interval of a statistic", 3)
    value = float(statistic(array.mean(axis=(1, 2))[None])[0])
    samples = statistic(bootstrap_means(array, num_resamples, seed, deviations=deviations))
    low, high = _percentiles(samples, confidence)
    basis = "items and seeds" if array.shape[1] > 1 else "items"
    return Interval(value, low, high, array.shape[2], array.shape[1], basis)


def bootstrap_mean_interval(
    outcomes: ArrayLike,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
    deviations: FloatArray | None = None,
) -> Interval:
    """Return the mean outcome of one arm with its percentile bootstrap interval.

    Args:
        outcomes: (S,) for one seed, or (R, S).
        confidence: Level in (0, 1).
        num_resamples: B.
        seed: Seed of the resampling.
        deviations: (B,) drawn deviations of the seeds' mean; None draws them from these seeds alone.
    """
    array = np.atleast_2d(np.asarray(outcomes, dtype=np.float64))
    drawn = None if deviations is None else deviations[:, None]
    return statistic_interval(lambda means: means[:, 0], array[None], confidence, num_resamples, seed, drawn)


def proportion_interval(
    outcomes: ArrayLike,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    deviations: FloatArray | None = None,
) -> Interval:
    """Return the mean of outcomes in [0, 1] with its bootstrap interval; where all are 0 or all 1, at least Wilson's.

    Args:
        outcomes: (S,) for one seed, or (R, S).
        confidence: Level in (0, 1).
        num_resamples: B.
        deviations: (B,), see :func:`bootstrap_mean_interval`.
    """
    found = bootstrap_mean_interval(outcomes, confidence, num_resamples, deviations=deviations)
    if found.value in (0.0, 1.0):
        wilson = binomial_interval(int(found.value) * found.num_items, found.num_items, confidence)
        return replace(found, low=min(found.low, wilson.low), high=max(found.high, wilson.high))
    return found


def _rank_correlation(x: FloatArray, rows: FloatArray) -> FloatArray:
    """Return (B,) Spearman correlation of ``x`` (A,) with every row of ``rows`` (B, A); 0 where a row is constant."""
    x_ranks = scipy.stats.rankdata(x)
    y_ranks = scipy.stats.rankdata(rows, axis=1)
    x_centred = x_ranks - x_ranks.mean()
    y_centred = y_ranks - y_ranks.mean(axis=1, keepdims=True)
    norm = np.sqrt((x_centred**2).sum() * (y_centred**2).sum(axis=1))
    return np.divide(y_centred @ x_centred, norm, out=np.zeros(len(rows)), where=norm > 0)


def spearman_interval(
    x: ArrayLike,
    outcomes: ArrayLike,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
    deviations: FloatArray | None = None,
) -> Interval:
    """Return Spearman's rho between a setting and the mean outcome at it, bootstrapped over items and seeds.

    Args:
        x: (A,) value of the setting, e.g. the number of views.
        outcomes: (A, R, S) outcomes at each value.
        confidence: Level in (0, 1).
        num_resamples: B.
        seed: Seed of the resampling.
        deviations: (B, A), see :func:`bootstrap_means`.

    Raises:
        EvaluationError: Fewer than three values, or a constant setting.
    """
    settings = checked_outcomes(x, "rank correlation", 1)
    array = checked_outcomes(outcomes, "rank correlation", 3)
    if len(settings) < 3 or len(settings) != len(array) or np.ptp(settings) == 0:
        raise EvaluationError(
            "A rank correlation needs at least three different settings, one per arm",
            expected=f"{len(array)} settings",
            found=settings.tolist(),
        )
    return statistic_interval(
        lambda means: _rank_correlation(settings, means), array, confidence, num_resamples, seed, deviations
    )
