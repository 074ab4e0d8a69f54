"""Triangle meshes and sampling of their surface.

Shape legend: V vertices, F faces, N points. Right-handed axes, y up, front towards +z.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import BadMesh


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh.

    Attributes:
        vertices: (V, 3) float32.
        faces: (F, 3) int32 indices into ``vertices``.
        face_colors: (F, 3) uint8 RGB, or None.
        face_parts: (F,) int32 part index, or None.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    face_colors: NDArray[np.uint8] | None = None
    face_parts: NDArray[np.int32] | None = None

    def validated(self, where: str | Path | None = None) -> Mesh:
        """Return self.

        Raises:
            BadMesh: No faces, an index out of range, or a coordinate that is not finite.
        """
        if self.faces.ndim != 2 or self.faces.shape[1:] != (3,) or len(self.faces) == 0:
            raise BadMesh("A mesh has no triangles", where=where, expected="(F, 3) with F > 0", found=self.faces.shape)
        if self.faces.min() < 0 or self.faces.max() >= len(self.vertices):
            raise BadMesh(
                "A face points outside the vertices",
                where=where,
                expected=f"indices in [0, {len(self.vertices)})",
                found=f"[{self.faces.min()}, {self.faces.max()}]",
            )
        if not np.isfinite(self.vertices).all():
            raise BadMesh("A mesh has vertices that are not finite", where=where)
        return self

    def face_areas(self) -> NDArray[np.float64]:
        """Return (F,) triangle areas."""
        a, b, c = (self.vertices[self.faces[:, i]].astype(np.float64) for i in range(3))
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2

    def normalized(self) -> Mesh:
        """Return the mesh with the middle of its bounding box at the origin and its farthest vertex at radius 1."""
        low, high = self.vertices.min(axis=0), self.vertices.max(axis=0)
        centred = self.vertices - (low + high) / 2
        radius = float(np.linalg.norm(centred, axis=1).max())
        return Mesh((centred / max(radius, 1e-12)).astype(np.float32), self.faces, self.face_colors, self.face_parts)


@dataclass(frozen=True)
class SurfaceSample:
    """Points on a mesh's surface.

    Attributes:
        points: (N, 3) float32.
        normals: (N, 3) float32 unit face normals.
        face_index: (N,) int64 face each point lies on.
    """

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    face_index: NDArray[np.int64]


def sample_surface(mesh: Mesh, num_points: int, rng: np.random.Generator) -> SurfaceSample:
    """Draw points uniformly by area.

    Args:
        mesh: The mesh.
        num_points: N.
        rng: Source of randomness.

    Raises:
        BadMesh: The total area is zero.
    """
    areas = mesh.face_areas()
    total = areas.sum()
    if not total > 0:
        raise BadMesh("A mesh has no area", expected="total area > 0", found=total)
    # Stratified positions on the cumulative area: fewer clumps than independent draws, same expectation.
    positions = (np.arange(num_points) + rng.random(num_points)) / num_points
    face_index = np.searchsorted(np.cumsum(areas) / total, positions, side="right").clip(0, len(areas) - 1)
    rng.shuffle(face_index)
    a, b, c = (mesh.vertices[mesh.faces[face_index, i]].astype(np.float64) for i in range(3))
    u, v = rng.random((2, num_points, 1))
    root = np.sqrt(u)
    points = (1 - root) * a + root * (1 - v) * b + root * v * c
    normals = np.cross(b - a, c - a)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-12)
    return SurfaceSample(points.astype(np.float32), normals.astype(np.float32), face_index)
