"""Whether the feature of a mixed cloud is the mixture of its clouds' features (MM-Mixing spec 7, C13).

Shape legend: S shapes, D feature width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.alignment import Alignment, alignment
from concord3d.measures.vectors import unit_rows


def consistency(
    mixed: NDArray[np.float32], clean: NDArray[np.float32], partner: NDArray[np.int64], ratio: NDArray[np.float64]
) -> Alignment:
    """Return cos(g(Q), n(lambda g(A) + (1 - lambda) g(B))) of each pair, and its margin over other pairs' mixtures.

    Args:
        mixed: (S, D) features g(Q) of mixed clouds.
        clean: (S, D) features g(A) of the clouds themselves.
        partner: (S,) which cloud B each was mixed with.
        ratio: (S,) realised lambda.

    Returns:
        Cosines and margins; an encoder that maps all clouds to one point has margin 0.

    Raises:
        EvaluationError: Features that are not finite, or numbers that differ.
    """
    lengths = (len(mixed), len(clean), len(partner), len(ratio))
    if len(set(lengths)) != 1:
        raise EvaluationError("Features and pairs differ in number", expected="equal numbers", found=lengths)
    share = ratio[:, None]
    mixtures = share * clean.astype(np.float64) + (1 - share) * clean[partner].astype(np.float64)
    return alignment(unit_rows(mixed, "features of mixed clouds"), unit_rows(mixtures, "mixtures of features"))
