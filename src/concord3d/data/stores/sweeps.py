"""Stores of sweeps: clouds of different sizes behind one another, as a LiDAR or a walk through a room gives them.

Shape legend: S sweeps, N points of all sweeps together, P points of one sweep, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from concord3d.data.sweep_boxes import SweepBoxes
from concord3d.errors import BadCloud

# Name of an array of bool: whether objects have boxes where a point lies.
ANNOTATED = "annotated"
_EXTRA = "extra."
_PER_SWEEP = "sweep."
_BOXES = "boxes."
_INTENSITY = "intensity_range"
_RADIUS_POINTS = 1 << 20


@dataclass(frozen=True)
class Sweep:
    """One sweep.

    Attributes:
        name: Its identifier.
        points: (P, C) float32.
        labels: (P,) int64 class index, or None.
        extra: (P, ...) further arrays by name.
        per_sweep: (...) what belongs to the sweep as a whole, by name.
    """

    name: str
    points: NDArray[np.float32]
    labels: NDArray[np.int64] | None
    extra: Mapping[str, NDArray[Any]]
    per_sweep: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class SweepSplit(Store):
    """One split of a data set of sweeps.

    Attributes:
        offsets: (S + 1,) int64: sweep i has the points ``offsets[i]`` to ``offsets[i + 1] - 1``.
        points: (N, C) float32, the first three of C are xyz in metres.
        class_names: One name per class index.
        names: One identifier per sweep.
        labels: (N,) int64 class index, -1 where a point has none, or None where no point has.
        extra: (N, ...) further arrays per point by name (identifiers), such as ``instance``.
        per_sweep: (S, ...) arrays with a row per sweep by name (identifiers), such as ``pictures``.
        intensity_range: Largest value of the fourth channel, or None where that is no intensity.
        boxes: Boxes around objects, or None where the data set has none.
    """

    kind: ClassVar[str] = "sweeps"

    offsets: NDArray[np.int64]
    points: NDArray[np.float32]
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    labels: NDArray[np.int64] | None = None
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    per_sweep: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    intensity_range: float | None = None
    boxes: SweepBoxes | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def sweep(self, index: int) -> Sweep:
        """Return one sweep; of arrays that are mapped only its part is read, when it is used.

        Args:
            index: 0 to S - 1.

        Raises:
            IndexError: There is no such sweep.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"sweep {index} of {len(self)}")
        rows = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        return Sweep(
            self.names[index],
            self.points[rows],
            None if self.labels is None else self.labels[rows],
            {name: array[rows] for name, array in self.extra.items()},
            {name: array[index] for name, array in self.per_sweep.items()},
        )

    def network_points(self, index: int) -> NDArray[np.float32]:
        """Return the points of one sweep as networks read them.

        Args:
            index: 0 to S - 1.

        Returns:
            (P, 4) float32: x, y, z and the intensity divided by its range.

        Raises:
            BadCloud: The sweeps have no intensity.
        """
        if self.intensity_range is None or self.points.shape[1] != 4:
            raise BadCloud(
                "Sweeps have no intensity",
                where=f"{self.dataset}/{self.split}",
                expected="four channels, and intensity_range in the catalogue",
                found=f"{self.points.shape[1]} channels, intensity_range {self.intensity_range}",
            )
        scale = np.array([1, 1, 1, self.intensity_range], dtype=np.float32)
        return np.asarray(self.sweep(index).points / scale)

    def annotated_points(self, index: int) -> NDArray[np.float32]:
        """Return the points of one sweep where its objects have boxes, as networks read them.

        Args:
            index: 0 to S - 1.

        Returns:
            (P, 4) as :meth:`network_points`; without those that ``extra["annotated"]`` denies, where there is one.

        Raises:
            BadCloud: The sweeps have no intensity.
        """
        points = self.network_points(index)
        told = self.sweep(index).extra.get(ANNOTATED)
        return points if told is None else points[told]

    def with_class_names(self, class_names: tuple[str, ...]) -> SweepSplit:
        """Return the same with these names of classes."""
        return replace(self, class_names=class_names)

    def subset(self, index: NDArray[np.int64]) -> SweepSplit:
        """Return the sweeps at ``index``, in that order, in memory."""
        sizes = np.diff(self.offsets)[index]
        rows = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in index]
        taken = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        return replace(
            self,
            offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            points=self.points[taken],
            names=tuple(self.names[i] for i in index),
            labels=None if self.labels is None else self.labels[taken],
            extra={name: array[taken] for name, array in self.extra.items()},
            per_sweep={name: array[index] for name, array in self.per_sweep.items()},
            boxes=None if self.boxes is None else self.boxes.of(index),
        )

    def validated(self, where: str | Path | None = None) -> SweepSplit:
        """Return self.

        Raises:
            BadCloud: No sweeps, an empty one, arrays that do not fit each other, or values that are not finite.
        """
        where = where or f"{self.dataset}/{self.split}"
        if self.points.ndim != 2 or self.points.shape[1] < 3:
            raise BadCloud(
                "Sweeps have the wrong shape", where=where, expected="(N, C), C > 2", found=self.points.shape
            )
        problem = _offset_fault(self.offsets, len(self.points))
        if problem or len(self) < 1:
            raise BadCloud(
                "Offsets do not cut the points into sweeps",
                where=where,
                expected=f"0, rising to {len(self.points)}",
                found=problem or "no sweep",
            )
        require_lengths(
            where, len(self), names=len(self.names), **{name: len(array) for name, array in self.per_sweep.items()}
        )
        per_point = {**({} if self.labels is None else {"labels": self.labels}), **self.extra}
        require_lengths(where, len(self.points), **{name: len(array) for name, array in per_point.items()})
        strange = [name for name in (*self.extra, *self.per_sweep) if not name.isidentifier()]
        if strange:
            raise BadCloud("A name of an array is no identifier", where=where, found=", ".join(map(repr, strange)))
        for name, array in self.per_sweep.items():
            if np.issubdtype(array.dtype, np.floating) and len(rows := not_finite(array)):
                raise BadCloud(
                    f"Sweeps hold values of '{name}' that are not finite", where=where, found=self.names[int(rows[0])]
                )
        bad = not_finite(self.points)
        if len(bad):
            first = self.names[int(np.searchsorted(self.offsets, bad[0], side="right")) - 1]
            raise BadCloud(
                "Sweeps hold values that are not finite",
                where=where,
                expected="finite values",
                found=f"{len(bad)} of {len(self.points)} points, first: in sweep {first}",
            )
        if self.boxes is not None:
            self.boxes.validated(len(self), where)
        return self

    def check(self, limits: Limits, where: str | Path) -> None:
        """Compare labels and coordinates with what the catalogue says.

        Raises:
            WrongRelease: Labels out of range, or points too far from the origin.
        """
        if self.labels is not None:
            check_labels("Labels", self.dataset, self.labels, limits.lowest_label, len(self.class_names), where)
        if limits.max_radius is not None:
            parts = [self.points[i : i + _RADIUS_POINTS, :3] for i in range(0, len(self.points), _RADIUS_POINTS)]
            squared = max(np.square(part, dtype=np.float64).sum(axis=1).max() for part in parts)
            check_radius(self.dataset, float(np.sqrt(squared)), limits.max_radius, where)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but the identity, as arrays by name."""
        return {
            "offsets": self.offsets,
            "points": self.points,
            "class_names": np.array(self.class_names),
            "names": np.array(self.names),
            **({} if self.labels is None else {"labels": self.labels}),
            **{f"{_EXTRA}{name}": array for name, array in self.extra.items()},
            **{f"{_PER_SWEEP}{name}": array for name, array in self.per_sweep.items()},
            **({} if self.intensity_range is None else {_INTENSITY: np.array(self.intensity_range)}),
            **({} if self.boxes is None else {f"{_BOXES}{name}": each for name, each in self.boxes.arrays().items()}),
        }

    @classmethod
    def from_arrays(cls, identity: StoreIdentity, arrays: Mapping[str, NDArray[Any]]) -> SweepSplit:
        """Return the sweeps that :meth:`arrays` was called on.

        Raises:
            ValueError: The offsets do not cut the points into sweeps.
        """
        problem = _offset_fault(arrays["offsets"], len(arrays["points"]))
        if problem:
            raise ValueError(f"offsets: {problem}")
        return cls(
            identity.dataset,
            identity.split,
            identity.data_kind,
            arrays["offsets"],
            arrays["points"],
            words(arrays["class_names"]),
            words(arrays["names"]),
            arrays.get("labels"),
            _below(_EXTRA, arrays),
            _below(_PER_SWEEP, arrays),
            float(arrays[_INTENSITY]) if _INTENSITY in arrays else None,
            SweepBoxes.from_arrays(_below(_BOXES, arrays)),
        )


def _below(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _offset_fault(offsets: NDArray[Any], num_points: int) -> str | None:
    """Return what is wrong with offsets into so many points, or None."""
    if offsets.ndim != 1 or offsets.dtype != np.int64 or len(offsets) < 1:
        return f"{offsets.dtype} {offsets.shape} where int64 (S + 1,) belongs"
    if offsets[0] != 0 or offsets[-1] != num_points:
        return f"{offsets[0]} to {offsets[-1]} for {num_points} points"
    empty = np.flatnonzero(np.diff(offsets) < 1)
    return f"sweep {empty[0]} has {np.diff(offsets)[empty[0]]} points" if len(empty) else None


STORE = SweepSplit
