"""Triangle meshes, and sampling of their surface.

Shape legend: V vertices, F faces, N points. Right-handed axes, y up, front towards +z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        """Return the mesh, without vertices that are not finite and that no face uses.

        Raises:
            BadMesh: No faces, an index out of range, or a face with a coordinate that is not finite.
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
        finite = np.asarray(np.isfinite(self.vertices).all(axis=1))
        if finite.all():
            return self
        if not finite[self.faces].all():
            raise BadMesh(
                "A mesh has vertices that are not finite",
                where=where,
                found=f"{int((~finite[self.faces]).any(axis=1).sum())} of {len(self.faces)} faces have one",
            )
        moved = np.cumsum(finite) - 1
        return replace(self, vertices=self.vertices[finite], faces=moved[self.faces].astype(np.int32))

    def face_areas(self) -> NDArray[np.float64]:
        """Return (F,) triangle areas."""
        a, b, c = (self.vertices[self.faces[:, i]].astype(np.float64) for i in range(3))
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2

    def face_normals(self) -> NDArray[np.float32]:
        """Return (F, 3) unit normals by the right-hand rule; zero for a triangle without area."""
        a, b, c = (self.vertices[self.faces[:, i]].astype(np.float64) for i in range(3))
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        unit = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
        return unit.astype(np.float32)

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
        weights: (N, 3) float32 barycentric weights of the face's corners, at least 0, of sum 1.
    """

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    face_index: NDArray[np.int64]
    weights: NDArray[np.float32]


def sample_surface(
    mesh: Mesh, num_points: int, rng: np.random.Generator, where: str | Path | None = None
) -> SurfaceSample:
    """Draw points uniformly by area.

    Args:
        mesh: The mesh.
        num_points: N.
        rng: Source of randomness.
        where: Name of the mesh in an error.

    Raises:
        BadMesh: The total area is zero.
    """
    areas = mesh.face_areas()
    total = areas.sum()
    if not total > 0:
        raise BadMesh("A mesh has no area", where=where, expected="total area > 0", found=total)
    # Stratified positions on the cumulative area: fewer clumps than independent draws, same expectation.
    positions = (np.arange(num_points) + rng.random(num_points)) / num_points
    face_index = np.searchsorted(np.cumsum(areas) / total, positions, side="right").clip(0, len(areas) - 1)
    rng.shuffle(face_index)
    a, b, c = (mesh.vertices[mesh.faces[face_index, i]].astype(np.float64) for i in range(3))
    u, v = rng.random((2, num_points, 1))
    root = np.sqrt(u)
    weights = np.concatenate([1 - root, root * (1 - v), root * v], axis=1)
    points = weights[:, :1] * a + weights[:, 1:2] * b + weights[:, 2:] * c
    normals = np.cross(b - a, c - a)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-12)
    return SurfaceSample(points.astype(np.float32), normals.astype(np.float32), face_index, weights.astype(np.float32))
