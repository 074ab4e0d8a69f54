"""What a trained tower must achieve before it is trusted: retrieval and zero-shot accuracy on objects it never saw.

Shape legend: Q queries, T candidates, D feature width, H held-out objects, V pictures per object, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConfigError
from concord3d.features.pairs import Pairs
from concord3d.features.prompts import class_features
from concord3d.features.tower import Tower

RETRIEVAL, ZERO_SHOT = "image_to_text_r1", "zero_shot_top1"
ALL = "all"
_TIE = 1e-6


def top1_credit(
    queries: NDArray[np.floating], candidates: NDArray[np.floating], target: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the probability that each query finds its target when ties for the first place are drawn by lot.

    Args:
        queries: (Q, D).
        candidates: (T, D).
        target: (Q,) index of the right candidate.

    Returns:
        (Q,) in [0, 1]; equal embeddings give 1 / T.
    """
    scores = _unit(queries) @ _unit(candidates).T
    first = scores >= scores.max(axis=1, keepdims=True) - _TIE
    return first[np.arange(len(target)), target] / first.sum(axis=1)


def _unit(features: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = features.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)


def measure_gate(
    tower: Tower, pairs: Pairs, held_out: NDArray[np.int64], thresholds: Mapping[str, float | None]
) -> dict[str, Any]:
    """Measure a tower on held-out objects, each picture on its own.

    Retrieval: each picture asks for its object's description among the distinct descriptions of the held-out objects.
    Zero-shot: each picture of an object with a class asks for it among the class features of 64 sentences each.

    Args:
        tower: The trained tower.
        pairs: All objects.
        held_out: (H,) indices of the objects that were not trained on.
        thresholds: Lowest accepted value in percent per metric; None accepts any.

    Returns:
        ``passed`` (None where no threshold is set) and ``measures``: one per metric and view set, and for all view sets
        together, with value, chance, numbers of pictures and objects, threshold and verdict.

    Raises:
        ConfigError: A threshold is set for what cannot be measured on these objects.
    """
    require_measurable(pairs, held_out, thresholds)
    features = _picture_features(tower, pairs, held_out)
    descriptions = [pairs.texts[index].description for index in held_out]
    distinct = list(dict.fromkeys(descriptions))
    target = np.array([distinct.index(text) for text in descriptions])
    credits = {RETRIEVAL: (_credits(features, tower.encode_texts(distinct), target), len(distinct))}
    labels = pairs.labels[held_out]
    known = np.flatnonzero(labels >= 0)
    if _has_classes(pairs, held_out):
        classes = class_features(tower, pairs.class_names)
        credits[ZERO_SHOT] = (_credits(features[known], classes, labels[known]), len(classes))
    measures = [
        _measure(metric, view_set, credit[:, start:end], 100 / num_candidates, thresholds.get(metric))
        for metric, (credit, num_candidates) in credits.items()
        for view_set, (start, end) in {ALL: (0, pairs.num_views), **pairs.ranges}.items()
    ]
    judged = [measure["passed"] for measure in measures if measure["passed"] is not None]
    return {"passed": all(judged) if judged else None, "measures": measures}


def require_measurable(pairs: Pairs, held_out: NDArray[np.int64], thresholds: Mapping[str, float | None]) -> None:
    """Refuse a threshold for what cannot be measured, before a tower is trained in vain.

    Raises:
        ConfigError: Zero-shot accuracy is asked for and no held-out object has a class, or there is only one class.
    """
    if thresholds.get(ZERO_SHOT) is not None and not _has_classes(pairs, held_out):
        raise ConfigError(
            "A tower's gate asks for what cannot be measured",
            where=ZERO_SHOT,
            expected="held-out objects with classes, and at least two classes",
            found=f"{len(pairs.class_names)} classes, labels {sorted(set(pairs.labels[held_out].tolist()))[:8]}",
            next_step="set the threshold to null",
        )


def _has_classes(pairs: Pairs, held_out: NDArray[np.int64]) -> bool:
    return len(pairs.class_names) > 1 and bool((pairs.labels[held_out] >= 0).any())


def _picture_features(tower: Tower, pairs: Pairs, objects: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (H, V, D) features of all pictures of some objects."""
    every = np.broadcast_to(np.arange(pairs.num_views), (1, pairs.num_views))
    return np.stack([tower.encode_images(pairs.read(objects[row : row + 1], every)[0]) for row in range(len(objects))])


def _credits(
    features: NDArray[np.float32], candidates: NDArray[np.float32], target: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return (H, V) credits of the pictures of objects with targets (H,)."""
    num_views = features.shape[1]
    flat = top1_credit(features.reshape(-1, features.shape[2]), candidates, np.repeat(target, num_views))
    return flat.reshape(-1, num_views)


def _measure(
    metric: str, view_set: str, credit: NDArray[np.float64], chance: float, threshold: float | None
) -> dict[str, Any]:
    value = round(100 * float(credit.mean()), 4)
    least = threshold if view_set == ALL else None
    return {
        "metric": metric,
        "view_set": view_set,
        "value": value,
        "unit": "%",
        "chance": round(chance, 4),
        "n_items": int(credit.size),
        "n_objects": len(credit),
        "threshold": least,
        "passed": None if least is None else value >= least,
    }
