r"""Means of several numbers over items and seeds, with their joint uncertainty, and intervals of combinations of them.

**Variance.** Of :math:`\sum_l w_l \bar y_l` it is :math:`V = w^T (C_{items} + C_{seeds}) w`. C_items is the covariance
over items of the outcomes averaged over seeds, divided by the number of items; it holds the interaction of items and
seeds once. C_seeds comes from :class:`concord3d.statistics.seed_spread.SeedSpread`, from which that interaction is
subtracted.

**An estimate of the seeds' part below zero.** Where seeds hardly matter, it is below zero about every second time.
To set it to zero makes intervals too wide (they cover up to 97 %), to keep it makes them too narrow where degrees of
freedom are few. Half of it is kept, and V is at least half of the items' part: coverage stays between 94 and 96 % from
five degrees of freedom on (``python -m benchmarks.interval_coverage``).

**Degrees of freedom** are Satterthwaite's: of :math:`V = \sum_j V_j`, with :math:`V_j` proportional to a mean square
of :math:`\nu_j` degrees of freedom, :math:`\nu = V^2 / \sum_j V_j^2 / \nu_j`. For the seeds, :math:`V_j` is taken with
the noise of items that is subtracted from it, since this is what varies from one estimate to the next. Where the
seeds' part is not above zero, only the items' count. (Satterthwaite, Biometrics Bulletin 2, 1946.)

Shape legend: L numbers, S items, B draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy
from numpy.typing import ArrayLike

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import FloatArray, check_confidence, checked_outcomes
from concord3d.statistics.seed_spread import SeedPart

NUM_DRAWS = 10_000
# Share of a negative estimate of the seeds' part that is kept.
_KEPT_BELOW_ZERO = 0.5
# A t distribution with more is the normal one.
_MANY = 1e6


@dataclass(frozen=True)
class Uncertainty:
    """The variance of an estimate, and how well it is known.

    Attributes:
        variance: Of the estimate.
        freedom: Degrees of freedom of the variance.
    """

    variance: float
    freedom: float

    def _quantile(self, probability: float) -> float:
        return float(scipy.special.stdtrit(self.freedom, probability))

    def ends(self, value: float, confidence: float = 0.95) -> tuple[float, float]:
        """Return both ends of the interval of a value, by Student's t."""
        check_confidence(confidence)
        half = self._quantile(0.5 + confidence / 2) * float(np.sqrt(self.variance))
        return value - half, value + half

    def proportion_ends(self, value: float, num_items: int, confidence: float = 0.95) -> tuple[float, float]:
        """Return both ends of Wilson's interval of a mean of outcomes in [0, 1].

        A proportion p of n independent items has the variance p (1 - p) / n, so the variance of the estimate stands for
        n = p (1 - p) / V of them, whatever clustering or spread it holds; Student's quantile takes the place of the
        normal one. (Franco, Little, Louis and Slud, Journal of Survey Statistics and Methodology 7, 2019.)

        Args:
            value: In [0, 1].
            num_items: Items behind it, which count where the outcomes do not vary at all.
            confidence: Level in (0, 1).
        """
        check_confidence(confidence)
        spread = value * (1 - value)
        if self.variance > 0 and spread > 0:
            effective = spread / self.variance
        elif spread > 0:
            return value, value
        else:
            effective = num_items
        squared = self._quantile(0.5 + confidence / 2) ** 2
        centre = (value + squared / (2 * effective)) / (1 + squared / effective)
        half = float(np.sqrt(squared * (spread / effective + squared / (4 * effective**2)))) / (1 + squared / effective)
        return min(max(centre - half, 0.0), value), max(min(centre + half, 1.0), value)

    def detectable(self, confidence: float = 0.95, power: float = 0.8) -> float:
        """Return the smallest true effect whose interval excludes 0 with a probability of ``power``."""
        check_confidence(confidence)
        quantiles = self._quantile(0.5 + confidence / 2) + self._quantile(power)
        return quantiles * float(np.sqrt(self.variance))


@dataclass(frozen=True)
class JointMeans:
    """Means of L numbers and their covariance.

    Attributes:
        values: (L,) means over items and seeds.
        items: (L, L) covariance from items.
        num_items: Items behind the numbers; 0 where none are known.
        seeds: What seeds add to the covariance.
    """

    values: FloatArray
    items: FloatArray
    num_items: int
    seeds: Sequence[SeedPart] = field(default=())

    def uncertainty(self, weights: ArrayLike) -> Uncertainty:
        """Return the uncertainty of a combination of the numbers.

        Args:
            weights: (L,).
        """
        w = np.asarray(weights, dtype=np.float64)
        from_items = float(w @ self.items @ w)
        from_seeds = float(sum(w @ part.covariance @ w for part in self.seeds))
        kept = from_seeds if from_seeds > 0 else _KEPT_BELOW_ZERO * from_seeds
        variance = max(from_items + kept, 0.5 * from_items, 0.0)
        inverse = from_items**2 / max(self.num_items - 1, 1)
        if from_seeds > 0:
            inverse += sum(float(w @ part.scale @ w) ** 2 / part.freedom for part in self.seeds)
        return Uncertainty(variance, min(max(variance**2 / inverse, 1.0), _MANY) if inverse > 0 else _MANY)

    def draw(self, num_draws: int = NUM_DRAWS, seed: int = 0) -> FloatArray:
        """Draw the means, for functions of them that are not linear.

        They follow Student's t with the fewest degrees of freedom that a difference of two of them has.

        Args:
            num_draws: B.
            seed: Seed of the draws.

        Returns:
            (B, L).
        """
        rng = np.random.default_rng(seed)
        covariance = self.items + sum((part.covariance for part in self.seeds), np.zeros_like(self.items))
        unit = np.eye(len(self.values))
        freedom = min(
            (self.uncertainty(unit[k] - unit[j]).freedom for k in range(len(unit)) for j in range(k)), default=_MANY
        )
        normal = rng.standard_normal((num_draws, len(self.values))) @ _root(covariance)
        return np.asarray(self.values + normal * np.sqrt(freedom / rng.chisquare(freedom, (num_draws, 1))))

    def function_ends(
        self, function: Callable[[FloatArray], FloatArray], confidence: float = 0.95, num_draws: int = NUM_DRAWS
    ) -> tuple[float, float]:
        """Return both ends of the interval of any function of the means.

        Args:
            function: Maps (B, L) means to (B,) numbers.
            confidence: Level in (0, 1).
            num_draws: B.
        """
        check_confidence(confidence)
        samples = function(self.draw(num_draws))
        low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
        return float(low), float(high)


def _root(covariance: FloatArray) -> FloatArray:
    """Return what turns standard normal rows into rows of this covariance; negative variances count as zero."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((np.sqrt(np.clip(values, 0, None)) * vectors).T)


def item_covariance(outcomes: Sequence[FloatArray]) -> FloatArray:
    """Return the covariance of the means of several numbers that were measured on the same items.

    Args:
        outcomes: L arrays (R, S) of outcomes by seed; the seeds may differ in number.

    Returns:
        (L, L); zero for a single item, which has no spread.

    Raises:
        EvaluationError: The numbers of items differ.
    """
    means = [checked_outcomes(values, "covariance over items", 2).mean(axis=0) for values in outcomes]
    sizes = sorted({len(mean) for mean in means})
    if len(sizes) != 1:
        raise EvaluationError("Numbers were measured on different items", expected="one number of items", found=sizes)
    if sizes[0] < 2:
        return np.zeros((len(means), len(means)))
    return np.atleast_2d(np.cov(np.stack(means))) / sizes[0]


def rank_correlation(x: ArrayLike, rows: FloatArray) -> FloatArray:
    """Return Spearman's correlation of a setting with every row; 0 where a row is constant.

    Args:
        x: (L,) values of the setting, at least three, not all equal.
        rows: (B, L).

    Returns:
        (B,).

    Raises:
        EvaluationError: Fewer than three values, or a constant setting.
    """
    settings = checked_outcomes(x, "rank correlation", 1)
    if len(settings) < 3 or len(settings) != rows.shape[1] or np.ptp(settings) == 0:
        raise EvaluationError(
            "A rank correlation needs at least three different settings, one per number",
            expected=f"{rows.shape[1]} settings",
            found=settings.tolist(),
        )
    x_ranks = scipy.stats.rankdata(settings)
    y_ranks = scipy.stats.rankdata(rows, axis=1)
    x_centred = x_ranks - x_ranks.mean()
    y_centred = y_ranks - y_ranks.mean(axis=1, keepdims=True)
    norm = np.sqrt((x_centred**2).sum() * (y_centred**2).sum(axis=1))
    return np.divide(y_centred @ x_centred, norm, out=np.zeros(len(rows)), where=norm > 0)
