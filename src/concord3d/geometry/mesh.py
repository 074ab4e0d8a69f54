"""Triangle meshes, sampling of their surface, and the colour of the points drawn.

Shape legend: V vertices, F faces, N points, H and W height and width of a picture. Right-handed axes, y up, front
towards +z.
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


@dataclass(frozen=True)
class SurfaceColors:
    """The colour of every point of a mesh's surface.

    Where a face has a picture, the colour is the picture's times the corners' (white unless the material tints it).

    Attributes:
        corners: (F, 3, 3) uint8 RGB at the corners of each face, interpolated in between.
        picture_index: (F,) int32 index into ``pictures``, -1 on faces without one; None where no face has one.
        uv: (F, 3, 2) float32 places in the picture, (0, 0) at its lower left; None where no face has one.
        pictures: (H, W, 3) uint8 RGB each; they repeat outside [0, 1].
    """

    corners: NDArray[np.uint8]
    picture_index: NDArray[np.int32] | None = None
    uv: NDArray[np.float32] | None = None
    pictures: tuple[NDArray[np.uint8], ...] = ()

    def at(self, sample: SurfaceSample) -> NDArray[np.uint8]:
        """Return (N, 3) uint8 RGB of points drawn from the mesh these colours belong to."""
        return self._blend(sample.face_index, sample.weights)

    def of_faces(self) -> NDArray[np.uint8]:
        """Return (F, 3) uint8 RGB: the mean of a face's corners, or of ten places where it has a picture."""
        colors = self.corners.astype(np.float32).mean(axis=1).round().astype(np.uint8)
        if self.picture_index is None:
            return colors
        pictured = np.flatnonzero(self.picture_index >= 0)
        places = np.array([(i, j, 3 - i - j) for i in range(4) for j in range(4 - i)], np.float32) / 3
        # Drawn in towards the middle, so that a place does not lie on the seam to another part of the picture.
        places = 0.9 * places + 0.1 / 3
        at_places = [self._blend(pictured, np.tile(place, (len(pictured), 1))).astype(np.float32) for place in places]
        colors[pictured] = np.mean(at_places, axis=0).round().astype(np.uint8)
        return colors

    def _blend(self, faces: NDArray[np.int64], weights: NDArray[np.float32]) -> NDArray[np.uint8]:
        colors = np.einsum("nk,nkc->nc", weights, self.corners[faces].astype(np.float32))
        if self.picture_index is not None and self.uv is not None:
            place = np.einsum("nk,nkc->nc", weights, self.uv[faces])
            index = self.picture_index[faces]
            for number, picture in enumerate(self.pictures):
                here = np.flatnonzero(index == number)
                colors[here] *= _bilinear(picture, place[here]) / 255
        return colors.round().clip(0, 255).astype(np.uint8)


def _bilinear(picture: NDArray[np.uint8], uv: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return (n, 3) float32 colours at the places ``uv`` (n, 2) of a picture that repeats."""
    height, width = picture.shape[:2]
    x = uv[:, 0].astype(np.float64) * width - 0.5
    y = (1 - uv[:, 1].astype(np.float64)) * height - 0.5
    left, top = np.floor(x), np.floor(y)
    across, down = (x - left)[:, None].astype(np.float32), (y - top)[:, None].astype(np.float32)
    columns = [(left.astype(np.int64) + step) % width for step in (0, 1)]
    rows = [(top.astype(np.int64) + step) % height for step in (0, 1)]
    upper, lower = (picture[row, columns[0]] * (1 - across) + picture[row, columns[1]] * across for row in rows)
    return upper * (1 - down) + lower * down
