"""The canonical form of a split of point clouds, which every reader yields and every consumer takes.

Shape legend: S shapes, P points per shape. Right-handed axes, y up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import BadCloud, UnreadableFile
from concord3d.files import atomic_path

DATA_KINDS = ("synthetic", "real")


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
        bad = np.flatnonzero(~np.isfinite(self.points).all(axis=(1, 2)))
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
        arrays: dict[str, Any] = {"points": self.points, "labels": self.labels}
        arrays |= {"class_names": np.array(self.class_names), "names": np.array(self.names)}
        arrays |= {"part_labels": self.part_labels} if self.part_labels is not None else {}
        arrays |= {"foreground": self.foreground} if self.foreground is not None else {}
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez(
                stream,
                identity=np.array([self.dataset, self.split, self.data_kind]),
                **arrays,
            )

    @classmethod
    def load(cls, path: Path) -> CloudSplit:
        """Read a split written by :meth:`save`.

        Raises:
            UnreadableFile: The file is absent, truncated or lacks a key.
        """
        try:
            with np.load(path, allow_pickle=False) as store:
                dataset, split, data_kind = (str(part) for part in store["identity"])
                return cls(
                    dataset,
                    split,
                    data_kind,
                    store["points"],
                    store["labels"],
                    tuple(str(name) for name in store["class_names"]),
                    tuple(str(name) for name in store["names"]),
                    store.get("part_labels"),
                    store.get("foreground"),
                )
        except Exception as error:  # numpy raises several unrelated types on damaged archives
            raise UnreadableFile(
                "Cannot read a store of clouds", where=path, found=error, next_step="delete the file and run again"
            ) from error
