"""Objects with pictures and texts, from which a tower is trained.

Shape legend: S objects, V pictures per object over all view sets, H and W image height and width, C channels,
s side of the encoder's input, B batch, m pictures per item, D feature width.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError
from concord3d.features.preprocess import Preprocess
from concord3d.features.prompts import TEMPLATES, class_prompts
from concord3d.features.tower import is_unusable
from concord3d.files import canonical_json

Encoder_contra = TypeVar("Encoder_contra", contravariant=True)


class PictureReader(Protocol):
    """What is needed of a store of pictures, or of their features (:class:`concord3d.render.stored.ViewSet` is one)."""

    @property
    def num_objects(self) -> int: ...

    @property
    def num_views(self) -> int: ...

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[Any]:
        """Return (B, m, H, W, C) pictures, or (B, m, D) features, for objects (B,) and views (B, m)."""
        ...


@dataclass(frozen=True)
class PicturedObjects:
    """The objects of one data set.

    Attributes:
        name: The data set.
        views: One store of pictures per view set, in a fixed order; object i is object i of the data set.
        texts: Texts of each object; an object without any is not trained on.
        labels: Class of each object, -1 for none.
        class_names: Name per class.
    """

    name: str
    views: Mapping[str, PictureReader]
    texts: tuple[ShapeTexts, ...]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class TextShares:
    """How often each kind of text is learned from, relative to the other kinds that an object has.

    Attributes:
        raw: The raw text.
        captions: One of the captions.
        retrieved: One of the retrieved texts, the noisiest kind.
        sentence: Probability that a raw text is put into one of the sentences for class names.
    """

    raw: float = 1.0
    captions: float = 1.0
    retrieved: float = 1.0
    sentence: float = 0.5


class TextChoice:
    """The usable texts of one object.

    Args:
        texts: All its texts.
    """

    def __init__(self, texts: ShapeTexts) -> None:
        kinds = {"captions": texts.captions, "raw": (texts.raw,), "retrieved": texts.retrieved}
        usable = {kind: tuple(text for text in some if not is_unusable(text)) for kind, some in kinds.items()}
        self._kinds = {kind: some for kind, some in usable.items() if some}

    def __bool__(self) -> bool:
        return bool(self._kinds)

    @property
    def captions(self) -> tuple[str, ...]:
        """All descriptions of its pictures."""
        return self._kinds.get("captions", ())

    @property
    def caption(self) -> str | None:
        """The first description of its pictures."""
        return next(iter(self.captions), None)

    @property
    def description(self) -> str:
        """The text that says most: a caption, else the raw text, else a retrieved one."""
        return next(iter(self._kinds.values()))[0]

    def draw(self, shares: TextShares, generator: torch.Generator) -> str:
        """Choose one text: first its kind among those that there are, then one of that kind.

        Args:
            shares: How often each kind is chosen.
            generator: Source of all choices.
        """
        weights = [getattr(shares, kind) for kind in self._kinds]
        level = float(torch.rand((), generator=generator)) * sum(weights)
        passed = np.flatnonzero(np.cumsum(weights) > level)
        kind = tuple(self._kinds)[passed[0] if len(passed) else -1]
        texts = self._kinds[kind]
        text = texts[int(torch.randint(len(texts), (), generator=generator))]
        if kind == "raw" and float(torch.rand((), generator=generator)) < shares.sentence:
            return class_prompts(text)[int(torch.randint(len(TEMPLATES), (), generator=generator))]
        return text


class DescribedObjects(ABC, Generic[Encoder_contra]):
    """All objects of some data sets that have pictures and at least one usable text, in one order.

    As a reader of pictures, object i is the i-th of these, and its pictures are those of all view sets. What is stored
    of a picture is the matter of the subclasses: :class:`Pairs` reads pixels,
    :class:`concord3d.features.feature_pairs.FeaturePairs` what a frozen encoder made of them.

    Args:
        sets: The data sets; all with the same view sets.

    Raises:
        ConfigError: View sets differ between data sets, numbers of objects do not fit, or no object has a text.
    """

    def __init__(self, sets: Sequence[PicturedObjects]) -> None:
        self._sets = tuple(sets)
        _check(self._sets)
        choices = [[TextChoice(texts) for texts in part.texts] for part in self._sets]
        usable = [np.array([bool(choice) for choice in part], bool) for part in choices]
        self._set_of = np.repeat(np.arange(len(usable)), [int(mask.sum()) for mask in usable])
        self._row_of = np.concatenate([np.flatnonzero(mask) for mask in usable])
        self.num_without_text = int(sum((~mask).sum() for mask in usable))
        self.texts = tuple(
            choices[part][row] for part, row in zip(self._set_of.tolist(), self._row_of.tolist(), strict=True)
        )
        if not self.texts:
            raise ConfigError(
                "No object has a text to learn from",
                where=", ".join(part.name for part in self._sets),
                expected="at least one object with a text that is not empty",
                found=f"{self.num_without_text} objects without",
            )
        counts = {name: reader.num_views for name, reader in self._sets[0].views.items()}
        ends = np.cumsum(list(counts.values())).tolist()
        #: Range of each view set among the pictures of an object.
        self.ranges = {name: (end - counts[name], end) for name, end in zip(counts, ends, strict=True)}

    @property
    def num_objects(self) -> int:
        """S."""
        return len(self.texts)

    @property
    def num_views(self) -> int:
        """V."""
        return max(end for _, end in self.ranges.values())

    @property
    def class_names(self) -> tuple[str, ...]:
        """The distinct class names of all data sets, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for part in self._sets for name in part.class_names))

    @property
    def labels(self) -> NDArray[np.int64]:
        """(S,) index into :attr:`class_names`, -1 for none."""
        joint = {name: index for index, name in enumerate(self.class_names)}
        tables = [np.array([*(joint[name] for name in part.class_names), -1]) for part in self._sets]
        pairs = zip(self._set_of.tolist(), self._row_of.tolist(), strict=True)
        return np.array([tables[part][self._sets[part].labels[row]] for part, row in pairs], np.int64)

    @property
    def identity(self) -> str:
        """SHA-256 over all texts and labels and what is stored of each object's first picture in every view set."""
        digest = hashlib.sha256()
        for part in self._sets:
            views = {name: reader.num_views for name, reader in part.views.items()}
            head = [part.name, list(views.items()), part.class_names, [texts.to_json() for texts in part.texts]]
            digest.update(canonical_json(head).encode("utf-8", "surrogatepass"))
            digest.update(np.ascontiguousarray(part.labels, np.int64).data)
            rows = np.arange(len(part.texts))
            for reader in part.views.values():
                digest.update(np.ascontiguousarray(reader.read(rows, np.zeros((len(rows), 1), np.int64))).data)
        return digest.hexdigest()

    @property
    def every_view(self) -> NDArray[np.int64]:
        """(1, V) index of all pictures of an object."""
        return np.arange(self.num_views)[None]

    @abstractmethod
    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[Any]:
        """Return what a training sees of some pictures of some objects.

        Args:
            object_index: (B,) in [0, S).
            view_index: (B, m) in [0, V).

        Returns:
            (B, m, ...).
        """

    @abstractmethod
    def features(self, encoder: Encoder_contra, objects: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return features of all pictures of some objects.

        Args:
            encoder: What makes them of what is stored.
            objects: (B,) indices.

        Returns:
            (B, V, D).
        """

    def _gather(
        self,
        object_index: NDArray[np.int64],
        view_index: NDArray[np.int64],
        out: NDArray[Any],
        ready: Callable[[NDArray[Any]], NDArray[Any]],
    ) -> None:
        """Fill ``out`` (B, m, ...) with what ``ready`` makes of what is stored, (n, ...) at a time."""
        sets, rows = self._set_of[object_index], self._row_of[object_index]
        for number, part in enumerate(self._sets):
            for name, (start, end) in self.ranges.items():
                wanted = (sets == number)[:, None] & (view_index >= start) & (view_index < end)
                item, place = np.nonzero(wanted)
                if not len(item):
                    continue
                stored = part.views[name].read(rows[item], (view_index[item, place] - start)[:, None])[:, 0]
                out[item, place] = ready(stored)


class PictureFeatures(Protocol):
    """Anything that turns pictures into features: a tower, or a picture encoder alone."""

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (B, D) features of (B, s, s, 3) uint8 pictures."""
        ...


class Pairs(DescribedObjects[PictureFeatures]):
    """Objects with pictures, read at the size that the image encoder sees.

    Args:
        sets: See :class:`DescribedObjects`.
        preprocess: Resizing of the tower.
    """

    def __init__(self, sets: Sequence[PicturedObjects], preprocess: Preprocess) -> None:
        super().__init__(sets)
        self._preprocess = preprocess

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return (B, m, s, s, 3) uint8 pictures; see :meth:`DescribedObjects.read`."""
        side = self._preprocess.size
        out = np.empty((*view_index.shape, side, side, 3), np.uint8)
        self._gather(object_index, view_index, out, self._resized)
        return out

    def _resized(self, stored: NDArray[np.uint8]) -> NDArray[np.uint8]:
        resized = self._preprocess.resize(torch.from_numpy(np.ascontiguousarray(stored)))
        pictures: NDArray[np.uint8] = resized.permute(0, 2, 3, 1).numpy()
        return pictures

    def features(self, encoder: PictureFeatures, objects: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (B, V, D) features of all pictures of some objects, encoded object after object."""
        rows = (objects[row : row + 1] for row in range(len(objects)))
        return np.stack([encoder.encode_images(self.read(row, self.every_view)[0]) for row in rows])


def _check(sets: Sequence[PicturedObjects]) -> None:
    if not sets or not sets[0].views:
        raise ConfigError("A tower is trained on at least one data set with at least one view set")
    expected = {name: reader.num_views for name, reader in sets[0].views.items()}
    for part in sets:
        found = {name: reader.num_views for name, reader in part.views.items()}
        if found != expected:
            raise ConfigError(
                "The data sets of a tower have different pictures", where=part.name, expected=expected, found=found
            )
        numbers = {name: reader.num_objects for name, reader in part.views.items()} | {"labels": len(part.labels)}
        wrong = {name: number for name, number in numbers.items() if number != len(part.texts)}
        if wrong:
            raise ConfigError(
                "Pictures, texts and labels differ in number", where=part.name, expected=len(part.texts), found=wrong
            )
