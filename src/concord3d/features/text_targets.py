"""What each object is in the space of a sentence encoder, and which classes a tower is not told of.

Shape legend: S objects, D feature width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConfigError
from concord3d.features.pairs import DescribedObjects
from concord3d.features.prompts import class_features
from concord3d.features.tower import TextEncoder
from concord3d.features.unseen_classes import NO_CLASSES, UnseenClasses


def text_targets(
    encoder: TextEncoder,
    pairs: DescribedObjects[Any],
    objects: NDArray[np.int64],
    class_share: float,
    unseen: UnseenClasses = NO_CLASSES,
) -> NDArray[np.float32]:
    """Return what each object is, as one unit vector.

    It is the weighted mean of the sentences about its class and of its captions, each of unit length. An object without
    a class has its captions, one without captions its class, and one with neither the text that says most about it.

    Args:
        encoder: The sentence encoder.
        pairs: All objects.
        objects: (n,) indices.
        class_share: Weight of the class; with 0 no object counts as having one.
        unseen: Captions that name one of these classes are left out. The objects are of no such class, and
            :func:`fitted_objects` has chosen them.

    Returns:
        (n, D) float32.
    """
    labels = pairs.labels[objects] if class_share > 0 else np.full(len(objects), -1, np.int64)
    used = sorted({pairs.class_names[label] for label in labels if label >= 0})
    class_of = dict(zip(used, _unit(class_features(encoder, used)), strict=True)) if used else {}
    written = [
        _texts(pairs, index, label, unseen) for index, label in zip(objects.tolist(), labels.tolist(), strict=True)
    ]
    distinct = sorted({text for texts in written for text in texts})
    vector_of = dict(zip(distinct, _unit(encoder.encode_texts(distinct)), strict=True)) if distinct else {}
    targets = []
    for label, texts in zip(labels.tolist(), written, strict=True):
        parts = []
        if texts:
            parts.append(
                (1 - class_share if label >= 0 else 1, _unit(np.sum([vector_of[text] for text in texts], axis=0)))
            )
        if label >= 0:
            parts.append((class_share if texts else 1, class_of[pairs.class_names[label]]))
        targets.append(_unit(np.sum([weight * vector for weight, vector in parts], axis=0)))
    return np.stack(targets).astype(np.float32)


def _texts(pairs: DescribedObjects[Any], index: int, label: int, unseen: UnseenClasses) -> tuple[str, ...]:
    choice = pairs.texts[index]
    captions = tuple(text for text in choice.captions if not unseen.names(text))
    return captions or (() if label >= 0 else (choice.description,))


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = np.asarray(vectors, np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=-1, keepdims=True), 1e-12)


def unseen_labels(pairs: DescribedObjects[Any], asked: int | Sequence[str], seed: int) -> NDArray[np.int64]:
    """Return the classes that nothing is fitted on, chosen by name or by lot among those that have objects.

    Args:
        pairs: All objects.
        asked: Their names, or how many.
        seed: Chooses them where their number is given; the order of the classes does not matter.

    Returns:
        (count,) ascending labels.

    Raises:
        ConfigError: There is no such class, one class alone, which cannot be confused, or fewer than two classes would
            be left.
    """
    count = asked if isinstance(asked, int) else len(asked)
    present = sorted(np.unique(pairs.labels[pairs.labels >= 0]).tolist(), key=lambda label: pairs.class_names[label])
    if count == 1 or (count and len(present) - count < 2):
        raise ConfigError(
            "Too few classes to leave any out of a tower's alignment",
            where="objective.unseen_classes",
            expected=f"0, or 2 to {max(len(present) - 2, 0)}",
            found=count,
        )
    if not isinstance(asked, int):
        return UnseenClasses(asked).labels(pairs.class_names, "objective.unseen_classes")
    chosen = np.random.default_rng(seed).choice(len(present), count, replace=False)
    return np.sort(np.array(present, np.int64)[chosen])


def fitted_objects(
    pairs: DescribedObjects[Any], objects: NDArray[np.int64], class_share: float, unseen: UnseenClasses
) -> NDArray[np.int64]:
    """Return those objects that a tower may learn from which is told nothing of some classes.

    An object that counts as having no class might be of one of these; what is written about it tells.

    Args:
        pairs: All objects.
        objects: Ascending indices of objects of other classes, or of none.
        class_share: With 0 no object counts as having a class.
        unseen: The classes.

    Returns:
        Ascending indices.
    """
    labels = pairs.labels[objects]
    described = objects[(labels < 0) | (class_share == 0)]
    named = [index for index in described.tolist() if unseen.names(pairs.texts[index].description)]
    return np.setdiff1d(objects, named)
