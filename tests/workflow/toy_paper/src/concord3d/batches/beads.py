"""Strings of beads: batches of different numbers of points."""

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
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.methods.settings import MethodSettings


@dataclass(frozen=True)
class BeadBatch(Batch):
    """Some strings.

    Attributes:
        strings: (P, 3) float32 each.
        labels: (B,) int64.
    """

    strings: list[Tensor]
    labels: Tensor


@dataclass(frozen=True)
class BeadData:
    """The strings of a split."""

    split: SweepSplit
    unit: str = field(default="strings", init=False)

    def __len__(self) -> int:
        return len(self.split)

    @property
    def identity(self) -> str:
        """SHA-256 over all points."""
        return hashlib.sha256(np.ascontiguousarray(self.split.points).data).hexdigest()

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        """Return an epoch's order."""
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> BeadBatch:
        """Return some strings with their classes."""
        sweeps = [self.split.sweep(int(unit)) for unit in units]
        labels = [self.split.class_names.index(sweep.name.partition("/")[0]) for sweep in sweeps]
        return BeadBatch([torch.from_numpy(np.array(sweep.points)) for sweep in sweeps], torch.tensor(labels))

    def validated(self) -> None:
        """Check the strings."""
        self.split.validated()


def opened(run: Mapping[str, Any], settings: MethodSettings, files: Mapping[str, Sequence[Path]]) -> BeadData:
    """Open the one store of a training."""
    [path] = files["strings"]
    return BeadData(SweepSplit.load(path))
