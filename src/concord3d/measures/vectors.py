"""What every measure asks of feature vectors: finite values, unit length, and when two numbers are equal.

Shape legend: S items, d feature width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError

# Cosines and distances closer than this count as equal: products of equal rows may differ by rounding.
TIE = 1e-9


def check_features(features: NDArray[np.float32], where: str = "features") -> None:
    """Raise EvaluationError unless ``features`` is a non-empty (S, d) array of finite values."""
    if features.ndim != 2 or 0 in features.shape:
        raise EvaluationError("Features have the wrong shape", where=where, expected="(S, d)", found=features.shape)
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise EvaluationError(
            "Features are not finite",
            where=where,
            expected="finite values",
            found=f"{len(bad)} of {len(features)} rows, first: {bad[0]}",
            next_step="check the weights and the training history for divergence",
        )


def unit_rows(features: NDArray[Any], where: str = "features") -> NDArray[np.float64]:
    """Return features divided by their lengths in float64; a zero row stays zero.

    Args:
        features: (S, d) of any floating type.
        where: Name for error messages.

    Raises:
        EvaluationError: Not (S, d), or not finite.
    """
    check_features(features, where)
    rows = features.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
