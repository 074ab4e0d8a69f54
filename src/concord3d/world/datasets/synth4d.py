"""Synth4D: streets as the simulator of its authors labels them, in arrays of numpy (CMCR spec 1.3).

Layout: ``synth4d/nuscenes_synth/<town>/{velodyne,labels}/<scan>.npy``: (P, 4) float32 x in front, y to the left, z up
in metres and intensity 0 to 1, and (P,) int32 labels; ``synth4d/splits/nuscenes_synth/training_split.pkl`` and
``validation_split.pkl`` with the names of the scans by town. Towns have scans of both splits.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Only written, never read: names of files by town.
from pickle import dumps

import numpy as np

from concord3d.world.datasets.interface import SERIES_OFFSET, SPLIT_OFFSET, DatasetFamily, Layout, WorldRecipe
from concord3d.world.datasets.semantic_kitti import ScanOptions
from concord3d.world.formats.labelled_scans import ScanSet
from concord3d.world.streets.casting import ready_for_rays
from concord3d.world.streets.lidar import scan
from concord3d.world.streets.street import compose_street

_SERIES = 19
_FOLDERS = {"train": "training", "val": "validation"}
_TOWNS = ("Town03", "Town06", "Town07", "Town10HD")
# Scans of the val split are numbered on from here.
_FIRST = {"train": 0, "val": 500_000}
# Of CARLA; what has none of them is 3, "other".
_LABELS = ScanSet("synth4d", {"train": (), "val": ()}, {
    "vehicle.ego": 0, "vehicle": 10, "human": 4, "building": 1, "fence": 2, "pole": 5, "lane_marking": 6,
    "flat.driveable_surface": 7, "flat.sidewalk": 8, "static.vegetation": 9, "trunk": 9, "traffic_sign": 12,
    "flat.terrain": 22, "flat.other": 14, "movable_object.barrier": 17, "movable_object": 20, "static.manmade": 19,
    "static": 3, "noise": 3, "animal": 3,
}, "synth4d").label_table(moving=False)  # fmt: skip
# From the axes of :func:`concord3d.world.streets.lidar.scan`, whose y is in front.
_FRONT_FROM_SCAN = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], np.float32)


@dataclass(frozen=True)
class TownScan:
    """One scan.

    Attributes:
        split: The split that it belongs to.
        town: Where.
        number: Its number in the split.
        name: Of its files.
        count: 1.
    """

    split: str
    town: str
    number: int
    name: str
    count: int = 1


class Synth4D(DatasetFamily[TownScan, None]):
    """Scans, each of a street of its own."""

    layouts = {"synth4d": Layout(_SERIES, tuple(_FOLDERS), (), options=ScanOptions)}

    def items(self, recipe: WorldRecipe, split: str) -> list[TownScan]:
        runs = np.array_split(np.arange(recipe.splits[split]), len(_TOWNS))
        return [
            TownScan(split, town, int(number), f"{_FIRST[split] + int(number):06d}")
            for town, run in zip(_TOWNS, runs, strict=True)
            for number in run
        ]

    def make(self, recipe: WorldRecipe, out: Path, item: TownScan) -> None:
        options: ScanOptions = recipe.chosen_options(self.layouts[recipe.dataset])
        words = zlib.crc32(f"synth4d/{item.split}".encode())
        streets, sensors = (np.random.default_rng([recipe.seed, words, item.number, _SERIES, i]) for i in range(2))
        first_index = _SERIES * SERIES_OFFSET + SPLIT_OFFSET[item.split]
        street = compose_street(streets, np.zeros(1), first_index, recipe.seed)
        rays, mesh = ready_for_rays(street, 0.0)
        pose = street.street_from_ego(0.0) @ street.rig.ego_from_lidar
        sweep = scan(rays, mesh, pose, options.beams, options.azimuth_steps, street.plan.rain, sensors)
        points = sweep.points[:, :4].copy()
        points[:, :3] = points[:, :3] @ _FRONT_FROM_SCAN.T
        points[:, 3] /= 255
        folder = out / "synth4d" / "nuscenes_synth" / item.town
        for part, array in (("velodyne", points), ("labels", _LABELS[sweep.category, sweep.detail].astype(np.int32))):
            (folder / part).mkdir(parents=True, exist_ok=True)
            np.save(folder / part / f"{item.name}.npy", array, allow_pickle=False)

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[TownScan], made: Sequence[None]) -> None:
        folder = out / "synth4d" / "splits" / "nuscenes_synth"
        folder.mkdir(parents=True, exist_ok=True)
        for split in recipe.splits:
            own = [item for item in items if item.split == split]
            towns = {town: [item.name for item in own if item.town == town] for town in _TOWNS}
            (folder / f"{_FOLDERS[split]}_split.pkl").write_bytes(dumps(towns, protocol=4))


FAMILY = Synth4D()
