"""What a trained tower must achieve before it is trusted, on objects it never saw and classes it was never fitted on.

Shape legend: Q queries, T candidates, D feature width, H objects, V pictures per object, C classes, K colours.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConfigError
from concord3d.features.pairs import DescribedObjects
from concord3d.features.prompts import class_features, class_words
from concord3d.features.tower import TextEncoder

RETRIEVAL, ZERO_SHOT = "image_to_text_r1", "zero_shot_top1"
MEAN_OF_VIEWS, CAPTION_CLASS, UNSEEN = "zero_shot_top1_mean_of_views", "caption_to_class_top1", "unseen_class_top1"
MASKED = "zero_shot_top1_masked"
CATEGORY, COLOUR = "category_of_coloured_class", "colour_of_coloured_class"
METRICS = (RETRIEVAL, ZERO_SHOT, MASKED, MEAN_OF_VIEWS, CAPTION_CLASS, CATEGORY, COLOUR, UNSEEN)
ALL, TEXTS = "all", "texts"
# The basic colour terms of English.
COLOURS = ("black", "blue", "brown", "green", "grey", "orange", "pink", "purple", "red", "white", "yellow")
_COLOUR_WORD = re.compile(rf"\b({'|'.join(COLOURS)})\b", re.I)
_FIRST_CLAUSE = re.compile(r"[^;.:]*")
_NONE: NDArray[np.int64] = np.zeros(0, np.int64)
_TIE = 1e-6

# A tower, which makes features of what the objects are read with.
Judged = TypeVar("Judged", bound=TextEncoder)

_log = logging.getLogger(__name__)


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
    first = _first_places(queries, candidates)
    return first[np.arange(len(target)), target] / first.sum(axis=1)


def _first_places(queries: NDArray[np.floating], candidates: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return (Q, T): which candidates share the first place."""
    scores = _unit(queries) @ _unit(candidates).T
    first: NDArray[np.bool_] = scores >= scores.max(axis=1, keepdims=True) - _TIE
    return first


def _unit(features: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = features.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=-1, keepdims=True), 1e-12)


@dataclass(frozen=True)
class _Answers:
    """How well one question was answered.

    Attributes:
        credit: (H, n) probability that each answer is right.
        num_candidates: Possible answers.
        ranges: Columns of each view set; the first entry is judged.
    """

    credit: NDArray[np.float64]
    num_candidates: int
    ranges: Mapping[str, tuple[int, int]]


def measure_gate(
    tower: Judged,
    pairs: DescribedObjects[Judged],
    held_out: NDArray[np.int64],
    thresholds: Mapping[str, float | None],
    unseen: NDArray[np.int64] = _NONE,
    unseen_tower: Judged | None = None,
    masked_tower: Judged | None = None,
) -> dict[str, Any]:
    """Measure a tower on objects and classes that it was not trained on.

    On held-out objects of the classes that the tower was trained on:

    * retrieval: each picture asks for its object's description among the distinct descriptions of these objects;
    * zero-shot: each picture of an object with a class asks for it among the class features of 64 sentences each; the
      mean over an object's pictures, each of unit length, asks the same;
    * masked: the same question of single pictures to a tower that hides patches of them;
    * captions: each caption of an object with a class asks for it;
    * category against colour: each picture of an object whose caption names a colour first asks among sentences on
      every colour and category, such as "a red chair". Category and colour of the answer are judged apart.

    On all objects of unseen classes: the mean over an object's pictures asks for its class among the unseen classes.
    What cannot be measured on the objects is left out.

    Args:
        tower: The trained tower.
        pairs: All objects.
        held_out: (H,) indices of the objects that were not trained on.
        thresholds: Lowest accepted value in percent per metric; None accepts any.
        unseen: Labels of the classes of which no object was trained on.
        unseen_tower: The tower of which that is true, where ``tower`` was trained on these classes too.
        masked_tower: The same tower with patches of every picture hidden; None leaves this out.

    Returns:
        ``passed`` (None where no threshold is set) and ``measures``: one per metric and view set, and for all view sets
        together, with value, chance, numbers of pictures and objects, threshold and verdict.

    Raises:
        ConfigError: A threshold is set for what cannot be measured on these objects.
    """
    require_measurable(pairs, held_out, thresholds, unseen)
    objects = held_out if unseen_tower else _seen(pairs, held_out, unseen)
    answers = _seen_answers(tower, pairs, objects)
    if masked_tower is not None and _has_classes(pairs, objects):
        answers[MASKED] = _class_answers(masked_tower, pairs, objects)
    if len(unseen):
        answers[UNSEEN] = _unseen_answers(unseen_tower or tower, pairs, unseen)
    measures = [
        _measure(metric, view_set, found, thresholds.get(metric) if view_set == next(iter(found.ranges)) else None)
        for metric, found in answers.items()
        for view_set in found.ranges
    ]
    judged = [measure["passed"] for measure in measures if measure["passed"] is not None]
    return {"passed": all(judged) if judged else None, "measures": measures}


def _seen(pairs: DescribedObjects[Any], objects: NDArray[np.int64], unseen: NDArray[np.int64]) -> NDArray[np.int64]:
    return objects[~np.isin(pairs.labels[objects], unseen)]


def _seen_answers(tower: Judged, pairs: DescribedObjects[Judged], objects: NDArray[np.int64]) -> dict[str, _Answers]:
    features = pairs.features(tower, objects)
    each_view = {ALL: (0, pairs.num_views), **pairs.ranges}
    descriptions = [pairs.texts[index].description for index in objects]
    distinct = list(dict.fromkeys(descriptions))
    target = np.array([distinct.index(text) for text in descriptions])
    found = _credits(features, tower.encode_texts(distinct), target)
    answers = {RETRIEVAL: _Answers(found, len(distinct), each_view)}
    if not _has_classes(pairs, objects):
        return answers
    labels = pairs.labels[objects]
    known = np.flatnonzero(labels >= 0)
    classes = class_features(tower, pairs.class_names)
    answers[ZERO_SHOT] = _Answers(_credits(features[known], classes, labels[known]), len(classes), each_view)
    answers[MEAN_OF_VIEWS] = _mean_of_views(features[known], classes, labels[known], each_view)
    captioned = known[[pairs.texts[objects[row]].caption is not None for row in known]]
    if len(captioned):
        captions = tower.encode_texts([str(pairs.texts[index].caption) for index in objects[captioned]])
        credit = top1_credit(captions, classes, labels[captioned])[:, None]
        answers[CAPTION_CLASS] = _Answers(credit, len(classes), {TEXTS: (0, 1)})
    return {**answers, **_colour_answers(tower, pairs, objects, features)}


def _class_answers(tower: Judged, pairs: DescribedObjects[Judged], objects: NDArray[np.int64]) -> _Answers:
    known = objects[pairs.labels[objects] >= 0]
    classes = class_features(tower, pairs.class_names)
    found = _credits(pairs.features(tower, known), classes, pairs.labels[known])
    return _Answers(found, len(classes), {ALL: (0, pairs.num_views), **pairs.ranges})


def _mean_of_views(
    features: NDArray[np.float32],
    classes: NDArray[np.float32],
    labels: NDArray[np.int64],
    view_sets: Mapping[str, tuple[int, int]],
) -> _Answers:
    unit = _unit(features)
    means = np.stack([unit[:, start:end].mean(axis=1) for start, end in view_sets.values()], axis=1)
    columns = {view_set: (column, column + 1) for column, view_set in enumerate(view_sets)}
    return _Answers(_credits(means, classes, labels), len(classes), columns)


def named_colour(caption: str) -> int | None:
    """Return which of :data:`COLOURS` a caption names first, in its first clause; None where there is none."""
    clause = _FIRST_CLAUSE.match(caption)
    found = _COLOUR_WORD.search(clause.group() if clause else "")
    return None if found is None else COLOURS.index(found.group().lower())


def _colour_answers(
    tower: TextEncoder, pairs: DescribedObjects[Any], objects: NDArray[np.int64], features: NDArray[np.float32]
) -> dict[str, _Answers]:
    captions = [pairs.texts[index].caption for index in objects]
    colours = np.array([-1 if (c := named_colour(caption or "")) is None else c for caption in captions], np.int64)
    labels = pairs.labels[objects]
    rows = np.flatnonzero((colours >= 0) & (labels >= 0))
    # Where classes are coloured themselves, a colour beside them says nothing.
    if not len(rows) or any(_COLOUR_WORD.search(class_words(name)) for name in pairs.class_names):
        return {}
    sentences = [f"a {colour} {class_words(name)}." for name in pairs.class_names for colour in COLOURS]
    num_views = features.shape[1]
    first = _first_places(features[rows].reshape(-1, features.shape[2]), tower.encode_texts(sentences))
    share = (first / first.sum(axis=1, keepdims=True)).reshape(len(first), len(pairs.class_names), len(COLOURS))
    answers = {}
    for metric, axis, target in ((CATEGORY, 2, labels[rows]), (COLOUR, 1, colours[rows])):
        chosen = share.sum(axis=axis)
        right = chosen[np.arange(len(chosen)), np.repeat(target, num_views)].reshape(-1, num_views)
        answers[metric] = _Answers(right, chosen.shape[1], {ALL: (0, num_views), **pairs.ranges})
    return answers


def _unseen_answers(tower: Judged, pairs: DescribedObjects[Judged], unseen: NDArray[np.int64]) -> _Answers:
    objects = np.flatnonzero(np.isin(pairs.labels, unseen))
    classes = class_features(tower, [pairs.class_names[label] for label in unseen])
    place = {label: position for position, label in enumerate(unseen.tolist())}
    target = np.array([place[label] for label in pairs.labels[objects].tolist()], np.int64)
    view_sets = {ALL: (0, pairs.num_views), **pairs.ranges}
    return _mean_of_views(pairs.features(tower, objects), classes, target, view_sets)


def require_measurable(
    pairs: DescribedObjects[Any],
    held_out: NDArray[np.int64],
    thresholds: Mapping[str, float | None],
    unseen: NDArray[np.int64] = _NONE,
) -> None:
    """Refuse a threshold for what cannot be measured, before a tower is trained in vain.

    Raises:
        ConfigError: Fewer than two objects are held out, or a threshold asks for what these objects do not show.
    """
    objects = _seen(pairs, held_out, unseen)
    if len(objects) < 2:
        raise ConfigError(
            "Too few objects to hold any out for a tower's gate",
            expected="at least 20 objects with texts",
            found=pairs.num_objects,
        )
    measurable = _measurable(pairs, objects, unseen)
    for metric, threshold in thresholds.items():
        if threshold is not None and metric not in measurable:
            raise ConfigError(
                "A tower's gate asks for what cannot be measured",
                where=metric,
                expected=_NEEDED[metric],
                found=f"{len(pairs.class_names)} classes, labels {sorted(set(pairs.labels[held_out].tolist()))[:8]}",
                next_step="set the threshold to null",
            )


_CLASSES = "held-out objects with classes, and at least two classes"
_NEEDED = {
    ZERO_SHOT: _CLASSES,
    MEAN_OF_VIEWS: _CLASSES,
    CAPTION_CLASS: f"{_CLASSES}, with captions",
    CATEGORY: f"{_CLASSES} without colours in their names, with captions that name a colour first",
    COLOUR: f"{_CLASSES} without colours in their names, with captions that name a colour first",
    UNSEEN: "unseen_classes of at least 2",
}


def _measurable(pairs: DescribedObjects[Any], objects: NDArray[np.int64], unseen: NDArray[np.int64]) -> set[str]:
    found = {RETRIEVAL} | ({UNSEEN} if len(unseen) else set())
    if not _has_classes(pairs, objects):
        return found
    captions = [pairs.texts[index].caption for index in objects if pairs.labels[index] >= 0]
    found |= {ZERO_SHOT, MEAN_OF_VIEWS}
    found |= {CAPTION_CLASS} if any(caption is not None for caption in captions) else set()
    coloured = any(named_colour(caption or "") is not None for caption in captions)
    plain = not any(_COLOUR_WORD.search(class_words(name)) for name in pairs.class_names)
    return found | ({CATEGORY, COLOUR} if coloured and plain else set())


def _has_classes(pairs: DescribedObjects[Any], objects: NDArray[np.int64]) -> bool:
    return len(pairs.class_names) > 1 and bool((pairs.labels[objects] >= 0).any())


def _credits(
    features: NDArray[np.floating], candidates: NDArray[np.float32], target: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return (H, V) credits of the pictures of objects with targets (H,)."""
    num_views = features.shape[1]
    flat = top1_credit(features.reshape(-1, features.shape[2]), candidates, np.repeat(target, num_views))
    return flat.reshape(-1, num_views)


def _measure(metric: str, view_set: str, answers: _Answers, threshold: float | None) -> dict[str, Any]:
    start, end = answers.ranges[view_set]
    credit = answers.credit[:, start:end]
    value = round(100 * float(credit.mean()), 4)
    return {
        "metric": metric,
        "view_set": view_set,
        "value": value,
        "unit": "%",
        "chance": round(100 / answers.num_candidates, 4),
        "n_items": int(credit.size),
        "n_objects": len(credit),
        "threshold": threshold,
        "passed": None if threshold is None else value >= threshold,
    }


def log_gate(gate: Mapping[str, Any]) -> None:
    """Log a gate's figures; one that is not passed is a warning.

    Args:
        gate: What :func:`measure_gate` returned.
    """
    for measure in gate["measures"]:
        line = "%s on %s pictures: %.2f %% (chance %.2f %%, %d pictures of %d objects)"
        keys = ("metric", "view_set", "value", "chance", "n_items", "n_objects")
        _log.info(line, *(measure[key] for key in keys))
        if measure["passed"] is False:
            _log.warning(
                "THE GATE IS NOT PASSED: %s is %.2f %%, at least %.2f %% was asked for",
                measure["metric"],
                measure["value"],
                measure["threshold"],
            )
