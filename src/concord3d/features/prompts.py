"""Sentences around class names, and one feature per class from them (MM-Mixing spec 5.1: the mean over 64 templates).

The number of templates is the published protocol's; the wording is ours.

Shape legend: C classes, D feature width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays, write_arrays
from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.errors import ConfigError, UnreadableFile
from concord3d.features.tower import TextEncoder, TowerMismatch

TEMPLATES = (
    "{}.",
    "one {}.",
    "this is {a}.",
    "here is {a}.",
    "look, {a}.",
    "a view of {a}.",
    "an image of {a}.",
    "an image showing {a}.",
    "{a} in an image.",
    "{a} seen from one side.",
    "{a} seen from above.",
    "{a} seen from a low angle.",
    "the front of {a}.",
    "the back of {a}.",
    "the outline of {a}.",
    "the shape of {a}.",
    "the surface of {a}.",
    "a rendering of {a}.",
    "a grey rendering of {a}.",
    "a coloured rendering of {a}.",
    "a rendering of {a} on a white background.",
    "a small rendering of {a}.",
    "a depth image of {a}.",
    "a silhouette of {a}.",
    "a point cloud of {a}.",
    "a sparse point cloud of {a}.",
    "a dense point cloud of {a}.",
    "points on the surface of {a}.",
    "a 3D scan of {a}.",
    "a noisy 3D scan of {a}.",
    "an incomplete 3D scan of {a}.",
    "a 3D model of {a}.",
    "a simple 3D model of {a}.",
    "a detailed 3D model of {a}.",
    "a low polygon model of {a}.",
    "a triangle mesh of {a}.",
    "a CAD model of {a}.",
    "a plain model of {a}.",
    "a textured model of {a}.",
    "a toy model of {a}.",
    "a virtual {}.",
    "a computer drawing of {a}.",
    "a photograph of {a}.",
    "a dark photograph of {a}.",
    "a bright photograph of {a}.",
    "a blurred photograph of {a}.",
    "a close photograph of {a}.",
    "a photograph of {a} in a room.",
    "a photograph of {a} in front of a wall.",
    "a photograph of {a} on the floor.",
    "a photograph of some {}.",
    "a snapshot of {a}.",
    "a picture with {a} in the middle.",
    "a picture in which there is {a}.",
    "a cropped picture of {a}.",
    "a picture of a part of {a}.",
    "a picture of a large {}.",
    "a picture of a small {}.",
    "a picture of an old {}.",
    "a picture of a new {}.",
    "a picture of an ordinary {}.",
    "a picture of an unusual {}.",
    "the object is {a}.",
    "an object of the kind {}.",
)


def class_words(class_name: str) -> str:
    """Return a class name as words: ``night_stand`` becomes ``night stand``."""
    return " ".join(class_name.replace("_", " ").split())


def texts_of(clouds: CloudSplit) -> tuple[ShapeTexts, ...]:
    """Return what is written about each shape; of a data set without texts, the names of the classes."""
    if clouds.texts is not None:
        return clouds.texts
    names = (*clouds.class_names, "")
    return tuple(ShapeTexts(class_words(names[label])) for label in clouds.labels.tolist())


def class_prompts(class_name: str) -> list[str]:
    """Return the 64 sentences about one class, with the article that its first letter asks for."""
    words = class_words(class_name)
    article = "an" if words[:1].lower() in tuple("aeiou") else "a"
    return [template.format(words, a=f"{article} {words}") for template in TEMPLATES]


def all_class_prompts(class_names: Sequence[str]) -> list[str]:
    """Return the sentences about all classes, class after class."""
    return [prompt for name in class_names for prompt in class_prompts(name)]


def class_features(encoder: TextEncoder, class_names: Sequence[str]) -> NDArray[np.float32]:
    """Return one feature per class: the mean of the normalised features of its sentences (MM-Mixing spec 5.1).

    Args:
        encoder: A tower, or stored features that hold :func:`all_class_prompts`.
        class_names: C names; underscores stand for spaces.

    Returns:
        (C, D) float32, not normalised again.

    Raises:
        ConfigError: There are no classes.
    """
    if not class_names:
        raise ConfigError("There are no classes to describe", where="class_names", expected="at least one name")
    features = encoder.encode_texts(all_class_prompts(class_names))
    normalized = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return normalized.reshape(len(class_names), len(TEMPLATES), -1).mean(axis=1)


def save_class_features(path: Path, class_names: Sequence[str], features: NDArray[np.float32]) -> None:
    """Write class features with the names they belong to, complete or not at all.

    Args:
        path: The ``.npz`` file to write.
        class_names: C names.
        features: (C, D).
    """
    write_arrays(path, {"class_names": np.array(class_names), "features": features})


def load_class_features(path: Path, class_names: Sequence[str]) -> NDArray[np.float32]:
    """Read class features, in the order of the names.

    Args:
        path: Written by :func:`save_class_features`.
        class_names: C names, each of which must be in the file.

    Returns:
        (C, D) float32.

    Raises:
        UnreadableFile: The file is absent or damaged.
        TowerMismatch: A class is not in the file.
    """
    stored = read_arrays(path, "class features")
    try:
        row_of = {str(name): row for row, name in enumerate(stored["class_names"])}
        features: NDArray[np.float32] = stored["features"]
    except KeyError as error:
        raise UnreadableFile(
            "Not features of classes", where=path, found=error, next_step="run the encoding step again"
        ) from error
    missing = [name for name in class_names if name not in row_of]
    if missing:
        raise TowerMismatch(
            "Class features are for other classes",
            where=path,
            expected=missing[:8],
            found=sorted(row_of)[:8],
            next_step="encode the class names of this data set",
        )
    return features[[row_of[name] for name in class_names]]
