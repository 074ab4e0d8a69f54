"""Finding one scene among a few drawn at random from all others, in expectation over the draw (CrossOver spec 7.10).

Shape legend: Q queries.
"""

from __future__ import annotations

from math import comb

import numpy as np

from concord3d.errors import EvaluationError
from concord3d.measures.ranking import FloatArray, Places


def hit_rate_among_drawn(places: Places, num_others: int, num_drawn: int, k: int) -> FloatArray:
    """Return (Q,) the chance that the target is among the first k of itself and some others drawn without replacement.

    Args:
        places: Where the target stands among itself and all others.
        num_others: All others.
        num_drawn: How many of them are drawn, at most all.
        k: Length of the list.

    Raises:
        EvaluationError: More are drawn than there are.

    Example:
        >>> ninth = Places(np.array([8.0]), np.array([1.0]))
        >>> float(hit_rate_among_drawn(ninth, 8, 4, 5)[0]), float(hit_rate_among_drawn(ninth, 8, 4, 4)[0])
        (1.0, 0.0)
    """
    if not 0 <= num_drawn <= num_others:
        raise EvaluationError(
            "More candidates are drawn than there are", expected=f"0 to {num_others}", found=num_drawn
        )
    known: dict[tuple[int, int], float] = {}
    found = []
    for better, tied in zip(places.better.astype(int), places.tied.astype(int) - 1, strict=True):
        key = (int(better), int(tied))
        if key not in known:
            known[key] = _chance(*key, num_others, num_drawn, k)
        found.append(known[key])
    return np.array(found)


def _chance(better: int, tied: int, num_others: int, num_drawn: int, k: int) -> float:
    worse, total = num_others - better - tied, 0.0
    for num_better in range(min(better, num_drawn, k - 1) + 1):
        for num_tied in range(min(tied, num_drawn - num_better) + 1):
            ways = comb(better, num_better) * comb(tied, num_tied) * comb(worse, num_drawn - num_better - num_tied)
            total += ways * min((k - num_better) / (num_tied + 1), 1.0)
    return total / comb(num_others, num_drawn)
