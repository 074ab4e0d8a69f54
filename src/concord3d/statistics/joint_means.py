r"""Means of several numbers over items and seeds, with their joint uncertainty, and intervals of combinations of them.

**Variance.** Of :math:`\sum_l w_l \bar y_l` it is :math:`V = w^T (C_{items} + C_{seeds}) w`. C_items is the covariance
over items of the outcomes averaged over seeds, divided by the number of items; it holds the interaction of items and
seeds once. C_seeds comes from :class:`concord3d.statistics.seed_spread.SeedSpread`, from which that interaction is
subtracted.

**A negative estimate of the seeds' part.** Where seeds hardly matter, it is below zero about every second time. To set
it to zero makes intervals too wide (they cover 97 %), to keep it makes them too narrow where degrees of freedom are few
(93 %). It is kept as long as V stays above three quarters of the items' part; then 94 to 96 % are covered from five
degrees of freedom on (docs/STATISTICS.md; ``python -m tests.statistics.coverage``).

**Degrees of freedom** are Satterthwaite's: of :math:`V = \sum_j V_j`, with :math:`V_j` proportional to a mean square
of :math:`\nu_j` degrees of freedom, :math:`\nu = V^2 / \sum_j V_j^2 / \nu_j`. For the seeds, :math:`V_j` is taken with
the noise of items that is subtracted from it, since this is what varies from one estimate to the next. Where the
seeds' part is not above zero, only the items' count. (Satterthwaite, Biometrics Bulletin 2, 1946.)

Shape legend: L numbers, S items, B draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import FloatArray, Interval, check_confidence, checked_outcomes
from concord3d.statistics.seed_spread import SeedPart, SeedSpread

NUM_DRAWS = 10_000
# Of the items' part; chosen by simulation between 0.6 and 1.
_LEAST_VARIANCE = 0.75
# Of the mean squares that the seeds' part is a difference of.
_ROUNDING = 1e-9
# A t distribution with more is the normal one.
_MANY = 1e6
# Values between which the end of the interval of an extreme proportion is looked for.
_NUM_TRIED = 400


@dataclass(frozen=True)
class Uncertainty:
    """The variance of an estimate, and how well it is known.

    Attributes:
        variance: Of the estimate.
        freedom: Degrees of freedom of the variance.
        from_seeds: The part of the variance that seeds make; below zero where they seem not to matter.
        seed_noise: Sum over the mean squares that this part consists of, of their squares by their degrees of freedom.
    """

    variance: float
    freedom: float
    from_seeds: float = 0.0
    seed_noise: float = 0.0

    def scaled(self, factor: float) -> Uncertainty:
        """Return the uncertainty of the estimate in another unit, so many times as large."""
        square = factor**2
        return Uncertainty(self.variance * square, self.freedom, self.from_seeds * square, self.seed_noise * square**2)

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

        Outcomes that are all 0, or all 1, show no variance of items. What the interval must hold is then every
        proportion u from which the value deviates by no more than Student's quantile, with the variance
        u (1 - u) / num_items of the items and that of the seeds at hand, and the degrees of freedom that these two have
        together. Without a part of seeds this is Wilson's interval.

        Args:
            value: In [0, 1].
            num_items: Items behind it, which count where the outcomes do not vary at all.
            confidence: Level in (0, 1).
        """
        check_confidence(confidence)
        spread = value * (1 - value)
        if spread <= 0:
            end = self._end_of_extreme(num_items, confidence)
            return (0.0, end) if value <= 0 else (1 - end, 1.0)
        if self.variance <= 0:
            return value, value
        effective = spread / self.variance
        squared = self._quantile(0.5 + confidence / 2) ** 2
        centre = (value + squared / (2 * effective)) / (1 + squared / effective)
        half = float(np.sqrt(squared * (spread / effective + squared / (4 * effective**2)))) / (1 + squared / effective)
        return min(max(centre - half, 0.0), value), max(min(centre + half, 1.0), value)

    def _end_of_extreme(self, num_items: int, confidence: float) -> float:
        """Return the largest proportion in whose interval 0 lies."""

        def beyond(proportion: FloatArray) -> FloatArray:
            """Return what a proportion lacks of being too large."""
            items, seeds = proportion * (1 - proportion) / num_items, max(self.from_seeds, 0.0)
            variance = items + seeds
            freedom = np.full_like(variance, _MANY)
            if seeds > 0 and self.seed_noise > 0:
                freedom = np.clip(variance**2 / self.seed_noise, 1.0, _MANY)
            quantile = scipy.special.stdtrit(freedom, 0.5 + confidence / 2)
            return np.asarray(proportion - quantile * np.sqrt(variance))

        tried = np.linspace(0, 1, _NUM_TRIED + 1)[1:]
        inside = np.flatnonzero(beyond(tried) <= 0)
        place = int(inside[-1]) if len(inside) else -1
        if place == len(tried) - 1:
            return 1.0
        low = float(tried[place]) if place >= 0 else 1e-9
        found = scipy.optimize.brentq(lambda one: float(beyond(np.array([one]))[0]), low, float(tried[place + 1]))
        return float(found)

    def detectable(self, confidence: float = 0.95, power: float = 0.8) -> float:
        """Return the smallest true effect whose interval excludes 0 with a probability of ``power``."""
        check_confidence(confidence)
        quantiles = self._quantile(0.5 + confidence / 2) + self._quantile(power)
        return quantiles * float(np.sqrt(self.variance))


@dataclass(frozen=True)
class ItemMeans:
    """Some of the numbers, measured on the same items.

    Attributes:
        numbers: Places of the M numbers among all L.
        outcomes: (M, S) outcomes, averaged over each number's seeds.
    """

    numbers: tuple[int, ...]
    outcomes: FloatArray

    @classmethod
    def of(cls, numbers: Sequence[int], outcomes: Sequence[FloatArray]) -> ItemMeans:
        """Average outcomes over seeds.

        Args:
            numbers: Places of the M numbers.
            outcomes: M arrays (R, S); the seeds may differ in number.

        Raises:
            EvaluationError: The numbers of items differ, or outcomes are not finite.
        """
        means = [checked_outcomes(values, "outcomes by seed", 2).mean(axis=0) for values in outcomes]
        sizes = sorted({len(mean) for mean in means})
        if len(sizes) != 1:
            raise EvaluationError("Numbers were measured on different items", expected="as many items", found=sizes)
        return cls(tuple(numbers), np.stack(means))

    @property
    def num_items(self) -> int:
        """Items, S."""
        return self.outcomes.shape[1]

    def variance(self, weights: FloatArray) -> float:
        """Return the variance that the items give to a combination.

        Of several numbers, half an item more counts on either side of zero with the largest difference that any item
        has: four items in favour of one side and none of the other decide nothing, as in a sign test. (Agresti and Min,
        Statistics in Medicine 24, 2005, for pairs of proportions.)

        Args:
            weights: (M,).
        """
        if self.num_items < 2 or not weights.any():
            return 0.0
        combined = weights @ self.outcomes
        guard = float(np.abs(combined).max()) ** 2 if np.count_nonzero(weights) > 1 else 0.0
        return (float(combined.var(ddof=1)) + guard / self.num_items) / self.num_items

    def covariance(self) -> FloatArray:
        """Return the (M, M) covariance of the numbers' means."""
        if self.num_items < 2:
            return np.zeros((len(self.numbers), len(self.numbers)))
        return np.asarray(np.atleast_2d(np.cov(self.outcomes)) / self.num_items)


@dataclass(frozen=True)
class JointMeans:
    """Means of L numbers and what their uncertainty consists of.

    Attributes:
        values: (L,) means over items and seeds.
        items: The outcomes of numbers that were measured on the same items.
        seeds: What seeds add to the covariance.
        unpaired: (L,) variance from items that are not known; None for none.
    """

    values: FloatArray
    items: Sequence[ItemMeans] = ()
    seeds: Sequence[SeedPart] = ()
    unpaired: FloatArray | None = None

    @property
    def num_items(self) -> int:
        """Items behind all numbers."""
        return sum(group.num_items for group in self.items)

    @property
    def has_spread(self) -> bool:
        """Whether anything is known that varies."""
        return bool(self.items or self.seeds or (self.unpaired is not None and self.unpaired.any()))

    def uncertainty(self, weights: ArrayLike) -> Uncertainty:
        """Return the uncertainty of a combination of the numbers.

        Args:
            weights: (L,).
        """
        w = np.asarray(weights, dtype=np.float64)
        by_group = [(group.variance(w[list(group.numbers)]), group.num_items) for group in self.items]
        from_items = sum(variance for variance, _ in by_group)
        if self.unpaired is not None:
            from_items += float(w**2 @ self.unpaired)
        from_seeds = float(sum(w @ part.covariance @ w for part in self.seeds))
        # Where one item alone came out differently, the seeds' part is exactly zero, and the order of a sum would say
        # whether its one degree of freedom counts.
        if abs(from_seeds) <= _ROUNDING * sum(float(w @ part.scale @ w) for part in self.seeds):
            from_seeds = 0.0
        variance = max(from_items + from_seeds, _LEAST_VARIANCE * from_items, 0.0)
        inverse = sum(each**2 / max(num_items - 1, 1) for each, num_items in by_group)
        noise = sum(float(w @ part.scale @ w) ** 2 / part.freedom for part in self.seeds)
        inverse += noise if from_seeds > 0 else 0.0
        freedom = min(max(variance**2 / inverse, 1.0), _MANY) if inverse > 0 else _MANY
        return Uncertainty(variance, freedom, from_seeds, noise)

    def _covariance(self) -> FloatArray:
        """Return the (L, L) covariance of the means."""
        total = np.diag(np.zeros(len(self.values)) if self.unpaired is None else self.unpaired)
        for group in self.items:
            total[np.ix_(group.numbers, group.numbers)] += group.covariance()
        return np.asarray(total + sum((part.covariance for part in self.seeds), np.zeros_like(total)))

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
        unit = np.eye(len(self.values))
        freedom = min(
            (self.uncertainty(unit[k] - unit[j]).freedom for k in range(len(unit)) for j in range(k)), default=_MANY
        )
        normal = rng.standard_normal((num_draws, len(self.values))) @ _root(self._covariance())
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


def proportion_over_draws(outcomes: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the mean of outcomes in [0, 1] over items and random draws, such as of training items, with its interval.

    Args:
        outcomes: (R, S) by draw.
        confidence: Level in (0, 1).

    Raises:
        EvaluationError: Empty, not finite, or not two-dimensional.
    """
    array = checked_outcomes(outcomes, "mean over draws", 2)
    draws = range(len(array))
    spread = SeedSpread.of(["draw"] * len(array), draws, [array], [0])
    means = JointMeans(
        np.array([array.mean()]), [ItemMeans.of([0], [array])], spread.parts(["draw"], [0], [list(draws)])
    )
    low, high = means.uncertainty([1.0]).proportion_ends(float(array.mean()), array.shape[1], confidence)
    return Interval(float(array.mean()), low, high, array.shape[1], len(array), "items and seeds")


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
