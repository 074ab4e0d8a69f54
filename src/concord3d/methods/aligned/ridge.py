"""Ridge regression in closed form, from many pictures of objects onto one target each.

Shape legend: S objects, V pictures per object, E width of picture features, D width of targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

_BLOCK_OBJECTS = 256
_CONSTANT = 1e-12


@dataclass(frozen=True)
class Ridge:
    """A fitted ridge regression; the prediction for a unit feature x is ``weight @ ((x - mean) / deviation) + target``.

    Attributes:
        mean: (E,) float64 mean of the unit features.
        deviation: (E,) float64 standard deviation; 1 where a feature is constant.
        weight: (D, E) float64.
        target: (D,) float64 mean target, which is the intercept.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    weight: NDArray[np.float64]
    target: NDArray[np.float64]


def fit_ridge(features: NDArray[np.floating], targets: NDArray[np.floating], alpha: float) -> Ridge:
    """Minimise the squared errors of all pictures plus ``alpha`` times the squared weights; the intercept is free.

    Args:
        features: (S, V, E), of any length; each is brought to unit length.
        targets: (S, D), the target of every picture of an object.
        alpha: Penalty, as in scikit-learn's Ridge on standardised features.
    """
    # Blocks, because all pictures in float64 would not fit into memory at the largest scales.
    blocks = range(0, len(features), _BLOCK_OBJECTS)
    num_pictures = features.shape[0] * features.shape[1]
    sums = sum(_unit(features[start : start + _BLOCK_OBJECTS]).sum(axis=0) for start in blocks)
    mean = np.asarray(sums) / num_pictures
    squares = sum(((_unit(features[start : start + _BLOCK_OBJECTS]) - mean) ** 2).sum(axis=0) for start in blocks)
    deviation = np.sqrt(np.asarray(squares) / num_pictures)
    deviation[deviation < _CONSTANT] = 1.0
    target = targets.astype(np.float64).mean(axis=0)
    gram, cross = alpha * np.eye(features.shape[2]), np.zeros((features.shape[2], targets.shape[1]))
    for start in blocks:
        standardised = (_unit(features[start : start + _BLOCK_OBJECTS]) - mean) / deviation
        centred = np.repeat(targets[start : start + _BLOCK_OBJECTS] - target, features.shape[1], axis=0)
        gram += standardised.T @ standardised
        cross += standardised.T @ centred
    return Ridge(mean, deviation, solve(gram, cross, assume_a="pos").T, target)


def _unit(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (n V, E) unit vectors."""
    wide = features.reshape(-1, features.shape[-1]).astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), _CONSTANT)
