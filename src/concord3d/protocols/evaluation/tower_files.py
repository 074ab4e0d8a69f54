"""From the workflow's files of tower features to what an evaluation compares with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.features.prompts import load_class_features
from concord3d.features.stored import open_features
from concord3d.protocols.evaluation.tower_features import TowerFeatures


@dataclass(frozen=True)
class TowerFiles:
    """Files of a tower's features of one test split; what is not needed is None.

    Attributes:
        classes: Features of the class names.
        images: Index of the features of its pictures.
        texts: Index of the features of its texts.
        pictures: Its pictures themselves, which a job opens when it needs them.
    """

    classes: Path | None = None
    images: Path | None = None
    texts: Path | None = None
    pictures: Path | None = None


def read_tower_features(test: CloudSplit, files: TowerFiles) -> TowerFeatures:
    """Read features of a test split.

    Args:
        test: The split, in whose order the features are returned.
        files: Where they are.

    Raises:
        UnreadableFile: A file is absent or damaged.
        TowerMismatch: The class features are for other classes.
    """
    classes = None if files.classes is None else load_class_features(files.classes, test.class_names)
    images = None if files.images is None else open_features(files.images).array
    if files.texts is None:
        return TowerFeatures(classes, images, pictures=files.pictures)
    encoded = open_features(files.texts)
    texts = _descriptions(test.texts or (ShapeTexts(),) * len(test))
    rows = [encoded.row_of.get(text) for text in texts]
    has_text = np.array([row is not None for row in rows])
    features = np.zeros((len(rows), encoded.dim), np.float32)
    features[has_text] = encoded.array[[row for row in rows if row is not None]]
    return TowerFeatures(classes, images, features, has_text, texts, files.pictures)


def _descriptions(texts: Sequence[ShapeTexts]) -> tuple[str, ...]:
    """Return the text that stands for each shape: its first caption, else its raw text (MM-Mixing spec 5.3)."""
    return tuple(item.captions[0] if item.captions else item.raw for item in texts)
