"""How near embeddings of shapes lie to features of their own pictures and texts (MM-Mixing spec 7, C12).

Shape legend: S shapes, V pictures per shape, D feature width.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError

FloatArray = NDArray[np.float64]


class Alignment(NamedTuple):
    """Agreement of matched pairs.

    Attributes:
        cosine: (S,) cosine of each row and its own target.
        margin: (S,) the cosine minus the mean cosine with the targets of the other rows; NaN where there are none.
    """

    cosine: FloatArray
    margin: FloatArray


def alignment(rows: FloatArray, targets: FloatArray) -> Alignment:
    """Compare each row with its own target and with those of the other rows.

    A tower's features lie in a narrow cone, so that even one constant embedding has a high cosine with all of them; its
    mean margin is zero.

    Args:
        rows: (S, D) of length 1, or 0.
        targets: (S, D) of length 1, or means of several such vectors: a cosine is then the mean of several cosines.

    Raises:
        EvaluationError: The two do not match.
    """
    if rows.shape != targets.shape:
        raise EvaluationError("Embeddings and targets do not match", expected=rows.shape, found=targets.shape)
    cosine = (rows * targets).sum(axis=1)
    if len(rows) < 2:
        return Alignment(cosine, np.full(len(rows), np.nan))
    others = (rows @ targets.sum(axis=0) - cosine) / (len(rows) - 1)
    return Alignment(cosine, cosine - others)
