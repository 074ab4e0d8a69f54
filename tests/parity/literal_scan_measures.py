"""CrossOver's measures in plain loops, and the mean of a measure over all orders of tied candidates.

A literal measure takes the candidates of one query in the order in which they are ranked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, permutations, product

import numpy as np
from numpy.typing import NDArray

Ranking = tuple[int, ...]


def rankings(scores: dict[int, float]) -> Iterator[Ranking]:
    """Every order of the candidates in which a higher score never stands behind a lower one."""
    by_score = sorted(scores, key=lambda row: -scores[row])
    runs = [list(run) for _, run in groupby(by_score, key=lambda row: scores[row])]
    for orders in product(*(permutations(run) for run in runs)):
        yield tuple(row for order in orders for row in order)


def expected(scores: dict[int, float], measure: Callable[[Ranking], float]) -> float:
    """The mean of a measure over all orders of tied candidates."""
    return float(np.mean([measure(ranking) for ranking in rankings(scores)]))


def has(rows: set[int], k: int) -> Callable[[Ranking], float]:
    """Whether one of some candidates is among the first k."""
    return lambda ranking: float(any(row in rows for row in ranking[:k]))


def has_in_data_order(rows: set[int], k: int, num_listed: int) -> Callable[[Ranking], float]:
    """The released code: the best ones are put back into the order of the data set first."""
    return lambda ranking: float(any(row in rows for row in sorted(ranking[:num_listed])[:k]))


def scene_outcomes(
    scores: NDArray[np.float64],
    valid: Sequence[bool],
    types: Sequence[str],
    spaces: Sequence[str],
    reference: Sequence[bool],
    k: int,
    num_listed: int,
) -> dict[str, list[float]]:
    """All measures of scans as queries, NaN for a scan that is no query (CrossOver spec 7.5 to 7.8)."""
    num = len(valid)
    found: dict[str, list[float]] = {name: [] for name in ("scan", "type", "in_type", "rescan", "as_published")}
    for query in range(num):
        for values in found.values():
            values.append(np.nan)
        all_scans = {row: float(scores[query, row]) for row in range(num) if valid[row]}
        others = {row: score for row, score in all_scans.items() if row != query}
        if valid[query]:
            found["scan"][query] = expected(all_scans, has({query}, k))
        if valid[query] and types[query]:
            of_type = {row for row in range(num) if types[row] == types[query]}
            found["type"][query] = expected(others, has(of_type, k))
            inside = {row: score for row, score in all_scans.items() if row in of_type}
            found["in_type"][query] = expected(inside, has({query}, k))
        rescans = {row for row in range(num) if spaces[row] == spaces[query] and row != query}
        if reference[query] and rescans:
            seen = valid[query]
            found["rescan"][query] = expected(others, has(rescans, k)) if seen else 0.0
            published = has_in_data_order(rescans, k, num_listed)
            found["as_published"][query] = expected(others, published) if seen else 0.0
    return found


def object_outcomes(
    scores: NDArray[np.float64], labels: Sequence[int], ks: Sequence[int], thresholds: Sequence[float]
) -> dict[str, float]:
    """All measures of one scan whose query i has the answer i (CrossOver spec 7.1 to 7.3)."""
    num = len(labels)
    by_query = [list(rankings({row: float(scores[query, row]) for row in range(num)})) for query in range(num)]
    drawn = list(product(*by_query))
    found: dict[str, list[float]] = {}
    for orders in drawn:
        for k in ks:
            hits = [query in order[:k] for query, order in enumerate(orders)]
            found.setdefault(f"top{k}", []).append(sum(hits) / num)
        recall = sum(order[0] == query for query, order in enumerate(orders)) / num
        for threshold in thresholds:
            found.setdefault(f"reached{threshold}", []).append(float(recall >= threshold))
        wrong = [(labels[order[0]], labels[query]) for query, order in enumerate(orders) if order[0] != query]
        found.setdefault("same", []).append(1 - sum(a == b for a, b in wrong) / num)
        found.setdefault("diff", []).append(1 - sum(a != b for a, b in wrong) / num)
    return {name: float(np.mean(values)) for name, values in found.items()}
