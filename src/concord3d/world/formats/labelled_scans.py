"""Data sets of LiDAR scans with a label for every point, as SemanticKITTI is written (CMCR spec 1.2, 1.3).

A scan is a file of float32 values and a file of uint32: the label in the lower 16 bits, the instance above.

Shape legend: P points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.world.streets.taxonomy import CATEGORY_INDEX, DETAIL_INDEX, DETAILS, GENERAL_CATEGORIES

Labels = Mapping[str, int]


@dataclass(frozen=True)
class ScanSet:
    """How one data set is laid out, and what its labels are.

    Attributes:
        folder: What sequences lie in.
        sequences: Names of the sequences of each split.
        labels: Label of a detail, of a general category or of all whose names begin so; the first that is there counts.
            What has none is 0.
        moving: Label instead of ``labels`` of what moves.
        points_folder: Folder of a sequence that holds points.
        labels_folder: Folder of a sequence that holds labels.
        scribbles: Splits whose labels are lines through the scan, in the folder ``scribbles``.
        weather: Whether it snows or is foggy, by turns with clear air.
        brightest: Greatest remission.
        values: Values of a point: x, y, z, remission, and the number of the beam where there are five.
        streets: Data sets of one word show the same streets.
    """

    folder: str
    sequences: Mapping[str, tuple[str, ...]]
    labels: Labels
    streets: str
    moving: Labels = field(default_factory=dict)
    points_folder: str = "velodyne"
    labels_folder: str = "labels"
    scribbles: tuple[str, ...] = ()
    weather: bool = False
    brightest: float = 1.0
    values: int = 4

    def label_table(self, moving: bool) -> NDArray[np.uint32]:
        """Return the label of every general category and detail, (32, details) uint32."""
        told = {**self.labels, **(self.moving if moving else {})}
        table = np.zeros((len(GENERAL_CATEGORIES), len(DETAILS)), np.uint32)
        for category, row in CATEGORY_INDEX.items():
            words = category.split(".")
            general = [".".join(words[:count]) for count in range(len(words), 0, -1)]
            for detail, column in DETAIL_INDEX.items():
                table[row, column] = next((told[name] for name in (detail, *general) if name in told), 0)
        return table


_KITTI_LABELS: Labels = {
    "vehicle.ego": 1, "vehicle.car": 10, "vehicle.bicycle": 11, "vehicle.bus": 13, "vehicle.motorcycle": 15,
    "vehicle.truck": 18, "vehicle": 20, "human": 30, "flat.driveable_surface": 40, "lane_marking": 60,
    "flat.sidewalk": 48, "flat.other": 49, "building": 50, "fence": 51, "movable_object.barrier": 51,
    "static.manmade": 52, "static.vegetation": 70, "trunk": 71, "flat.terrain": 72, "pole": 80, "traffic_sign": 81,
    "movable_object": 99,
}  # fmt: skip
_KITTI_MOVING: Labels = {
    "vehicle.car": 252, "human": 254, "vehicle.bus": 257, "vehicle.truck": 258, "vehicle.trailer": 259,
}  # fmt: skip
_KITTI_SEQUENCES = {"train": ("00", "01", "02", "03", "04", "05", "06", "07", "09", "10"), "val": ("08",)}
_RELLIS_LABELS: Labels = {
    "flat.terrain": 3, "static.vegetation": 4, "pole": 5, "vehicle": 8, "movable_object": 9, "traffic_sign": 9,
    "flat.driveable_surface": 10, "building": 12, "human": 17, "fence": 18, "flat.sidewalk": 23, "flat.other": 23,
    "movable_object.barrier": 27, "vehicle.ego": 0,
}  # fmt: skip
_POSS_LABELS: Labels = {
    "human": 4, "vehicle": 7, "trunk": 8, "static.vegetation": 9, "traffic_sign": 10, "pole": 13,
    "movable_object.pushable_pullable": 14, "building": 15, "movable_object.trafficcone": 16, "fence": 17,
    "movable_object.barrier": 17, "vehicle.bicycle": 21, "vehicle.motorcycle": 21, "flat": 22, "vehicle.ego": 0,
}  # fmt: skip
# The classes of SemanticKITTI in their order.
_STF_LABELS: Labels = {
    "vehicle.car": 1, "vehicle.bicycle": 2, "vehicle.motorcycle": 3, "vehicle.truck": 4, "vehicle": 5, "human": 6,
    "flat.driveable_surface": 9, "flat.sidewalk": 11, "flat.other": 12, "building": 13, "fence": 14,
    "movable_object.barrier": 14, "static.vegetation": 15, "trunk": 16, "flat.terrain": 17, "pole": 18,
    "traffic_sign": 19, "vehicle.ego": 0,
}  # fmt: skip
# What no surface returned, in SemanticSTF.
STF_INVALID = 20
_SYN_LABELS: Labels = {
    "vehicle.car": 1, "vehicle.truck": 3, "vehicle.bus": 4, "vehicle.bicycle": 5, "vehicle.motorcycle": 6, "vehicle": 7,
    "flat.driveable_surface": 8, "flat.sidewalk": 9, "flat.other": 11, "human": 13, "human.pedestrian.child": 14,
    "building": 18, "static.manmade": 19, "static.vegetation": 20, "trunk": 21, "flat.terrain": 22, "traffic_sign": 23,
    "pole": 24, "movable_object.trafficcone": 25, "fence": 26, "movable_object.barrier": 26,
    "movable_object.pushable_pullable": 27, "vehicle.ego": 0,
}  # fmt: skip
SCAN_SETS: Mapping[str, ScanSet] = {
    "semantic_kitti": ScanSet(
        "semantic_kitti/dataset/sequences", _KITTI_SEQUENCES, _KITTI_LABELS, "semantic_kitti", _KITTI_MOVING
    ),
    "scribble_kitti": ScanSet(
        "scribble_kitti/dataset/sequences", _KITTI_SEQUENCES, _KITTI_LABELS, "semantic_kitti", _KITTI_MOVING,
        scribbles=("train",),
    ),
    "rellis3d": ScanSet(
        "rellis3d", {"train": ("00000", "00001"), "val": ("00002",)}, _RELLIS_LABELS,
        "rellis3d", points_folder="os1_cloud_node_kitti_bin", labels_folder="os1_cloud_node_semantickitti_label_id",
    ),
    "semantic_poss": ScanSet(
        "semantic_poss/dataset/sequences", {"train": ("00", "01", "03", "04", "05"), "val": ("02",)}, _POSS_LABELS,
        "semantic_poss",
    ),
    "semantic_stf": ScanSet(
        "semantic_stf", {"train": ("train",), "val": ("val",)}, _STF_LABELS, "semantic_stf",
        weather=True, brightest=255.0, values=5,
    ),
    "synlidar": ScanSet(
        "synlidar/sequences", {"train": tuple(f"{number:02d}" for number in range(12)), "val": ("12",)}, _SYN_LABELS,
        "synlidar",
    ),
    "daps3d": ScanSet(
        "daps3d/DAPS-2/data", {"train": ("38-18_7_72_90",), "val": ("42-48_10_78_90", "44-18_11_15_32")},
        _KITTI_LABELS, "daps3d", _KITTI_MOVING, points_folder="clouds",
    ),
}  # fmt: skip


def write_scan(
    folder: Path, scan_set: ScanSet, name: str, points: NDArray[np.float32], labels: Mapping[str, NDArray[np.uint32]]
) -> None:
    """Write one scan; not synced, for the caller renames the whole.

    Args:
        folder: Of the sequence.
        scan_set: How its files are called.
        name: Of the scan.
        points: (P, 4 or 5).
        labels: (P,) label plus 65,536 times the instance, by the folder that receives them.
    """
    for part, suffix, array in (
        (scan_set.points_folder, "bin", points.astype("<f4")),
        *((part, "label", each.astype("<u4")) for part, each in labels.items()),
    ):
        path = folder / part / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(array.tobytes())
