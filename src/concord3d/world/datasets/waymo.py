"""Waymo Open Dataset, second version: streets seen by a LiDAR on a roof that turns while the vehicle drives on (CMCR
spec 1.3).

Layout: ``waymo/<training or validation>/<component>/<segment>.parquet`` with the components lidar, lidar_segmentation,
lidar_calibration, lidar_pose and vehicle_pose (:mod:`concord3d.world.formats.waymo_components`). A segment is a street
of its own; two of its frames have labels, the one between them has none.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix, rigid, turn
from concord3d.world.datasets.interface import SERIES_OFFSET, SPLIT_OFFSET, DatasetFamily, Layout, WorldRecipe
from concord3d.world.datasets.semantic_kitti import ScanOptions
from concord3d.world.formats.labelled_scans import ScanSet
from concord3d.world.formats.waymo_components import CLASSES, WaymoFrame, write_segment
from concord3d.world.streets.casting import ready_for_rays
from concord3d.world.streets.lidar import ELEVATIONS
from concord3d.world.streets.street import Street, compose_street
from concord3d.world.streets.turning import Turn, record_turn, swaying

_SERIES = 20
_FOLDERS = {"train": "training", "val": "validation"}
# Seconds of the frames of a segment; every other has labels.
_TIMES = np.array([0.0, 0.5, 1.0])
_LABELLED = 2
# Microseconds of the first frame of all, and from one segment to the next.
_EPOCH, _SEGMENT_TIME = 1_550_000_000_000_000, 20_000_000
_MOUNT, _TILT, _SHIFT = (1.43, 0.0, 2.18), 0.01, 0.01
_NUMBERS = {name: number for number, name in enumerate(CLASSES, start=1)}
# What has none of these labels is 0, "undefined".
_LABELS = ScanSet("waymo", {"train": (), "val": ()}, {
    word: _NUMBERS[name] for word, name in {
        "vehicle.car": "car", "vehicle.truck": "truck", "vehicle.bus": "bus", "vehicle": "other-vehicle",
        "vehicle.bicycle": "bicycle", "vehicle.motorcycle": "motorcycle", "human": "pedestrian", "traffic_sign": "sign",
        "pole": "pole", "movable_object.trafficcone": "construction-cone", "building": "building",
        "static.vegetation": "vegetation", "trunk": "tree-trunk", "flat.driveable_surface": "road",
        "lane_marking": "lane-marker", "flat.other": "other-ground", "flat.terrain": "walkable",
        "flat.sidewalk": "sidewalk",
    }.items()
} | {"vehicle.ego": 0}, "waymo").label_table(moving=False).astype(np.int32)  # fmt: skip


@dataclass(frozen=True)
class SegmentItem:
    """One segment.

    Attributes:
        split: The split that it belongs to.
        number: Its number in the split.
        count: How many of its frames have labels.
    """

    split: str
    number: int
    count: int


class Waymo(DatasetFamily[SegmentItem, None]):
    """Segments; what is counted are frames with labels."""

    layouts = {
        "waymo": Layout(
            _SERIES, tuple(_FOLDERS), (), ("motorcyclist", "bicyclist", "traffic-light", "curb"), ScanOptions
        )
    }

    def items(self, recipe: WorldRecipe, split: str) -> list[SegmentItem]:
        count = recipe.splits[split]
        return [
            SegmentItem(split, number, min(_LABELLED, count - first))
            for number, first in enumerate(range(0, count, _LABELLED))
        ]

    def make(self, recipe: WorldRecipe, out: Path, item: SegmentItem) -> None:
        options: ScanOptions = recipe.chosen_options(self.layouts[recipe.dataset])
        words = zlib.crc32(f"waymo/{item.split}".encode())
        streets, sensors = (np.random.default_rng([recipe.seed, words, item.number, _SERIES, i]) for i in range(2))
        first_index = _SERIES * SERIES_OFFSET + SPLIT_OFFSET[item.split]
        street = compose_street(streets, _TIMES, first_index, recipe.seed)
        roll, pitch = sensors.normal(0, _TILT, 2)
        turned = turn(float(roll), float(pitch), float(sensors.uniform(-np.pi, np.pi)))
        mount = rigid(turned, _MOUNT + sensors.normal(0, _SHIFT, 3))
        started = _EPOCH + (SPLIT_OFFSET[item.split] + item.number) * _SEGMENT_TIME
        frames = [
            _frame(street, mount, options, started, float(time), number % 2 == 0, sensors)
            for number, time in enumerate(_TIMES[: 2 * item.count - 1])
        ]
        name = f"{10**18 + SPLIT_OFFSET[item.split] + item.number}_000_000_020_000"
        beams = np.radians(ELEVATIONS[options.beams])
        write_segment(out / "waymo" / _FOLDERS[item.split], name, mount, beams, frames)

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[SegmentItem], made: Sequence[None]) -> None:
        """Each segment has files of its own."""


def _frame(
    street: Street,
    mount: Matrix,
    options: ScanOptions,
    started: int,
    time: float,
    has_labels: bool,
    rng: np.random.Generator,
) -> WaymoFrame:
    scene, mesh = ready_for_rays(street, time)
    seen = record_turn(street, scene, mesh, mount, options.beams, options.azimuth_steps, time, rng)
    missed = seen.distance < 0
    zone = np.where(missed, -1.0, 0.0)
    returns = np.stack([seen.distance, seen.intensity, zone, zone], axis=-1).astype(np.float32)
    labels = np.stack([seen.instance, np.where(missed, 0, _LABELS[seen.category, seen.detail])], axis=-1)
    return WaymoFrame(
        started + round(time * 1e6), returns, labels.astype(np.int32) if has_labels else None, _poses(street, seen),
        street.global_from_street @ swaying(street, time),
    )  # fmt: skip


def _poses(street: Street, seen: Turn) -> NDArray[np.float32]:
    """Return (H, W, 6) roll, pitch, yaw and place on the map of the vehicle at each pixel."""
    poses = street.global_from_street @ seen.street_from_vehicle
    turned = poses[:, :3, :3]
    angles = [
        np.arctan2(turned[:, 2, 1], turned[:, 2, 2]), -np.arcsin(turned[:, 2, 0]),
        np.arctan2(turned[:, 1, 0], turned[:, 0, 0]),
    ]  # fmt: skip
    of_column = np.column_stack([*angles, poses[:, :3, 3]])
    return np.broadcast_to(of_column, (seen.distance.shape[1], *of_column.shape)).astype(np.float32)


FAMILY = Waymo()
