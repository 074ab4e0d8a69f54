"""Blocks of rooms: equally many points each, with several channels and a class for every point.

Shape legend: S blocks trained on, B blocks of a batch, P points per block, F channels.
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
from concord3d.data.stores.rooms import RoomBlocks, joined_rooms
from concord3d.errors import ConfigError
from concord3d.methods.settings import RoomMethodSettings


@dataclass(frozen=True)
class RoomBatch(Batch):
    """One batch as stored.

    Attributes:
        features: (B, P, F) float32.
        labels: (B, P) int64 semantic class.
    """

    features: Tensor
    labels: Tensor


@dataclass(frozen=True)
class RoomData:
    """The blocks that a training may learn from.

    Attributes:
        blocks: Blocks of a data set.
        rows: (S,) which of them are trained on.
    """

    blocks: RoomBlocks
    rows: IntArray
    unit: str = field(default="blocks", init=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def num_classes(self) -> int:
        """Number of semantic classes."""
        return len(self.blocks.class_names)

    @property
    def num_channels(self) -> int:
        """F."""
        return int(self.blocks.features.shape[2])

    @property
    def identity(self) -> str:
        """SHA-256 over channels, labels and the choice of blocks."""
        digest = hashlib.sha256()
        for part in (self.blocks.features, self.blocks.labels, self.rows):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        """Return an epoch's order."""
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> RoomBatch:
        """Return some blocks."""
        rows = self.rows[units]
        features = torch.from_numpy(np.ascontiguousarray(self.blocks.features[rows], dtype=np.float32))
        return RoomBatch(features, torch.from_numpy(self.blocks.labels[rows].astype(np.int64)))

    def validated(self) -> None:
        """Check channels and labels.

        Raises:
            BadCloud: Arrays that do not fit each other, or values that are not finite.
            ConfigError: Labels without a class.
        """
        self.blocks.validated()
        lowest, highest = int(self.blocks.labels.min()), int(self.blocks.labels.max())
        if lowest < 0 or highest >= self.num_classes:
            raise ConfigError(
                "Points have labels without a class",
                where=f"{self.blocks.dataset}/{self.blocks.split}",
                expected=f"0 to {self.num_classes - 1}",
                found=(lowest, highest),
            )


def opened(run: Mapping[str, Any], settings: RoomMethodSettings, files: Mapping[str, Sequence[Path]]) -> RoomData:
    """Open the files of a training on rooms.

    Args:
        run: Resolved configuration.
        settings: Settings of the method, which say what area is left out.
        files: ``blocks``: the training split, or all splits where an area is left out of them.

    Raises:
        UnreadableFile: A store is absent, damaged or of another kind.
        ConfigError: The area to leave out is no part of the data, or is all of them.
    """
    blocks = joined_rooms([RoomBlocks.load(path) for path in files["blocks"]])
    if settings.left_out_area is None:
        return RoomData(blocks, np.arange(len(blocks)))
    rows = np.flatnonzero(blocks.areas != settings.left_out_area)
    if not 0 < len(rows) < len(blocks):
        raise ConfigError(
            f"Area {settings.left_out_area} cannot be left out",
            where="objective.left_out_area",
            expected="blocks in it and outside it",
            found=f"areas {np.unique(blocks.areas).tolist()}",
        )
    return RoomData(blocks, rows)
