"""Features of a frozen tower that embeddings of shapes are compared with.

Shape legend: S shapes, C classes, V pictures per shape, D feature width.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.vectors import check_features


@dataclass(frozen=True)
class TowerFeatures:
    """What a tower says about the test split; what a protocol does not need may be absent.

    Attributes:
        class_features: (C, D) one row per class name, in the order of the split's classes.
        image_features: (S, V, D) of each shape's pictures; any floating type, may be memory-mapped.
        text_features: (S, D) of one text of each shape; rows without text are never read.
        has_text: (S,) bool; None means that every shape has a text.
        texts: (S,) the texts encoded, for figures.
        pictures: File of the pictures themselves.
    """

    class_features: NDArray[Any] | None = None
    image_features: NDArray[Any] | None = None
    text_features: NDArray[Any] | None = None
    has_text: NDArray[np.bool_] | None = None
    texts: tuple[str, ...] | None = None
    pictures: Path | None = None

    @property
    def has_texts(self) -> bool:
        """Whether any shape has a text."""
        return self.text_features is not None and (self.has_text is None or bool(self.has_text.any()))

    def classes(self, num_classes: int, width: int) -> NDArray[np.float32]:
        """Return (C, D) features of the class names.

        Args:
            num_classes: C.
            width: D of the embeddings they are compared with.

        Raises:
            EvaluationError: They are absent, do not fit, or are not finite.
        """
        features = _present(self.class_features, "class names", "classes")
        _fits(features.shape, (num_classes, width), "class names")
        return _checked(features, "features of class names")

    def num_views(self, num_shapes: int, width: int) -> int:
        """Return V, the number of pictures per shape.

        Raises:
            EvaluationError: Features of pictures are absent or do not fit.
        """
        features = _present(self.image_features, "pictures", "images")
        count = features.shape[1] if features.ndim == 3 else 1
        _fits(features.shape, (num_shapes, max(count, 1), width), "pictures")
        return int(count)

    def images(self, view: int, num_shapes: int, width: int) -> NDArray[np.float32]:
        """Return (S, D) features of one picture of every shape.

        Args:
            view: Which of the V pictures.
            num_shapes: S.
            width: D of the embeddings they are compared with.

        Raises:
            EvaluationError: They are absent, do not fit, are not finite, or there is no such picture.
        """
        num_views = self.num_views(num_shapes, width)
        if not 0 <= view < num_views:
            raise EvaluationError("There is no such picture", expected=f"0 to {num_views - 1}", found=view)
        return _checked(_present(self.image_features, "pictures", "images")[:, view], "features of pictures")

    def described(self, num_shapes: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return which shapes have a text (n,), and the features of those texts (n, D).

        Args:
            num_shapes: S.
            width: D of the embeddings they are compared with.

        Raises:
            EvaluationError: Features of texts are absent, do not fit, or are not finite; or no shape has a text.
        """
        features = _present(self.text_features, "texts", "texts")
        _fits(features.shape, (num_shapes, width), "texts")
        has_text = np.ones(num_shapes, dtype=np.bool_) if self.has_text is None else self.has_text
        _fits(has_text.shape, (num_shapes,), "the mask of texts")
        rows = np.flatnonzero(has_text)
        if len(rows) == 0:
            raise EvaluationError("No shape of the test split has a text", expected="at least one", found=0)
        return rows, _checked(features[rows], "features of texts")


def _present(features: NDArray[Any] | None, what: str, need: str) -> NDArray[Any]:
    if features is None:
        raise EvaluationError(
            f"The protocol compares with features of {what}, and there are none",
            expected=f"tower features of {what}",
            found=None,
            next_step=f"name '{need}' in the protocol's needs, and data sets that have them",
        )
    return features


def _fits(found: tuple[int, ...], expected: tuple[int, ...], what: str) -> None:
    if found != expected:
        raise EvaluationError(
            f"Tower features of {what} do not fit the split or the encoder",
            expected=expected,
            found=found,
            next_step="use features of this split, made by the tower that the encoder was aligned with",
        )


def _checked(features: NDArray[Any], where: str) -> NDArray[np.float32]:
    values = np.asarray(features, dtype=np.float32)
    check_features(values, where)
    return values
