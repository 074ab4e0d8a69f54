"""Stores of rooms cut into blocks: a class and several channels for every point.

Shape legend: S blocks, P points per block, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
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
    require_lengths,
    words,
)
from concord3d.errors import BadCloud


@dataclass(frozen=True)
class RoomBlocks(Store):
    """One split of a data set of rooms.

    Attributes:
        features: (S, P, C) float32, the first three of C are xyz; S3DIS has nine (block-centred xyz in metres with z
            up, rgb in [0, 1], xyz / room size).
        labels: (S, P) int64 semantic class.
        class_names: One name per class index.
        names: One identifier per block, which begins with its room: ``<room>/<block>``.
        areas: (S,) int64 part of the building that each block belongs to, 1-6 in S3DIS.
    """

    kind: ClassVar[str] = "rooms"

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    areas: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def rooms(self) -> tuple[str, ...]:
        """Room of each block, e.g. ``Area_1_conferenceRoom_1``."""
        return tuple(name.partition("/")[0] for name in self.names)

    def with_class_names(self, class_names: tuple[str, ...]) -> RoomBlocks:
        """Return the same with these names of classes."""
        return replace(self, class_names=class_names)

    def subset(self, index: NDArray[np.int64]) -> RoomBlocks:
        """Return the blocks at ``index``, in that order."""
        return replace(
            self,
            features=self.features[index],
            labels=self.labels[index],
            names=tuple(self.names[i] for i in index),
            areas=self.areas[index],
        )

    def validated(self, where: str | Path | None = None) -> RoomBlocks:
        """Return self.

        Raises:
            BadCloud: No blocks, arrays that do not fit each other, or values that are not finite.
        """
        where = where or f"{self.dataset}/{self.split}"
        shape = self.features.shape
        if len(shape) != 3 or shape[2] < 3 or 0 in shape or self.labels.shape != shape[:2]:
            raise BadCloud(
                "Blocks have the wrong shape",
                where=where,
                expected="features (S, P, C), labels (S, P)",
                found=(shape, self.labels.shape),
            )
        require_lengths(where, len(self), names=len(self.names), areas=len(self.areas))
        bad = not_finite(self.features)
        if len(bad):
            raise BadCloud(
                "Blocks hold values that are not finite", where=where, found=f"block {bad[0]} and {len(bad) - 1} more"
            )
        return self

    def check(self, limits: Limits, where: str | Path) -> None:
        """Compare labels and coordinates with what the catalogue says.

        Raises:
            WrongRelease: Labels out of range, or points too far from the origin.
        """
        check_labels("Semantic labels", self.dataset, self.labels, limits.lowest_label, len(self.class_names), where)
        if limits.max_radius is not None:
            squared = max(np.square(block[:, :3], dtype=np.float64).sum(axis=1).max() for block in self.features)
            check_radius(self.dataset, float(np.sqrt(squared)), limits.max_radius, where)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but the identity, as arrays by name."""
        return {
            "features": self.features,
            "labels": self.labels,
            "class_names": np.array(self.class_names),
            "names": np.array(self.names),
            "areas": self.areas,
        }

    @classmethod
    def from_arrays(cls, identity: StoreIdentity, arrays: Mapping[str, NDArray[Any]]) -> RoomBlocks:
        """Return the blocks that :meth:`arrays` was called on."""
        return cls(
            identity.dataset,
            identity.split,
            identity.data_kind,
            arrays["features"],
            arrays["labels"],
            words(arrays["class_names"]),
            words(arrays["names"]),
            arrays["areas"],
        )


STORE = RoomBlocks


def joined_rooms(splits: Sequence[RoomBlocks]) -> RoomBlocks:
    """Put several splits of one data set behind one another.

    Args:
        splits: At least one; of one split, that split itself is returned.

    Raises:
        BadCloud: Blocks have different points or channels, or the splits name different classes.
    """
    first = splits[0]
    if len(splits) == 1:
        return first
    forms = [(split.features.shape[1:], split.class_names) for split in splits]
    if forms.count(forms[0]) != len(forms):
        raise BadCloud(
            "Splits of rooms differ in their blocks or classes", where=first.dataset, expected=forms[0], found=forms[1:]
        )
    return replace(
        first,
        split="+".join(split.split for split in splits),
        features=np.concatenate([split.features for split in splits]),
        labels=np.concatenate([split.labels for split in splits]),
        names=tuple(name for split in splits for name in split.names),
        areas=np.concatenate([split.areas for split in splits]),
    )
