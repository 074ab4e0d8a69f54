"""What a choice on the test split gives: a curve over the setting, and the best of all candidates.

Both tell how much such a choice gains. Nothing else may rest on them.

Shape legend: T test items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The checkpoint after the last epoch; the others go by their epoch.
FINAL = "last"

Correct = NDArray[np.float64]
# Outcomes by checkpoint and C.
Outcomes = Mapping[tuple[str, float], Correct]


def accuracy_curves(tested: Outcomes, costs: Iterable[float]) -> dict[str, dict[str, float]]:
    """Return test accuracy in percent by checkpoint and C, for the given values of C.

    Args:
        tested: (T,) outcomes, 1.0 where right, by checkpoint and C; all of the given C are among them.
        costs: Values of C.
    """
    checkpoints = dict.fromkeys(checkpoint for checkpoint, _ in tested)
    return {
        checkpoint: {f"{cost:g}": float(100 * tested[checkpoint, cost].mean()) for cost in sorted(costs)}
        for checkpoint in checkpoints
    }


def best_on_test(
    candidates: Mapping[tuple[str, float], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Return the outcomes of the candidate that is best on the test split, the first of equals, and how it was found.

    Args:
        candidates: (T,) outcomes, 1.0 where right, by checkpoint and C, at least one.

    Returns:
        (T,) outcomes, and the chosen checkpoint, its C, and the accuracy in percent of the best C of each checkpoint.
    """
    checkpoint, cost = max(candidates, key=lambda place: candidates[place].mean())
    by_checkpoint: dict[str, float] = {}
    for (name, _), correct in candidates.items():
        by_checkpoint[name] = max(by_checkpoint.get(name, 0.0), float(100 * correct.mean()))
    chosen = {"checkpoint": checkpoint, "cost": cost, "test_accuracy_by_checkpoint": by_checkpoint}
    return candidates[checkpoint, cost], chosen
