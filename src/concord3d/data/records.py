"""The canonical form of a split of point clouds, which every reader yields and every consumer takes.

Shape legend: S shapes, P points per shape. Right-handed axes, y up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays, write_arrays
from concord3d.errors import BadCloud, UnreadableFile

DATA_KINDS = ("synthetic", "real")
# What stands for a colour where there is none: 0.4 of full (MM-Mixing spec 1.3).
NO_COLOR = 102
_PART_SHAPES = 1024


@dataclass(frozen=True)
class ShapeTexts:
    """What is written about one shape (MM-Mixing spec 1.1).

    Attributes:
        raw: Text of the source's own metadata, such as a model's name; empty where there is none or it is unusable.
        captions: Descriptions of its pictures.
        retrieved: Texts of similar pictures found elsewhere; the noisiest kind.
    """

    raw: str = ""
    captions: tuple[str, ...] = ()
    retrieved: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every text: raw (where there is one), captions, retrieved."""
        return (*((self.raw,) if self.raw else ()), *self.captions, *self.retrieved)

    def to_json(self) -> str:
        """Return the texts as one line of JSON."""
        return json.dumps([self.raw, self.captions, self.retrieved], ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> ShapeTexts:
        """Read what :meth:`to_json` wrote."""
        raw, captions, retrieved = json.loads(line)
        return cls(raw, tuple(captions), tuple(retrieved))


@dataclass(frozen=True)
class CloudSplit:
    """One split of a data set of labelled clouds.

    Attributes:
        dataset: Identifier in ``datasets.yaml``.
        split: ``train``, ``val`` or ``test``.
        data_kind: ``synthetic`` or ``real``.
        points: (S, P, 3) float32, as stored by the data set (not normalised here).
        labels: (S,) int64 class index, -1 where the set has no classes.
        class_names: One name per class index.
        names: One identifier per shape.
        part_labels: (S, P) int64 part label per point, or None.
        foreground: (S, P) bool, False on background points, or None.
        colors: (S, P, 3) uint8 RGB per point, or None where the data set has no colour.
        texts: Texts of each shape, or None where the data set has none.
    """

    dataset: str
    split: str
    data_kind: str
    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    part_labels: NDArray[np.int64] | None = None
    foreground: NDArray[np.bool_] | None = None
    colors: NDArray[np.uint8] | None = None
    texts: tuple[ShapeTexts, ...] | None = None

    def __len__(self) -> int:
        return len(self.points)

    def subset(self, index: NDArray[np.int64]) -> CloudSplit:
        """Return the shapes at ``index``, in that order."""
        return CloudSplit(
            self.dataset,
            self.split,
            self.data_kind,
            self.points[index],
            self.labels[index],
            self.class_names,
            tuple(self.names[i] for i in index),
            None if self.part_labels is None else self.part_labels[index],
            None if self.foreground is None else self.foreground[index],
            None if self.colors is None else self.colors[index],
            None if self.texts is None else tuple(self.texts[i] for i in index),
        )

    def validated(self, where: str | Path | None = None) -> CloudSplit:
        """Return self.

        Raises:
            BadCloud: No shapes, a wrong shape of array, or coordinates that are not finite.
        """
        where = where or f"{self.dataset}/{self.split}"
        if self.points.ndim != 3 or self.points.shape[2] != 3 or 0 in self.points.shape:
            raise BadCloud("Clouds have the wrong shape", where=where, expected="(S, P, 3)", found=self.points.shape)
        if not len(self.points) == len(self.labels) == len(self.names):
            raise BadCloud(
                "Clouds, labels and names differ in number",
                where=where,
                expected=len(self.points),
                found=(len(self.labels), len(self.names)),
            )
        if self.colors is not None and self.colors.shape != self.points.shape:
            raise BadCloud(
                "Colours do not fit the points", where=where, expected=self.points.shape, found=self.colors.shape
            )
        if self.texts is not None and len(self.texts) != len(self.points):
            raise BadCloud(
                "Texts and shapes differ in number", where=where, expected=len(self.points), found=len(self.texts)
            )
        bad = not_finite(self.points)
        if len(bad):
            raise BadCloud(
                "Clouds hold coordinates that are not finite",
                where=where,
                expected="finite coordinates",
                found=f"{len(bad)} of {len(self)} shapes, first: index {bad[0]} ({self.names[bad[0]]})",
            )
        return self

    def save(self, path: Path) -> None:
        """Write the split as one uncompressed ``.npz`` (bytes depend on the content alone)."""
        arrays: dict[str, Any] = {"identity": np.array([self.dataset, self.split, self.data_kind])}
        arrays |= {"points": self.points, "labels": self.labels}
        arrays |= {"class_names": np.array(self.class_names), "names": np.array(self.names)}
        arrays |= {"part_labels": self.part_labels} if self.part_labels is not None else {}
        arrays |= {"foreground": self.foreground} if self.foreground is not None else {}
        arrays |= {"colors": self.colors} if self.colors is not None else {}
        arrays |= {"texts": _packed(self.texts)} if self.texts is not None else {}
        write_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path) -> CloudSplit:
        """Read a split written by :meth:`save`; large arrays are mapped (:func:`concord3d.arrays.read_arrays`).

        Raises:
            UnreadableFile: The file is absent, truncated or lacks a key.
        """
        arrays = read_arrays(path, "a store of clouds")
        try:
            dataset, split, data_kind = (str(part) for part in arrays["identity"])
            return cls(
                dataset,
                split,
                data_kind,
                arrays["points"],
                arrays["labels"],
                tuple(str(name) for name in arrays["class_names"]),
                tuple(str(name) for name in arrays["names"]),
                arrays.get("part_labels"),
                arrays.get("foreground"),
                arrays.get("colors"),
                _unpacked(arrays["texts"]) if "texts" in arrays else None,
            )
        except (KeyError, ValueError) as error:
            raise UnreadableFile(
                "Not a store of clouds", where=path, found=error, next_step="delete the file and run again"
            ) from error


def not_finite(points: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the shapes of (S, P, 3) clouds with a coordinate that is not finite, looking at a part at a time."""
    parts = range(0, len(points), _PART_SHAPES)
    bad = [np.flatnonzero(~np.isfinite(points[i : i + _PART_SHAPES]).all(axis=(1, 2))) + i for i in parts]
    return np.concatenate(bad) if bad else np.zeros(0, np.int64)


def joined(splits: Sequence[CloudSplit]) -> CloudSplit:
    """Put several splits behind one another, to train on them together without labels.

    Args:
        splits: At least one; of one split, that split itself is returned.

    Returns:
        All shapes in order, in memory, without classes. Colours become grey, and texts empty, for a split that has none
        while another has some.

    Raises:
        BadCloud: The splits have different numbers of points.
    """
    if len(splits) == 1:
        return splits[0]
    sizes = {f"{split.dataset}/{split.split}": split.points.shape[1] for split in splits}
    if len(set(sizes.values())) > 1:
        raise BadCloud(
            "Data sets that are trained on together have different numbers of points",
            where="+".join(split.dataset for split in splits),
            expected="one number for all",
            found=sizes,
            next_step="give them the same num_points in the scale's datasets",
        )
    has_colors = any(split.colors is not None for split in splits)
    has_texts = any(split.texts is not None for split in splits)
    kinds = {split.data_kind for split in splits}
    return CloudSplit(
        dataset="+".join(split.dataset for split in splits),
        split=splits[0].split,
        data_kind=kinds.pop() if len(kinds) == 1 else "mixed",
        points=np.concatenate([split.points for split in splits]),
        labels=np.full(sum(map(len, splits)), -1),
        class_names=(),
        names=tuple(f"{split.dataset}/{name}" for split in splits for name in split.names),
        colors=np.concatenate([_colors_of(split) for split in splits]) if has_colors else None,
        texts=tuple(text for split in splits for text in _texts_of(split)) if has_texts else None,
    )


def _colors_of(split: CloudSplit) -> NDArray[np.uint8]:
    return np.full(split.points.shape, NO_COLOR, np.uint8) if split.colors is None else split.colors


def _texts_of(split: CloudSplit) -> tuple[ShapeTexts, ...]:
    return (ShapeTexts(),) * len(split) if split.texts is None else split.texts


def _packed(texts: tuple[ShapeTexts, ...]) -> NDArray[np.uint8]:
    # An array of strings would give every shape the room of the longest one.
    return np.frombuffer("\n".join(shape.to_json() for shape in texts).encode(), np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> tuple[ShapeTexts, ...]:
    return tuple(ShapeTexts.from_json(line) for line in packed.tobytes().decode().split("\n"))
