"""How much training a goal would take, if errors go on to fall as a power of the clouds seen.

Shape legend: L lengths of training, D draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import FloatArray, Interval

NUM_DRAWS = 10_000
# A 95 % interval of a normal variable is so many standard deviations wide to either side.
_QUANTILE = 1.959964
# Two would fit every line.
LEAST_LENGTHS = 3


class Needed(NamedTuple):
    """The training that a goal takes by the fitted power law.

    Attributes:
        clouds: By the fit through the measured errors; infinite where errors do not fall.
        low: Lower end of its 95 % interval.
        high: Upper end; infinite where in more than 2.5 % of the draws errors do not fall.
    """

    clouds: float
    low: float
    high: float


def clouds_needed(seen: Sequence[float], accuracies: Sequence[Interval], goal: float, seed: int = 0) -> Needed:
    """Return how many clouds an accuracy takes by a power law, error = a * clouds ** -b, with its 95 % interval.

    The law is a straight line through logarithms, fitted by least squares. Its uncertainty is that of the measured
    accuracies alone: each is drawn anew from a normal distribution as wide as its interval, independently of the
    others. Test items that all trainings share move all errors alike, so the interval is rather too wide. That errors
    may stop falling is no part of it.

    Args:
        seen: (L,) clouds seen, above 0.
        accuracies: (L,) in percent, with their 95 % intervals.
        goal: Accuracy in percent.
        seed: Of the draws.

    Raises:
        EvaluationError: Fewer than three different lengths, an accuracy of 100 %, or a goal outside (0, 100).

    Example:
        >>> told = [Interval(value, value - 0.1, value + 0.1, 1000, 2, "items") for value in (60.0, 80.0, 90.0)]
        >>> needed = clouds_needed([100.0, 200.0, 400.0], told, 95.0)
        >>> round(needed.clouds), needed.low < 800 < needed.high
        (800, True)
    """
    lengths, values = np.asarray(seen, float), np.array([found.value for found in accuracies])
    if len(set(seen)) < LEAST_LENGTHS or len(lengths) != len(values) or (lengths <= 0).any():
        raise EvaluationError(
            "A power law needs trainings of several lengths", expected=f"at least {LEAST_LENGTHS}", found=list(seen)
        )
    if not 0 < goal < 100 or (values >= 100).any():
        raise EvaluationError("Only errors above 0 % have a logarithm", expected="below 100 %", found=[goal, *values])
    widths = np.array([(found.high - found.low) / (2 * _QUANTILE) for found in accuracies])
    draws = np.random.default_rng(seed).normal(values, widths, (NUM_DRAWS, len(values)))
    errors = np.vstack([100 - values, np.clip(100 - draws, 1e-6, None)])
    needed = _solved(np.log(lengths), np.log(errors), np.log(100 - goal))
    low, high = np.quantile(needed[1:], [0.025, 0.975], method="higher")
    return Needed(float(needed[0]), float(low), float(high))


def _solved(lengths: FloatArray, errors: FloatArray, goal: float) -> FloatArray:
    """Return (D,) clouds at which the lines through (D, L) logarithms of errors meet that of the goal's error."""
    centred = lengths - lengths.mean()
    slopes = errors @ centred / (centred @ centred)
    falls = slopes < 0
    with np.errstate(over="ignore"):
        found = np.exp(lengths.mean() + (goal - errors.mean(1)) / np.where(falls, slopes, -1.0))
    return np.where(falls, found, np.inf)
