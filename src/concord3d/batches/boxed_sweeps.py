"""LiDAR sweeps with the boxes around their objects, for detection after a pre-training.

Shape legend: S sweeps trained on, B sweeps of a batch, P_i points and n_i boxes of sweep i, 9 numbers of a box: centre,
length, width, height, direction of the front in radians, and velocity along x and y.
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
from concord3d.batches.labelled_sweeps import chosen_sweeps
from concord3d.data.stores.sweeps import ANNOTATED, SweepSplit
from concord3d.errors import ConfigError
from concord3d.geometry.box_frames import moved_boxes
from concord3d.geometry.rigid import inverse
from concord3d.methods.settings import MethodSettings


@dataclass(frozen=True)
class BoxedSweepBatch(Batch):
    """One batch, before any augmentation.

    Attributes:
        points: B tensors (P_i, 4) float32: x, y, z in metres, and intensity from 0 to 1.
        boxes: B tensors (n_i, 9) float32 in the frame of the points; NaN in a velocity that is unknown.
        classes: B tensors (n_i,) int64.
    """

    points: Sequence[Tensor]
    boxes: Sequence[Tensor]
    classes: Sequence[Tensor]


@dataclass(frozen=True)
class BoxedSweepData:
    """The sweeps that a training may learn from. Boxes without a point or without a class are left out.

    Attributes:
        sweeps: A split of a data set with boxes and ``global_from_lidar``.
        rows: (S,) which of them are trained on.
    """

    sweeps: SweepSplit
    rows: IntArray
    unit: str = field(default="sweeps", init=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names by class."""
        return self.sweeps.class_names

    @property
    def identity(self) -> str:
        """SHA-256 over points, where objects have boxes, poses, boxes and the choice of sweeps."""
        digest = hashlib.sha256(repr(self.sweeps.intensity_range).encode())
        boxes = {} if self.sweeps.boxes is None else self.sweeps.boxes.arrays()
        told = self.sweeps.extra.get(ANNOTATED)
        annotated = [] if told is None else [told]
        poses = self.sweeps.per_sweep["global_from_lidar"]
        for part in (self.sweeps.offsets, self.sweeps.points, *annotated, poses, *boxes.values(), self.rows):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        """Return an epoch's order."""
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> BoxedSweepBatch:
        """Return some sweeps."""
        rows = self.rows[units].tolist()
        points = [torch.from_numpy(self.sweeps.annotated_points(row)) for row in rows]
        boxes, classes = zip(*(self._boxes(row) for row in rows), strict=True)
        return BoxedSweepBatch(points, boxes, classes)

    def _boxes(self, row: int) -> tuple[Tensor, Tensor]:
        assert self.sweeps.boxes is not None
        every = self.sweeps.boxes.of(np.array([row]))
        kept = (every.classes >= 0) & (every.num_points > 0)
        own = np.column_stack([every.centres, every.sizes, every.yaws, every.velocities])[kept]
        moved = moved_boxes(own, inverse(self.sweeps.per_sweep["global_from_lidar"][row]))
        return torch.from_numpy(moved.astype(np.float32)), torch.from_numpy(np.array(every.classes[kept]))

    def validated(self) -> None:
        """Check points and boxes.

        Raises:
            BadCloud: Arrays that do not fit each other, values that are not finite, boxes without extent, or sweeps
                without intensity.
            ConfigError: There are no boxes, or none with a class on the sweeps that are trained on.
        """
        self.sweeps.validated()
        self.sweeps.network_points(0)
        where = f"{self.sweeps.dataset}/{self.sweeps.split}"
        if self.sweeps.boxes is None or "global_from_lidar" not in self.sweeps.per_sweep:
            raise ConfigError("Sweeps without boxes teach no detector", where=where, found="no boxes, or no poses")
        if not any(len(self._boxes(int(row))[1]) for row in self.rows):
            raise ConfigError("No box of the sweeps has a class and a point", where=where, found=f"{len(self)} sweeps")


def opened(run: Mapping[str, Any], settings: MethodSettings, files: Mapping[str, Sequence[Path]]) -> BoxedSweepData:
    """Open the files of a training on sweeps with boxes.

    Args:
        run: Resolved configuration, whose ``data`` section says which sweeps have labels.
        settings: Settings of the method.
        files: ``sweeps``: the training split.

    Raises:
        UnreadableFile: A store is absent, damaged or of another kind.
        ConfigError: As :func:`concord3d.batches.labelled_sweeps.chosen_sweeps`.
    """
    [path] = files["sweeps"]
    sweeps = SweepSplit.load(path)
    return BoxedSweepData(sweeps, chosen_sweeps(sweeps, run["data"]))
