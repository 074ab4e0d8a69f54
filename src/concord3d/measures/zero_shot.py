"""Zero-shot classification: the nearest class name in the space of a tower (MM-Mixing spec 5.1).

Shape legend: S shapes, C classes, D feature width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from concord3d.measures.ranking import check_cutoff, places_of
from concord3d.measures.vectors import unit_rows


def zero_shot_correct(
    embeddings: NDArray[np.float32],
    class_features: NDArray[np.float32],
    labels: NDArray[np.int64],
    ks: Sequence[int],
) -> dict[int, NDArray[np.float64]]:
    """Rank the classes of each shape by the cosine of its embedding and the class names' features.

    Args:
        embeddings: (S, D) of shapes, need not be normalised.
        class_features: (C, D) of class names, need not be normalised.
        labels: (S,) true classes in [0, C).
        ks: Lengths of the lists in which the true class counts as found, each at most C.

    Returns:
        For each k, (S,) 1 where the true class is among the k nearest, 0 where not, the chance of it where classes tie.

    Raises:
        EvaluationError: Features that are not finite, or k above the number of classes.
    """
    for k in ks:
        check_cutoff(k, len(class_features), "classes")
    scores = unit_rows(embeddings, "embeddings of shapes") @ unit_rows(class_features, "features of class names").T
    places = places_of(scores, labels)
    return {k: places.hit_rate(k) for k in ks}
