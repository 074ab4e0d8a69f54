"""Classes that a training never sees: neither their shapes, nor texts that name them.

What an encoder says of such classes is zero-shot in the strict sense. Names are compared as words, so ``night_stand``
of one data set is ``night stand`` of another.

Shape legend: S shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.errors import ConfigError, nearest
from concord3d.features.prompts import class_words


class UnseenClasses:
    """Some class names.

    Args:
        names: As any data set writes them.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._words = tuple(_plain(name) for name in names)
        found = "|".join(r"\s+".join(map(re.escape, words.split())) for words in self._words)
        self._named = re.compile(rf"\b(?:{found})(?:s|es)?\b", re.IGNORECASE) if found else None

    def __bool__(self) -> bool:
        return bool(self._words)

    def is_one(self, class_name: str) -> bool:
        """Whether a class is one of these."""
        return _plain(class_name) in self._words

    def labels(self, class_names: tuple[str, ...], where: str) -> NDArray[np.int64]:
        """Return the labels of the classes, ascending.

        Args:
            class_names: Name per label.
            where: The data set, for messages.

        Raises:
            ConfigError: The data set has no such class.
        """
        label_of = {_plain(name): label for label, name in enumerate(class_names)}
        for words in self._words:
            if words not in label_of:
                raise ConfigError(
                    f"No such class{nearest(words, tuple(label_of))}",
                    where=where,
                    expected=f"one of {', '.join(sorted(label_of))}",
                    found=words,
                )
        return np.sort(np.array([label_of[words] for words in self._words], np.int64))

    def names(self, text: str) -> bool:
        """Whether a text holds the name of one of the classes as whole words, in the singular or the plural."""
        return self._named is not None and self._named.search(text) is not None

    def kept(self, split: CloudSplit) -> NDArray[np.int64]:
        """Return the indices of the shapes of other classes.

        Args:
            split: (S,) shapes.

        Raises:
            ConfigError: The data set has no such class, or a shape has none: it might be one of these.
        """
        if not self:
            return np.arange(len(split))
        unseen = self.labels(split.class_names, split.dataset)
        unknown = int((split.labels < 0).sum())
        if unknown:
            raise ConfigError(
                "Shapes without a class may be of a class that must not be seen",
                where=split.dataset,
                expected="a data set whose every shape has a class",
                found=f"{unknown} of {len(split)} shapes without",
            )
        return np.flatnonzero(~np.isin(split.labels, unseen))

    def without(self, texts: ShapeTexts) -> ShapeTexts:
        """Return those texts of a shape that name none of the classes."""
        return ShapeTexts(
            "" if self.names(texts.raw) else texts.raw,
            tuple(text for text in texts.captions if not self.names(text)),
            tuple(text for text in texts.retrieved if not self.names(text)),
        )


NO_CLASSES = UnseenClasses(())


def _plain(name: str) -> str:
    return class_words(name).lower()
