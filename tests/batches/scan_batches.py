"""Scans in memory whose modalities are noisy views of one hidden vector per object, with missing ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from concord3d.batches.interface import IntArray, shuffled
from concord3d.batches.scan_objects import ScanObjectBatch
from concord3d.batches.scan_scenes import ScanSceneBatch

WIDTHS = {"image": 32, "point": 24, "cad": 24, "referral": 20}
HIDDEN = 5
SIDES = (5.0, 4.0, 2.5)


def seeded(seed: int = 0) -> torch.Generator:
    """A generator."""
    return torch.Generator().manual_seed(seed)


def object_batch(num_scans: int = 4, num_objects: int = 6, seed: int = 0, missing: float = 0.2) -> ScanObjectBatch:
    """Scans of two objects or more, filled up with empty ones."""
    draw = seeded(seed)
    shape = (num_scans, num_objects)
    counts = torch.randint(2, num_objects + 1, (num_scans, 1), generator=draw)
    valid = torch.arange(num_objects) < counts
    hidden = torch.randn((*shape, HIDDEN), generator=draw)
    maps = seeded(99)
    features, present = {}, {}
    for name, width in WIDTHS.items():
        view = torch.randn((HIDDEN, width), generator=maps) / math.sqrt(HIDDEN)
        present[name] = valid & (torch.rand(shape, generator=draw) >= missing)
        noisy = hidden @ view + 0.1 * torch.randn((*shape, width), generator=draw)
        features[name] = noisy * present[name][..., None]
    locations = {
        name: torch.rand((*shape, 6), generator=draw) * 4 * present[name][..., None] for name in ("point", "cad")
    }
    ids = torch.where(valid, torch.arange(num_objects) + 1, -100).expand(shape)
    return ScanObjectBatch(features, present, locations, torch.where(valid, 3, -100), ids, valid)


def scene_batch(num_scans: int = 4, seed: int = 0, num_points: int = 300, missing: float = 0.2) -> ScanSceneBatch:
    """Whole scans around such objects; colours and features tell which scan it is."""
    objects, draw, maps = object_batch(num_scans, seed=seed, missing=missing), seeded(seed + 1), seeded(98)
    kept = objects.features["image"].sum(1)
    has_frames = torch.rand((num_scans, 3), generator=draw) >= missing
    has_floorplan, has_referral = (torch.rand(num_scans, generator=draw) >= missing for _ in range(2))

    def view(width: int) -> Tensor:
        return kept @ torch.randn((kept.shape[1], width), generator=maps)

    colors = view(3).sigmoid()
    points = [torch.rand((num_points + 10 * i, 3), generator=draw) * torch.tensor(SIDES) for i in range(num_scans)]
    return ScanSceneBatch(
        objects,
        points,
        [color.expand(len(cloud), 3) for color, cloud in zip(colors, points, strict=True)],
        torch.ones(num_scans, dtype=torch.bool),
        view(2 * WIDTHS["image"])[:, None] * has_frames[..., None],
        has_frames,
        view(WIDTHS["image"]) * has_floorplan[:, None],
        has_floorplan,
        view(WIDTHS["referral"]) * has_referral[:, None],
        has_referral,
    )


def without_objects(batch: ScanObjectBatch, *names: str) -> ScanObjectBatch:
    """The same objects, of which some modalities are not known."""
    features = {name: torch.zeros_like(f) if name in names else f for name, f in batch.features.items()}
    present = {name: torch.zeros_like(p) if name in names else p for name, p in batch.present.items()}
    return replace(batch, features=features, present=present)


@dataclass(frozen=True)
class InMemory:
    """Training data of one batch, of which rows are read."""

    batch: ScanObjectBatch | ScanSceneBatch
    unit: str = "scans"
    identity: str = "in memory"

    def __len__(self) -> int:
        return len(self.batch.valid if isinstance(self.batch, ScanObjectBatch) else self.batch.points)

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> ScanObjectBatch | ScanSceneBatch:
        return rows_of(self.batch, torch.from_numpy(np.asarray(units)))

    def validated(self) -> None:
        pass


def rows_of(value, rows: Tensor):
    """Rows of everything in a batch."""
    if isinstance(value, Tensor):
        return value[rows]
    if isinstance(value, dict):
        return {name: rows_of(part, rows) for name, part in value.items()}
    if isinstance(value, list):
        return [value[row] for row in rows.tolist()]
    return replace(value, **{name: rows_of(part, rows) for name, part in vars(value).items()})


def loose(batch: ScanObjectBatch) -> ScanObjectBatch:
    """Every object of some scans as a scan of its own."""
    kept = batch.valid.flatten().nonzero()[:, 0]

    def apart(value):
        if isinstance(value, dict):
            return {name: apart(part) for name, part in value.items()}
        return value.flatten(0, 1)[kept][:, None]

    return ScanObjectBatch(**{name: apart(part) for name, part in vars(batch).items()})
