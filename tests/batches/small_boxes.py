"""Made-up sweeps with boxes of three classes, each with a few points in it, and a tiny detector for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from concord3d.data.stores.sweeps import SweepSplit
from concord3d.data.sweep_boxes import SweepBoxes
from concord3d.geometry.box_frames import moved_boxes
from concord3d.geometry.rigid import rigid, turn_about_z
from concord3d.measures.detection_rules import NUSCENES_DETECTION

CLASSES = (*NUSCENES_DETECTION.classes, "road")
CAR, PEDESTRIAN = CLASSES.index("car"), CLASSES.index("pedestrian")
ENCODER: dict[str, Any] = {
    "name": "voxel_net", "reach_mm": 6400, "cell_mm": [200, 200], "widths": [4, 4, 8, 8], "out_width": 12,
    "norm_momentum": 0.1,
}  # fmt: skip
DETECTOR: dict[str, Any] = {
    "map_widths": [12, 12], "map_layers": 1, "map_out_width": 12, "head_width": 8,
    "groups": [["car"], ["pedestrian", "barrier"]],
}  # fmt: skip


def boxed_sweeps(
    scenes: Sequence[str] = ("scene-0001", "scene-0002"), keyframes: int = 2, seed: int = 0, split: str = "train"
) -> SweepSplit:
    """Each sweep has one car and one pedestrian, far from each other, ground, and a box of no class without points."""
    rng = np.random.default_rng(seed)
    names = tuple(f"{scene}/{number:03d}" for scene in scenes for number in range(keyframes))
    clouds, rows, poses = [], [], []
    for _ in names:
        car = np.array([rng.uniform(-4, -1), *rng.uniform(-4, 4, 1), -1.0, 3.0, 1.6, 1.5, rng.uniform(-3, 3), 2.0, 0.5])
        walker = np.array([rng.uniform(1, 4), *rng.uniform(-4, 4, 1), -1.0, 0.6, 0.6, 1.8, rng.uniform(-3, 3), 0, 1])
        own = np.stack([car, walker, walker + np.eye(9)[1]])
        inside = [box[:3] + rng.uniform(-0.5, 0.5, (40, 3)) * box[[4, 4, 5]] for box in own[:2]]
        ground = np.column_stack([rng.uniform(-6, 6, (60, 2)), np.full(60, -1.8)])
        points = np.concatenate([*inside, ground])
        clouds.append(np.column_stack([points, rng.uniform(0, 255, len(points))]).astype(np.float32))
        poses.append(rigid(turn_about_z(rng.uniform(-3, 3)), [*rng.uniform(300, 900, 2), 1.5]))
        rows.append(moved_boxes(own, poses[-1]))
    boxes, count = np.concatenate(rows), len(names)
    velocities = boxes[:, 7:9].copy()
    velocities[0] = np.nan
    return SweepSplit(
        "nuscenes_boxes", split, "synthetic", 140 * np.arange(count + 1), np.concatenate(clouds), CLASSES, names,
        per_sweep={"global_from_lidar": np.stack(poses), "global_from_ego": np.stack(poses)}, intensity_range=255.0,
        boxes=SweepBoxes(
            3 * np.arange(count + 1), boxes[:, :3], boxes[:, 3:6], boxes[:, 6], velocities,
            np.tile([17, 2, 0], count), np.tile([CAR, PEDESTRIAN, -1], count), np.tile([0, 7, -1], count),
            np.full(3 * count, 4), np.tile([40, 40, 0], count),
        ),
    )  # fmt: skip
