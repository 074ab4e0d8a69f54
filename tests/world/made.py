"""Clouds and meshes that tests of the world's writers write, and what they find in a folder."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from concord3d.files import sha256_file
from concord3d.geometry.mesh import Mesh
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.formats.labelled_h5 import LabelledClouds
from concord3d.world.objects.grammar import Shape

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


def volume(shape: Shape) -> float:
    """Signed volume: positive when all faces turn outwards."""
    a, b, c = (shape.vertices[shape.faces[:, i]] for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def boundary_edges(shape: Shape) -> int:
    """Number of edges, joined by position, that do not lie between exactly two triangles."""
    return int((_uses_of_edges(shape, 9) != 2).sum())


def open_edges(shape: Shape) -> int:
    """Number of edges that an odd number of triangles share: solids that touch each other have none.

    Points within a tenth of a micrometre count as one, for the poles of superellipsoids are not one point.
    """
    return int((_uses_of_edges(shape, 7) % 2).sum())


def _uses_of_edges(shape: Shape, decimals: int) -> np.ndarray:
    corners = np.unique(np.round(shape.vertices, decimals), axis=0, return_inverse=True)[1].ravel()[shape.faces]
    edges = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1)
    return np.unique(edges[edges[:, 0] != edges[:, 1]], axis=0, return_counts=True)[1]
