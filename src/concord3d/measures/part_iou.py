"""Intersection over union of the parts of shapes (MM-Point spec 6.4).

Shape legend: T shapes, P points per shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError


def shape_ious(
    predicted: NDArray[np.int64],
    truth: NDArray[np.int64],
    categories: NDArray[np.int64],
    category_parts: Mapping[int, Sequence[int]],
) -> NDArray[np.float64]:
    """Return each shape's mean IoU over the parts of its category (MM-Point spec 6.4).

    A part that is absent from both counts 1.

    Args:
        predicted: (T, P) part labels.
        truth: (T, P) part labels.
        categories: (T,) category of each shape.
        category_parts: Part labels of each category.

    Returns:
        (T,) in [0, 1].

    Raises:
        EvaluationError: Shapes differ, or a category has no list of parts.
    """
    if predicted.shape != truth.shape or len(truth) != len(categories) or truth.size == 0:
        raise EvaluationError(
            "Predicted and true parts differ in shape, or are empty", expected=truth.shape, found=predicted.shape
        )
    result = np.empty(len(truth))
    for category in np.unique(categories):
        parts = category_parts.get(int(category), ())
        if not parts:
            raise EvaluationError("A category without parts", expected="at least one part label", found=int(category))
        rows = np.flatnonzero(categories == category)
        ious = np.ones((len(parts), len(rows)))
        for i, part in enumerate(parts):
            said, true = predicted[rows] == part, truth[rows] == part
            union = (said | true).sum(axis=1)
            np.divide((said & true).sum(axis=1), union, out=ious[i], where=union > 0)
        result[rows] = ious.mean(axis=0)
    return result
