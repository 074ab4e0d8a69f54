"""Boxes around the objects of sweeps, as data sets of driving annotate them (CMCR spec 1.1).

Shape legend: S sweeps, O boxes of all sweeps together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.stores.interface import not_finite, require_lengths
from concord3d.errors import BadCloud


@dataclass(frozen=True)
class SweepBoxes:
    """Boxes in the frame of the map, whose z axis is upwards.

    Attributes:
        offsets: (S + 1,) int64: sweep i has the boxes ``offsets[i]`` to ``offsets[i + 1] - 1``.
        centres: (O, 3) float64 in metres.
        sizes: (O, 3) float64 length, width and height in metres.
        yaws: (O,) float64 direction of the front in radians, from +x to +y.
        velocities: (O, 2) float64 metres per second; NaN where keyframes do not tell.
        categories: (O,) int64 general category.
        classes: (O,) int64 class of the store, -1 where the category has none.
        attributes: (O,) int64 number of the attribute, -1 where there is none.
        visibilities: (O,) int64 level, 1 (hidden for the most part) to 4.
        num_points: (O,) int64 points of LiDAR and radar in the box.
    """

    offsets: NDArray[np.int64]
    centres: NDArray[np.float64]
    sizes: NDArray[np.float64]
    yaws: NDArray[np.float64]
    velocities: NDArray[np.float64]
    categories: NDArray[np.int64]
    classes: NDArray[np.int64]
    attributes: NDArray[np.int64]
    visibilities: NDArray[np.int64]
    num_points: NDArray[np.int64]

    @property
    def sweeps(self) -> NDArray[np.int64]:
        """(O,) sweep of each box."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def of(self, index: NDArray[np.int64]) -> SweepBoxes:
        """Return the boxes of some sweeps, in that order."""
        sizes = np.diff(self.offsets)[index]
        rows = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in index]
        taken = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        arrays = self.arrays() | {"offsets": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)}
        return SweepBoxes(**{name: each if name == "offsets" else each[taken] for name, each in arrays.items()})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> SweepBoxes | None:
        """Return the boxes that :meth:`arrays` was called on, None of no array.

        Raises:
            KeyError: An array is missing.
        """
        return cls(**{each.name: arrays[each.name] for each in fields(cls)}) if arrays else None

    def validated(self, num_sweeps: int, where: str | Path) -> None:
        """Check the boxes of a store.

        Args:
            num_sweeps: S.
            where: Place for messages.

        Raises:
            BadCloud: Arrays that do not fit each other, values that are not finite, or boxes without extent.
        """
        require_lengths(where, num_sweeps, offsets_of_boxes=len(self.offsets) - 1)
        rising = self.offsets[0] == 0 and (np.diff(self.offsets) >= 0).all()
        if not rising or self.offsets[-1] != len(self.centres):
            raise BadCloud(
                "Offsets do not cut the boxes into sweeps", where=where, expected=f"0, rising to {len(self.centres)}",
                found=f"{self.offsets[0]} to {self.offsets[-1]}",
            )  # fmt: skip
        arrays = self.arrays()
        require_lengths(where, len(self.centres), **{n: len(each) for n, each in arrays.items() if n != "offsets"})
        for name in ("centres", "sizes", "yaws"):
            if len(rows := not_finite(arrays[name])):
                raise BadCloud(f"Boxes hold {name} that are not finite", where=where, found=f"box {rows[0]}")
        flat = np.flatnonzero((self.sizes <= 0).any(axis=1))
        if len(flat):
            raise BadCloud(
                "A box has no extent", where=where, expected="a positive length, width and height",
                found=self.sizes[flat[0]].tolist(),
            )  # fmt: skip
