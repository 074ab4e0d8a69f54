r"""How far trainings with other seeds would deviate, estimated from all experiments that were measured alike.

Two or three seeds of one experiment say little of their spread: Student's quantile is 12.7 at two. So the experiments
of one paper that are tested alike are taken to have one spread, and it is estimated from all of them together.

**Model.** Experiment e with seed r answers item i with

.. math:: y_{eri} = \mu_e + a_{ei} + s_r + b_{er} + c_{eri},

where a is what the item does to the experiment, s what a seed does to all experiments, b what it does to one, and c the
rest, the interaction of item and seed. The mean over n items and R seeds has the variance

.. math:: \sigma_a^2/n + \sigma_s^2/R + \sigma_b^2/R + \sigma_c^2/(nR).

The variance over items of an experiment's mean outcomes, divided by n, estimates the first term *and the last*. The
variance over seeds estimates :math:`\sigma_s^2 + \sigma_b^2 + \sigma_c^2/n`, so it holds the last term too. Adding both
would count the interaction twice; here it is taken off the seeds' part.

**Estimates.** N trainings give N means. Their residuals from one mean per experiment have ``within`` degrees of
freedom, those from the additive model of experiments and seeds ``own``; the difference of the two sums of squares is
the part that seeds share. Every residual is a linear function of outcomes, so what items add to its expected square is
the variance over items of the same function of each item's outcomes, divided by n. This ``noise`` is subtracted. It
holds for unequal numbers of seeds, and for interactions that experiments share. The differences are left below zero
where they fall there: what is made of that is said in :mod:`concord3d.statistics.joint_means`.

Shape legend: N trainings, K ways of measuring, S items, L numbers, R seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import FloatArray

_RANK_TOLERANCE = 1e-9


@dataclass(frozen=True)
class MeanSquare:
    """A mean square over trainings, and the part of its expectation that items make.

    Attributes:
        total: (K, K) mean square and products.
        noise: (K, K) what items add to it.
        freedom: Its degrees of freedom; all is zero where there are none.
    """

    total: FloatArray
    noise: FloatArray
    freedom: int


@dataclass(frozen=True)
class SeedPart:
    """What one mean square adds to the covariance of some means.

    Attributes:
        covariance: (L, L), without what items add.
        scale: (L, L), with it: the precision of the estimate hangs on the whole mean square.
        freedom: Degrees of freedom of both.
    """

    covariance: FloatArray
    scale: FloatArray
    freedom: int


@dataclass(frozen=True)
class SeedSpread:
    """The spread of trainings: the part of each experiment and seed, and the part that a seed's experiments share.

    Attributes:
        own: Residuals from the additive model of experiments and seeds.
        shared: What the seeds explain beyond the experiments.
    """

    own: MeanSquare
    shared: MeanSquare

    @classmethod
    def of(
        cls,
        experiments: Sequence[str],
        seeds: Sequence[int],
        outcomes: Sequence[FloatArray],
        same_items: Sequence[int],
    ) -> SeedSpread:
        """Estimate the spread.

        Args:
            experiments: (N,) experiment of each training.
            seeds: (N,) its seed.
            outcomes: K arrays (N, S), S of their own; (N, 1) where a way has no outcomes per item.
            same_items: (K,) ways with equal numbers were measured on the same items.

        Raises:
            EvaluationError: The numbers of trainings differ.
        """
        if {len(seeds), *map(len, outcomes)} != {len(experiments)}:
            raise EvaluationError(
                "Trainings and their outcomes differ in number",
                expected=len(experiments),
                found=[len(seeds), *map(len, outcomes)],
            )
        own, shared = _projections(tuple(experiments), tuple(seeds))
        return cls(_mean_square(own, outcomes, same_items), _mean_square(shared, outcomes, same_items))

    @property
    def freedom(self) -> int:
        """Degrees of freedom within experiments; none where every experiment has one seed."""
        return self.own.freedom + self.shared.freedom

    def parts(self, experiments: Sequence[str], ways: Sequence[int], seeds: Sequence[Sequence[int]]) -> list[SeedPart]:
        r"""Return what seeds add to the covariance of the means of some numbers over their seeds.

        With :math:`P_{kl} = \sum_r u_{kr} u_{lr}` for two numbers of one experiment (else 0) and the same sum Q for any
        two, u being 1/R for each of a number's seeds, the covariance is :math:`P \sigma_b^2 + Q \sigma_s^2`. The
        residuals estimate :math:`\sigma_b^2`; the mean square within experiments, which both parts form in the shares
        of their degrees of freedom, estimates :math:`\sigma_s^2 + \sigma_b^2`.

        Args:
            experiments: (L,) experiment of each number.
            ways: (L,) its way, an index into the K ways.
            seeds: (L,) the seeds that its mean is over.
        """
        if not self.freedom:
            return []
        every = sorted({seed for of_one in seeds for seed in of_one})
        shares = np.array([[(seed in of_one) / len(of_one) for seed in every] for of_one in seeds])
        together = shares @ shares.T
        alone = together * np.equal.outer(np.array(experiments), np.array(experiments))
        if not self.own.freedom:
            # The two parts cannot be told apart; seeds that nothing shares make differences wider, not narrower.
            weights = [(self.shared, alone)]
        else:
            share = self.own.freedom / self.freedom
            weights = [(self.own, alone - (1 - share) * together), (self.shared, (1 - share) * together)]
        place = np.ix_(ways, ways)
        return [
            SeedPart(weight * (square.total - square.noise)[place], weight * square.total[place], square.freedom)
            for square, weight in weights
            if square.freedom
        ]


@lru_cache
def _projections(experiments: tuple[str, ...], seeds: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Return (N, N) projections to residuals of the additive model, and to what seeds explain beyond experiments."""
    of_experiment = _indicators(experiments)
    own = _residual_maker(np.concatenate([of_experiment, _indicators(seeds)], axis=1))
    return own, _residual_maker(of_experiment) - own


def _indicators(names: Sequence[object]) -> FloatArray:
    """Return (N, number of different names) of ones where a training has the name."""
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return np.eye(len(places))[[places[name] for name in names]]


def _residual_maker(design: FloatArray) -> FloatArray:
    """Return the (N, N) projection to residuals from a linear model."""
    left, singular, _ = np.linalg.svd(design, full_matrices=False)
    basis = left[:, singular > _RANK_TOLERANCE * singular[0]]
    return np.asarray(np.eye(len(design)) - basis @ basis.T)


def _mean_square(projection: FloatArray, outcomes: Sequence[FloatArray], same_items: Sequence[int]) -> MeanSquare:
    """Return the mean square and mean products of projected means, and what items add to their expectation."""
    shape, freedom = (len(outcomes), len(outcomes)), round(float(np.trace(projection)))
    if freedom == 0:
        return MeanSquare(np.zeros(shape), np.zeros(shape), 0)
    means = np.stack([values.mean(axis=1) for values in outcomes], axis=1)
    centred = [values - values.mean(axis=1, keepdims=True) for values in outcomes]
    noise = np.zeros(shape)
    for k, left in enumerate(centred):
        num_items = left.shape[1]
        for other, right in enumerate(centred):
            if same_items[k] == same_items[other] and num_items > 1:
                # The trace of the projection times the items' covariance of the means.
                noise[k, other] = np.vdot(projection @ left, right) / (num_items * (num_items - 1))
    return MeanSquare(means.T @ projection @ means / freedom, noise / freedom, freedom)
