"""Made-up sweeps of a few points, whose classes lie at different heights, and a tiny network for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concord3d.data.stores.sweeps import SweepSplit

CLASSES = ("road", "car", "tree")
ENCODER = {
    "name": "mink_unet",
    "voxel_mm": 400,
    "angle_degrees": 30,
    "stem_width": 4,
    "down_widths": [4],
    "down_blocks": [1],
    "up_widths": [6],
    "up_blocks": [1],
}


def sweeps(
    scenes: Sequence[str] = ("scene-0001", "scene-0002"), keyframes: int = 2, seed: int = 0, split: str = "train"
) -> SweepSplit:
    """Sweeps of different sizes with intensities to 255; about a tenth of the points has no class."""
    rng = np.random.default_rng(seed)
    names = tuple(f"{scene}/{number:03d}" for scene in scenes for number in range(keyframes))
    sizes = rng.integers(40, 80, len(names))
    labels = rng.integers(0, 3, sizes.sum())
    points = rng.uniform(-3, 3, (len(labels), 4)).astype(np.float32)
    points[:, 2] = labels + rng.uniform(0.0, 0.3, len(labels))
    points[:, 3] = np.clip(80 * labels + rng.uniform(0, 60, len(labels)), 0, 255)
    labels[rng.random(len(labels)) < 0.1] = -1
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return SweepSplit("nuscenes", split, "synthetic", offsets, points, CLASSES, names, labels, intensity_range=255.0)
