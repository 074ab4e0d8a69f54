"""Clouds and meshes that tests of the world's writers write, and what they find in a folder."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from concord3d.files import sha256_file
from concord3d.geometry.mesh import Mesh
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.formats.labelled_h5 import LabelledClouds

MODELNET = WorldRecipe("modelnet40", {"train": 9, "test": 6}, ("airplane", "chair", "table"), 64, 5)
SCANNED = WorldRecipe("scanobjectnn_obj_bg", {"train": 6, "test": 4}, ("chair", "table"), 64, 5)


def clouds(size: int, num_points: int, seed: int = 0, *, highest_label: int = 4, point_labels: bool = False):
    rng = np.random.default_rng(seed)
    return LabelledClouds(
        rng.normal(size=(size, num_points, 3)).astype(np.float32),
        rng.integers(0, highest_label, size),
        tuple(f"class/shape_{i:03d}" for i in range(size)),
        rng.integers(-1, 2, (size, num_points)) if point_labels else None,
    )


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def colored_mesh() -> Mesh:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    colors = np.array([[255, 0, 0], [255, 0, 0], [0, 17, 255], [3, 2, 1]], np.uint8)
    return Mesh(vertices, faces, colors, np.arange(4, dtype=np.int32))


def read(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as store:
        return {name: store[name][:] for name in store}
