"""How trainings with other seeds would deviate, estimated from all experiments that were measured in the same way.

Two or three seeds of one experiment say little of their spread: Student's quantile is 12.7 at two. Experiments of one
paper that are tested alike deviate alike, so their spread is estimated together, by the two-way analysis of variance
of experiments and seeds. Shape legend: E experiments, R training seeds, K quantities, B resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SeedSpread:
    """The deviation of a training's results: a part common to all experiments of one seed, and each one's own.

    Attributes:
        common: (K, K) covariance of the common part; zero where there is one experiment.
        own: (K, K) covariance of the own part.
        num_seeds: R.
        freedom: Degrees of freedom of ``own``.
    """

    common: FloatArray
    own: FloatArray
    num_seeds: int
    freedom: int

    @classmethod
    def of(cls, means: FloatArray) -> SeedSpread:
        """Estimate the spread.

        Args:
            means: (E, R, K) what each training came to, R > 1.

        Raises:
            EvaluationError: One seed, which carries no spread.
        """
        num_experiments, num_seeds, _ = means.shape
        if num_seeds < 2:
            raise EvaluationError("One seed has no spread", expected="at least 2 seeds", found=num_seeds)
        deviations = means - means.mean(axis=1, keepdims=True)
        if num_experiments == 1:
            own = _scatter(deviations[0]) / (num_seeds - 1)
            return cls(np.zeros_like(own), own, num_seeds, num_seeds - 1)
        of_seed = deviations.mean(axis=0)
        freedom = (num_experiments - 1) * (num_seeds - 1)
        own = _scatter((deviations - of_seed).reshape(-1, means.shape[2])) / freedom
        # The mean of E own deviations is part of what the experiments of one seed seem to share.
        common = _scatter(of_seed) / (num_seeds - 1) - own / num_experiments
        return cls(common, own, num_seeds, freedom)

    def draw(self, num_experiments: int, num_resamples: int, rng: np.random.Generator) -> FloatArray:
        """Draw deviations of the mean over R seeds: normal, with both covariances stretched to Student's t.

        Args:
            num_experiments: Experiments to draw for; they share the common part.
            num_resamples: B.
            rng: Source of all randomness.

        Returns:
            (B, num_experiments, K).
        """
        num_quantities = len(self.own)
        # The order of the draws keeps the first experiments' numbers when there are more of them.
        common = rng.standard_normal((num_resamples, 1, num_quantities)) @ _root(self.common)
        common *= _stretch(rng, self.num_seeds - 1, num_resamples)
        stretch = _stretch(rng, self.freedom, num_resamples)
        own = rng.standard_normal((num_experiments, num_resamples, num_quantities)).swapaxes(0, 1) @ _root(self.own)
        return np.asarray((common + own * stretch) / np.sqrt(self.num_seeds))


def _scatter(rows: FloatArray) -> FloatArray:
    return np.asarray(rows.T @ rows)


def _root(covariance: FloatArray) -> FloatArray:
    """Return what turns standard normal rows into rows of this covariance; negative variances count as zero."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((np.sqrt(np.clip(values, 0, None)) * vectors).T)


def _stretch(rng: np.random.Generator, freedom: int, num_resamples: int) -> FloatArray:
    return np.asarray(np.sqrt(freedom / rng.chisquare(freedom, (num_resamples, 1, 1))))
