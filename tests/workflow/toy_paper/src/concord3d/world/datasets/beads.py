"""Strings of beads: lines and rings of different numbers of points, one file per split.

Layout below a root folder: ``beads/<split>.npz`` with ``offsets``, ``points`` and ``names``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import write_arrays
from concord3d.world.datasets.interface import SPLIT_OFFSET, DatasetFamily, Layout, WorldRecipe


@dataclass(frozen=True)
class BeadString:
    """One string."""

    split: str
    category: str
    index: int
    count: int = 1


class BeadFamily(DatasetFamily[BeadString, NDArray[np.float32]]):
    """Strings of beads."""

    layouts = {"beads": Layout(99, ("train", "test"), ("line", "ring"))}

    def items(self, recipe: WorldRecipe, split: str) -> list[BeadString]:
        """Return strings of both categories in turn."""
        categories = self.layouts["beads"].categories
        return [BeadString(split, categories[i % 2], SPLIT_OFFSET[split] + i) for i in range(recipe.splits[split])]

    def make(self, recipe: WorldRecipe, out: Path, item: BeadString) -> NDArray[np.float32]:
        """Return the (P, 3) beads of one string."""
        rng = np.random.default_rng([recipe.seed, item.index])
        places = np.linspace(0, 1, int(rng.integers(8, 24)), dtype=np.float32)
        turn = 2 * np.pi * places * (item.category == "ring")
        beads = np.stack([np.cos(turn), np.sin(turn), places * (item.category == "line")], axis=1)
        return (beads + rng.normal(scale=0.05, size=beads.shape)).astype(np.float32)

    def write(
        self, recipe: WorldRecipe, out: Path, items: Sequence[BeadString], made: Sequence[NDArray[np.float32]]
    ) -> None:
        """Write one file per split."""
        for split in recipe.splits:
            chosen = [(item, beads) for item, beads in zip(items, made, strict=True) if item.split == split]
            sizes = [len(beads) for _, beads in chosen]
            arrays = {
                "offsets": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
                "points": np.concatenate([beads for _, beads in chosen]),
                "names": np.array([f"{item.category}/{item.index}" for item, _ in chosen]),
            }
            write_arrays(out / "beads" / f"{split}.npz", arrays)


FAMILY = BeadFamily()
