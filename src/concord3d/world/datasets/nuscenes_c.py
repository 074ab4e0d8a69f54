"""nuScenes-C: corrupted copies of the sweeps of streets to be tested on (CMCR spec 1.8).

Layout below a root folder: ``nuscenes/`` as :mod:`concord3d.world.datasets.nuscenes` writes it, with the very streets
and sweeps that a data set ``nuscenes`` of the same seed has, and below ``nuScenes-C/<corruption>/<severity>/`` the
folders ``samples/LIDAR_TOP`` and ``lidarseg/v1.0-trainval`` with corrupted sweeps and their labels.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from concord3d.data.corruptions import condition_name, conditions
from concord3d.world.datasets.interface import Layout, WorldRecipe
from concord3d.world.datasets.nuscenes import FOLDER, NuScenes, StreetItem, StreetOptions
from concord3d.world.formats.nuscenes_tables import Tables
from concord3d.world.streets.corruptions import corrupted
from concord3d.world.streets.lidar import LabelledSweep
from concord3d.world.streets.rig import LIDAR

CORRUPTED = "nuScenes-C"
# As of nuScenes, whose streets these are.
_SERIES = 8


class NuScenesC(NuScenes):
    """Streets with corrupted sweeps; what is counted are scenes."""

    layouts = {"nuscenes_c": Layout(_SERIES, ("val",), (), options=StreetOptions)}

    def make(self, recipe: WorldRecipe, out: Path, item: StreetItem) -> Tables:
        tables = super().make(recipe, out, item)
        options: StreetOptions = recipe.chosen_options(self.layouts[recipe.dataset])
        sweeps = [row["filename"] for row in tables["sample_data"] if f"/{LIDAR}/" in row["filename"]]
        labels = [row["filename"] for row in tables["lidarseg"]]
        for number, (sweep, classes) in enumerate(zip(sweeps, labels, strict=True)):
            recorded = _recorded(out / FOLDER, sweep, classes)
            for corruption, severity in conditions():
                # Severities share their chances, so that nothing but the severity tells them apart.
                rng = np.random.default_rng([recipe.seed, *_numbers(item.name, corruption), number])
                made = corrupted(recorded, corruption, severity, options.beams_of(item.number), rng)
                folder = out / CORRUPTED / condition_name(corruption, severity)
                for path, array in ((folder / sweep, made.points), (folder / classes, made.category)):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(array.tobytes())
        return tables


def _numbers(*words: str) -> list[int]:
    return [zlib.crc32(word.encode()) for word in words]


def _recorded(root: Path, sweep: str, labels: str) -> LabelledSweep:
    points = np.fromfile(root / sweep, np.float32).reshape(-1, 5)
    category = np.fromfile(root / labels, np.uint8)
    return LabelledSweep(points, category, np.zeros(len(points), np.int32))


FAMILY = NuScenesC()
