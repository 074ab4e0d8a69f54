r"""Corruption error and resilience of a segmenter, from its mean IoU under corruptions (CMCR spec 5).

Of corruption i at severities s, with the mean IoU m and that of a reference r,

.. math:: CE_i = \frac{\sum_s (1 - m_{is})}{\sum_s (1 - r_{is})}, \qquad RR_i = \frac{\sum_s m_{is}}{|s|\, m_{clean}}.

mCE and mRR are their means over corruptions. mCE is above 1 where the segmenter errs more than the reference.

Shape legend: I corruptions, V severities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import FloatArray


def corruption_errors(miou: ArrayLike, reference: ArrayLike) -> FloatArray:
    """Return the errors of each corruption in relation to those of a reference.

    Args:
        miou: (..., I, V) mean IoU as fractions.
        reference: (I,) mean IoU of the reference, as fractions averaged over severities.

    Returns:
        (..., I); their mean is mCE.

    Raises:
        EvaluationError: The reference makes no errors, or is of other corruptions.

    Example:
        >>> corruption_errors([[0.5, 0.7]], [0.5]).tolist()
        [0.8]

    Source: CMCR spec 5.
    """
    averages, unit = np.asarray(miou, dtype=np.float64).mean(axis=-1), np.asarray(reference, dtype=np.float64)
    if averages.shape[-1:] != unit.shape or (unit >= 1).any():
        raise EvaluationError(
            "No reference for corruption errors", expected=f"{averages.shape[-1:]} mean IoU below 1", found=unit
        )
    return np.asarray((1 - averages) / (1 - unit))


def resilience_rates(miou: ArrayLike, clean: ArrayLike) -> FloatArray:
    """Return the share of the mean IoU that remains under each corruption.

    Args:
        miou: (..., I, V) mean IoU.
        clean: (...) mean IoU without corruption.

    Returns:
        (..., I); their mean is mRR.

    Raises:
        EvaluationError: There is nothing that could remain.

    Source: CMCR spec 5.
    """
    whole = np.asarray(clean, dtype=np.float64)
    if (whole <= 0).any():
        raise EvaluationError(
            "Without corruption nothing is segmented rightly", expected="a mean IoU above 0", found=whole
        )
    return np.asarray(np.asarray(miou, dtype=np.float64).mean(axis=-1) / whole[..., None])
