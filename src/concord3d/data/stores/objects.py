"""Stores of objects: one cloud per shape, all of one size, with the class, the texts and the labels of its points.

Shape legend: S shapes, P points per shape. Right-handed axes, y up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from concord3d.data.stores.interface import (
    Limits,
    Store,
    StoreIdentity,
    check_labels,
    check_radius,
    not_finite,
    words,
)
from concord3d.errors import BadCloud, WrongRelease

# What stands for a colour where there is none: 0.4 of full (MM-Mixing spec 1.3).
NO_COLOR = 102


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
class CloudSplit(Store):
    """One split of a data set of labelled clouds.

    Attributes:
        points: (S, P, 3) float32, as stored by the data set (not normalised here).
        labels: (S,) int64 class index, -1 where the set has no classes.
        class_names: One name per class index.
        names: One identifier per shape.
        part_labels: (S, P) int64 part label per point, or None.
        foreground: (S, P) bool, False on background points, or None.
        colors: (S, P, 3) uint8 RGB per point, or None where the data set has no colour.
        texts: Texts of each shape, or None where the data set has none.
    """

    kind: ClassVar[str] = "objects"

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

    def with_class_names(self, class_names: tuple[str, ...]) -> CloudSplit:
        """Return the same with these names of classes."""
        return replace(self, class_names=class_names)

    def subset(self, index: NDArray[np.int64]) -> CloudSplit:
        """Return the shapes at ``index``, in that order."""
        return replace(
            self,
            points=self.points[index],
            labels=self.labels[index],
            names=tuple(self.names[i] for i in index),
            part_labels=None if self.part_labels is None else self.part_labels[index],
            foreground=None if self.foreground is None else self.foreground[index],
            colors=None if self.colors is None else self.colors[index],
            texts=None if self.texts is None else tuple(self.texts[i] for i in index),
        )

    def first_points(self, num_points: int) -> CloudSplit:
        """Return the first ``num_points`` points of every cloud, as published protocols do (MM-Point spec 4.1, note).

        Raises:
            BadCloud: The clouds have fewer points.
        """
        stored = self.points.shape[1]
        if not 0 < num_points <= stored:
            raise BadCloud(
                "Clouds have fewer points than asked" if num_points > stored else "At least one point must be asked",
                where=f"{self.dataset}/{self.split}",
                expected=f"1 to {stored} points",
                found=num_points,
                next_step=f"set data.num_points to {stored} or less",
            )
        return replace(
            self,
            points=self.points[:, :num_points],
            part_labels=None if self.part_labels is None else self.part_labels[:, :num_points],
            foreground=None if self.foreground is None else self.foreground[:, :num_points],
            colors=None if self.colors is None else self.colors[:, :num_points],
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

    def check(self, limits: Limits, where: str | Path) -> None:
        """Compare labels and coordinates with what the catalogue says.

        Raises:
            WrongRelease: Labels out of range or of another class than the shape's name, parts of another class, or
                points too far out.
            BadCloud: All points of a cloud are identical.
        """
        check_labels("Labels", self.dataset, self.labels, limits.lowest_label, len(self.class_names), where)
        for name, label in zip(self.names, self.labels, strict=True):
            category, slash, _ = name.partition("/")
            if slash and category in self.class_names and label >= 0 and self.class_names[label] != category:
                raise WrongRelease(
                    f"A shape of '{self.dataset}' has the label of another class (class order permuted?)",
                    where=where,
                    expected=f"{name}: {self.class_names.index(category)}",
                    found=f"{label} ({self.class_names[label]})",
                )
        if self.part_labels is not None and limits.class_parts:
            check_labels("Part labels", self.dataset, self.part_labels, 0, sum(limits.class_parts), where)
            self._check_parts(self.part_labels, limits.class_parts, where)
        spread = np.ptp(self.points, axis=1).max(axis=1)
        collapsed = np.flatnonzero(spread == 0)
        if len(collapsed):
            raise BadCloud(
                "All points of a cloud are identical",
                where=where,
                expected="a cloud with an extent",
                found=f"{len(collapsed)} of {len(self)} shapes, first: {self.names[collapsed[0]]}",
            )
        if limits.max_radius is not None:
            squared = max(np.square(cloud, dtype=np.float64).sum(axis=1).max() for cloud in self.points)
            check_radius(self.dataset, float(np.sqrt(squared)), limits.max_radius, where)

    def _check_parts(self, parts: NDArray[np.int64], class_parts: tuple[int, ...], where: str | Path) -> None:
        """Raise WrongRelease where a shape has a part of another class."""
        ends = np.cumsum(class_parts)
        firsts, ends = (ends - class_parts)[self.labels, None], ends[self.labels, None]
        strange = np.argwhere((self.labels[:, None] >= 0) & ((parts < firsts) | (parts >= ends)))
        if len(strange):
            shape, point = strange[0]
            raise WrongRelease(
                f"A shape of '{self.dataset}' has parts of another class (order of classes or parts permuted?)",
                where=where,
                expected=f"{self.class_names[self.labels[shape]]}: parts {firsts[shape, 0]} to {ends[shape, 0] - 1}",
                found=f"{self.names[shape]}: part {parts[shape, point]}; {len(set(strange[:, 0]))} shapes have such",
            )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but the identity, as arrays by name."""
        optional: dict[str, NDArray[Any] | None] = {
            "part_labels": self.part_labels,
            "foreground": self.foreground,
            "colors": self.colors,
            "texts": None if self.texts is None else _packed(self.texts),
        }
        return {
            "points": self.points,
            "labels": self.labels,
            "class_names": np.array(self.class_names),
            "names": np.array(self.names),
            **{name: array for name, array in optional.items() if array is not None},
        }

    @classmethod
    def from_arrays(cls, identity: StoreIdentity, arrays: Mapping[str, NDArray[Any]]) -> CloudSplit:
        """Return the split that :meth:`arrays` was called on."""
        return cls(
            identity.dataset,
            identity.split,
            identity.data_kind,
            arrays["points"],
            arrays["labels"],
            words(arrays["class_names"]),
            words(arrays["names"]),
            arrays.get("part_labels"),
            arrays.get("foreground"),
            arrays.get("colors"),
            _unpacked(arrays["texts"]) if "texts" in arrays else None,
        )


STORE = CloudSplit


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
