"""LiDAR sweeps of different sizes with a class for every point, for what comes after a pre-training.

Shape legend: S sweeps trained on, B sweeps of a batch, P_i points of sweep i, K classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from concord3d.batches.interface import Batch, IntArray, shuffled
from concord3d.data.even_spread import even_spread
from concord3d.data.nuscenes_splits import labelled_sweeps, scene_of
from concord3d.data.scan_fractions import labelled_scans
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import ConfigError
from concord3d.methods.settings import MethodSettings

IGNORED = -1


@dataclass(frozen=True)
class LabelledSweepBatch(Batch):
    """One batch, before any augmentation.

    Attributes:
        points: B tensors (P_i, 4) float32: x, y, z in metres, and intensity from 0 to 1.
        labels: B tensors (P_i,) int64 class, -1 where a point has none.
        rows: Which sweeps these are among all of the data set.
    """

    points: Sequence[Tensor]
    labels: Sequence[Tensor]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class LabelledSweepData:
    """The sweeps that a training may learn from.

    Attributes:
        sweeps: A split of a data set.
        rows: (S,) which of them are trained on; one may stand there several times.
    """

    sweeps: SweepSplit
    rows: IntArray
    unit: str = field(default="sweeps", init=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.sweeps.class_names)

    @property
    def identity(self) -> str:
        """SHA-256 over points, labels and the choice of sweeps."""
        digest = hashlib.sha256(repr(self.sweeps.intensity_range).encode())
        for part in (self.sweeps.offsets, self.sweeps.points, self.sweeps.labels, self.rows):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        """Return an epoch's order."""
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> LabelledSweepBatch:
        """Return some sweeps."""
        rows = tuple(self.rows[units].tolist())
        points = [torch.from_numpy(self.sweeps.network_points(row)) for row in rows]
        labels = [torch.from_numpy(np.array(self.sweeps.sweep(row).labels, dtype=np.int64)) for row in rows]
        return LabelledSweepBatch(points, labels, rows)

    def validated(self) -> None:
        """Check points and labels.

        Raises:
            BadCloud: Arrays that do not fit each other, values that are not finite, or sweeps without intensity.
            ConfigError: No labels at all, or labels without a class.
        """
        self.sweeps.validated()
        self.sweeps.network_points(0)
        where = f"{self.sweeps.dataset}/{self.sweeps.split}"
        labels = [self.sweeps.sweep(int(row)).labels for row in self.rows]
        ends = [(int(each.min()), int(each.max())) for each in labels if each is not None]
        if not ends or max(high for _, high in ends) == IGNORED:
            raise ConfigError("No point of the sweeps has a label", where=where, found=f"{len(self)} sweeps")
        lowest, highest = min(low for low, _ in ends), max(high for _, high in ends)
        if lowest < IGNORED or highest >= self.num_classes:
            raise ConfigError(
                "Points have labels without a class",
                where=where,
                expected=f"{IGNORED} to {self.num_classes - 1}",
                found=(lowest, highest),
            )


def opened(run: Mapping[str, Any], settings: MethodSettings, files: Mapping[str, Sequence[Path]]) -> LabelledSweepData:
    """Open the files of a training on labelled sweeps.

    Args:
        run: Resolved configuration, whose ``data`` section says which sweeps have labels.
        settings: Settings of the method.
        files: ``sweeps``: the training split.

    Raises:
        UnreadableFile: A store is absent, damaged or of another kind.
        ConfigError: As :func:`chosen_sweeps`.
    """
    [path] = files["sweeps"]
    sweeps = SweepSplit.load(path)
    return LabelledSweepData(sweeps, chosen_sweeps(sweeps, run["data"]))


def chosen_sweeps(sweeps: SweepSplit, told: Mapping[str, Any]) -> IntArray:
    """Return which sweeps an epoch reads.

    Args:
        sweeps: The training split.
        told: The run's ``data`` section: ``percent`` or ``num_sweeps``, and ``sweeps_per_epoch``.

    Returns:
        (S,) indices; one may stand there several times.

    Raises:
        ConfigError: The fraction of labels is none of the published ones, or leaves no scene, there are fewer sweeps
            than asked for, or an epoch is shorter than the choice.
    """
    rows, length = _chosen(sweeps, told.get("percent"), told.get("num_sweeps")), told.get("sweeps_per_epoch")
    return rows if length is None else _repeated(rows, length)


def _repeated(rows: IntArray, length: int) -> IntArray:
    """Return ``rows`` over and over, ``length`` of them.

    Raises:
        ConfigError: Some would never be read.
    """
    if length < len(rows):
        raise ConfigError(
            "An epoch reads fewer sweeps than were chosen", where="data.sweeps_per_epoch",
            expected=f"at least {len(rows)}", found=length,
        )  # fmt: skip
    return np.resize(rows, length)


def _chosen(sweeps: SweepSplit, percent: int | None, num_sweeps: int | None) -> IntArray:
    """Return the sweeps whose labels may be used: whole scenes of nuScenes, single scans of other data sets."""
    if num_sweeps is not None:
        return even_spread(len(sweeps), num_sweeps, "data.num_sweeps")
    if percent is None:
        return np.arange(len(sweeps))
    if all(scene_of(name).startswith("scene-") for name in sweeps.names):
        return labelled_sweeps(sweeps.names, percent)
    return labelled_scans(len(sweeps), percent)
