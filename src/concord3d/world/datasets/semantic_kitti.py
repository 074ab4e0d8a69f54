"""SemanticKITTI and data sets that are written as it is: scans with a label for every point (CMCR spec 1.2, 1.3).

Layout below the folder of a data set (:mod:`concord3d.world.formats.labelled_scans`):
``<sequence>/velodyne/<scan>.bin`` (P, 4 or 5) float32 x in front, y to the left, z up in metres, remission (0 to 1);
``<sequence>/labels/<scan>.label`` (P,) uint32. SemanticKITTI has besides ``calib.txt``, ``poses.txt`` and
``times.txt`` of a sequence, RELLIS-3D lists of the scans of a split, SemanticSTF a list of the weather. Each scan shows
a street of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.corruptions import FOG_LABEL, SNOW_LABEL
from concord3d.errors import ConfigError
from concord3d.files import write_text
from concord3d.geometry.rigid import Matrix, inverse
from concord3d.world.datasets.interface import SERIES_OFFSET, SPLIT_OFFSET, DatasetFamily, Layout, WorldRecipe
from concord3d.world.formats.kitti_calibration import CAMERA_FROM_LIDAR, calibration_lines, matrix_line
from concord3d.world.formats.labelled_scans import SCAN_SETS, STF_INVALID, ScanSet, write_scan
from concord3d.world.streets.casting import ready_for_rays
from concord3d.world.streets.corruptions import corrupted
from concord3d.world.streets.lidar import ELEVATIONS, DetailedSweep, LabelledSweep, scan
from concord3d.world.streets.street import Street, compose_street

_SERIES = {"semantic_kitti": 12, "rellis3d": 13, "semantic_poss": 14, "semantic_stf": 15, "synlidar": 16, "daps3d": 17}
_SCAN_SECONDS = 0.1
# Of SemanticSTF, by turns: corruption and severity, or clear air.
_WEATHER = (("fog", "moderate"), ("snow", "moderate"), ("fog", "heavy"), None)
_MAX_STEPS = 4096
# Lines that are drawn through a scan, and their width in metres: about 8 % of the points are on one.
_SCRIBBLES, _SCRIBBLE_M, _SCRIBBLE_REACH = 14, 0.35, 25.0
# From the axes of :func:`concord3d.world.streets.lidar.scan`, whose y is in front.
_KITTI_FROM_LIDAR = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class ScanOptions:
    """What a recipe of scans may say.

    Attributes:
        beams: Beams of the LiDAR: 16, 32 or 64.
        azimuth_steps: Firings of each beam in one turn.
    """

    beams: int = 64
    azimuth_steps: int = 1024

    def __post_init__(self) -> None:
        if self.beams not in ELEVATIONS:
            known = ", ".join(map(str, ELEVATIONS))
            raise ConfigError("No such LiDAR", where="options.beams", expected=known, found=self.beams)
        steps = self.azimuth_steps
        if not isinstance(steps, int) or isinstance(steps, bool) or not 0 < steps <= _MAX_STEPS:
            expected = f"1 to {_MAX_STEPS}"
            raise ConfigError(
                "Impossible option of scans", where="options.azimuth_steps", expected=expected, found=steps
            )


@dataclass(frozen=True)
class ScanItem:
    """One scan.

    Attributes:
        split: The split that it belongs to.
        sequence: Its sequence.
        number: Its number in the split.
        name: Of its files.
        count: 1.
    """

    split: str
    sequence: str
    number: int
    name: str
    count: int = 1


@dataclass(frozen=True)
class MadeScan:
    """What lists of a data set say of a scan.

    Attributes:
        pose: (4, 4) where the LiDAR was on the map.
        weather: In words.
    """

    pose: Matrix
    weather: str


class SemanticKITTI(DatasetFamily[ScanItem, MadeScan]):
    """Labelled scans; what is counted are scans."""

    layouts = {
        name: Layout(_SERIES[told.streets], tuple(told.sequences), (), options=ScanOptions)
        for name, told in SCAN_SETS.items()
    }

    def items(self, recipe: WorldRecipe, split: str) -> list[ScanItem]:
        told, count = SCAN_SETS[recipe.dataset], recipe.splits[split]
        sequences = told.sequences[split]
        runs = np.array_split(np.arange(count), len(sequences))
        return [
            ScanItem(split, sequence, int(number), f"{scan:06d}")
            for sequence, run in zip(sequences, runs, strict=True)
            for scan, number in enumerate(run)
        ]

    def make(self, recipe: WorldRecipe, out: Path, item: ScanItem) -> MadeScan:
        told = SCAN_SETS[recipe.dataset]
        options: ScanOptions = recipe.chosen_options(self.layouts[recipe.dataset])
        rng = _rng(recipe, told, item, 0)
        street = _street(recipe, told, item)
        rays, mesh = ready_for_rays(street, 0.0)
        pose = street.street_from_ego(0.0) @ street.rig.ego_from_lidar
        sweep = scan(rays, mesh, pose, options.beams, options.azimuth_steps, street.plan.rain, rng)
        recorded, words = _through_weather(sweep, item, options.beams, rng) if told.weather else (sweep, "clear")
        points, labels = recorded.points[:, : told.values].copy(), _labels(told, street, sweep, recorded)
        points[:, :3] = points[:, :3] @ _KITTI_FROM_LIDAR.T.astype(np.float32)
        points[:, 3] *= told.brightest / 255
        files = {told.labels_folder: labels}
        if item.split in told.scribbles:
            files = {"scribbles": np.where(_scribbled(points, _rng(recipe, told, item, 1)), labels, 0)}
        write_scan(out / told.folder / item.sequence, told, item.name, points, files)
        axes = np.eye(4)
        axes[:3, :3] = _KITTI_FROM_LIDAR.T
        return MadeScan(street.global_from_street @ pose @ axes, words)

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[ScanItem], made: Sequence[MadeScan]) -> None:
        told = SCAN_SETS[recipe.dataset]
        folder = out / told.folder
        if told.streets == "semantic_kitti":
            for sequence in dict.fromkeys(item.sequence for item in items):
                poses = [each.pose for item, each in zip(items, made, strict=True) if item.sequence == sequence]
                _write_odometry(folder / sequence, poses)
        for split in recipe.splits:
            own = [(item, each) for item, each in zip(items, made, strict=True) if item.split == split]
            if recipe.dataset == "rellis3d":
                parts = ((told.points_folder, "bin"), (told.labels_folder, "label"))
                lines = [
                    " ".join(f"{item.sequence}/{part}/{item.name}.{suffix}" for part, suffix in parts)
                    for item, _ in own
                ]
                write_text(folder / f"pt_{split}.lst", "".join(f"{line}\n" for line in lines))
            if told.weather:
                lines = [f"{item.name},{each.weather}" for item, each in own]
                write_text(folder / split / f"{split}.txt", "".join(f"{line}\n" for line in lines))


def _rng(recipe: WorldRecipe, told: ScanSet, item: ScanItem, purpose: int) -> np.random.Generator:
    words = zlib.crc32(f"{told.streets}/{item.split}".encode())
    return np.random.default_rng([recipe.seed, words, item.number, _SERIES[told.streets], purpose])


def _street(recipe: WorldRecipe, told: ScanSet, item: ScanItem) -> Street:
    first_index = _SERIES[told.streets] * SERIES_OFFSET + SPLIT_OFFSET[item.split]
    return compose_street(_rng(recipe, told, item, 2), np.zeros(1), first_index, recipe.seed)


def _labels(told: ScanSet, street: Street, sweep: DetailedSweep, recorded: LabelledSweep) -> NDArray[np.uint32]:
    """Return (P,) labels of recorded points; where there was weather, their instances are numbers of scanned points."""
    standing, moving = told.label_table(moving=False), told.label_table(moving=True)
    drives = np.array([False, *(actor.velocity != (0.0, 0.0) for actor in street.actors)])
    of_scan = np.where(
        drives[sweep.instance], moving[sweep.category, sweep.detail], standing[sweep.category, sweep.detail]
    )
    of_scan = of_scan + (sweep.instance.astype(np.uint32) << 16)
    if not told.weather:
        return of_scan.astype(np.uint32)
    invalid = np.isin(recorded.category, (FOG_LABEL, SNOW_LABEL))
    return np.where(invalid, STF_INVALID, of_scan[np.maximum(recorded.instance - 1, 0)]).astype(np.uint32)


def _through_weather(
    sweep: DetailedSweep, item: ScanItem, beams: int, rng: np.random.Generator
) -> tuple[LabelledSweep, str]:
    """Return what is left of a sweep, with numbers of its points from 1 as instances, and the weather in words."""
    numbered = LabelledSweep(sweep.points, sweep.category, np.arange(1, len(sweep.points) + 1, dtype=np.int32))
    chosen = _WEATHER[item.number % len(_WEATHER)]
    if chosen is None:
        return numbered, "clear"
    return corrupted(numbered, *chosen, beams, rng), "_".join(reversed(chosen))


def _scribbled(points: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return (P,) whether a point lies on one of some lines, seen from above."""
    angle = rng.uniform(0, np.pi, _SCRIBBLES)
    offset = rng.uniform(-_SCRIBBLE_REACH, _SCRIBBLE_REACH, _SCRIBBLES)
    distance = points[:, :2] @ np.stack([np.cos(angle), np.sin(angle)]) - offset
    found: NDArray[np.bool_] = (np.abs(distance) < _SCRIBBLE_M / 2).any(axis=1)
    return found


def _write_odometry(folder: Path, poses: Sequence[Matrix]) -> None:
    """Write calibration, times and poses of the left camera, in its frame at the first scan."""
    write_text(folder / "calib.txt", calibration_lines(odometry=True))
    write_text(folder / "times.txt", "".join(f"{number * _SCAN_SECONDS:e}\n" for number in range(len(poses))))
    cameras = [pose @ inverse(CAMERA_FROM_LIDAR) for pose in poses]
    first = inverse(cameras[0])
    write_text(folder / "poses.txt", "".join(f"{matrix_line((first @ each)[:3])}\n" for each in cameras))


FAMILY = SemanticKITTI()
