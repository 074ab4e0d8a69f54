"""Parts of a mesh file, their polygons cut into triangles, joined into one mesh.

Shape legend: V vertices, N polygons, C corners of all of them together, F faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.findings import Findings
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.polygons import triangulated
from concord3d.geometry.srgb import light_of
from concord3d.geometry.surface_colors import Picture, SurfaceColors

GREY = 200
WHITE = np.full(3, 255, np.float32)


@dataclass(frozen=True)
class MeshPart:
    """Vertices, faces and colours of one part.

    Attributes:
        vertices: (V, 3) in the frame of the whole.
        faces: (F, 3) indices into ``vertices``.
        colors: Colours, or None.
    """

    vertices: NDArray[np.floating]
    faces: NDArray[np.integer]
    colors: SurfaceColors | None = None


@dataclass(frozen=True)
class CutPolygons:
    """Polygons of a file, cut into triangles.

    Attributes:
        faces: (F, 3) vertices of the triangles.
        corners: (F, 3) which of the C corners of all polygons they are.
        owner: (F,) polygon of each triangle.
        num_corners: (N,) corners of each polygon.
        is_within: Whether there is a triangle, and every vertex that one names.
    """

    faces: NDArray[np.int64]
    corners: NDArray[np.int64]
    owner: NDArray[np.int64]
    num_corners: NDArray[np.int64]
    is_within: bool

    @classmethod
    def of(
        cls, vertices: NDArray[np.floating], named: NDArray[np.int64], num_corners: NDArray[np.int64]
    ) -> CutPolygons:
        """Cut polygons; vertices that are not there are left to :func:`joined`, which names them.

        Args:
            vertices: (V, 3).
            named: (C,) vertex of each corner, polygon after polygon.
            num_corners: (N,) corners of each polygon, at least 3.

        Raises:
            ValueError: A polygon has fewer than three corners.
        """
        places = vertices[named.clip(0, max(len(vertices) - 1, 0))] if len(vertices) else np.zeros((len(named), 3))
        corners = triangulated(places, num_corners)
        faces = named[corners]
        owner = np.repeat(np.arange(len(num_corners)), num_corners - 2)
        is_within = bool(len(faces) and faces.min() >= 0 and faces.max() < len(vertices))
        return cls(faces, corners, owner, num_corners, is_within)


def joined(parts: Sequence[MeshPart], path: Path, findings: Findings) -> tuple[Mesh, SurfaceColors | None]:
    """Join parts; where only some have colours the others are light grey.

    Args:
        parts: In the order of their faces.
        path: The file, for errors.
        findings: Receives the file if a vertex is left out.

    Returns:
        The mesh with the mean colour of each face, and its colours, None where no part has any.

    Raises:
        BadMesh: No faces, broken indices, or a face with a coordinate that is not finite.
    """
    sizes = [len(part.vertices) for part in parts]
    for part, size in zip(parts, sizes, strict=True):
        # Before the parts are joined: an index beyond this part could point into the next.
        if len(part.faces) and (part.faces.min() < 0 or part.faces.max() >= size):
            Mesh(np.zeros((size, 3), np.float32), part.faces.astype(np.int64)).validated(path)
    offsets = np.cumsum([0, *sizes])
    vertices = np.concatenate([np.zeros((0, 3)), *(part.vertices for part in parts)]).astype(np.float32)
    faces = np.concatenate(
        [np.zeros((0, 3), np.int64), *(part.faces + offset for part, offset in zip(parts, offsets, strict=False))]
    )
    colors = _joined_colors(parts)
    mesh = Mesh(vertices, faces.astype(np.int32), None if colors is None else colors.of_faces())
    valid = mesh.validated(path)
    if len(valid.vertices) < len(vertices):
        findings.note("meshes with unused vertices that are not finite, which are left out", path.name)
    return valid, colors


def everywhere(color: NDArray[np.floating], num_faces: int) -> NDArray[np.float32]:
    """Return (F, 3, 3) one colour at every corner."""
    return np.ascontiguousarray(np.broadcast_to(color, (num_faces, 3, 3)), dtype=np.float32)


def _joined_colors(parts: Sequence[MeshPart]) -> SurfaceColors | None:
    given = [part.colors for part in parts if part.colors is not None]
    if not given:
        return None
    linear = given[0].linear
    grey = np.full(3, GREY, np.float32)
    grey = 255 * light_of(grey / 255) if linear else grey
    corners = [
        everywhere(grey, len(part.faces)) if part.colors is None else part.colors.corners.astype(np.float32)
        for part in parts
    ]
    numbers: dict[int, int] = {}
    pictures: list[Picture] = []
    index, uv = [], []
    for part in parts:
        own = part.colors
        if own is None or own.picture_index is None or own.uv is None:
            index.append(np.full(len(part.faces), -1, np.int32))
            uv.append(np.zeros((len(part.faces), 3, 2), np.float32))
            continue
        for picture in own.pictures:
            if numbers.setdefault(id(picture), len(pictures)) == len(pictures):
                pictures.append(picture)
        places = np.array([*(numbers[id(picture)] for picture in own.pictures), -1], np.int32)
        index.append(places[own.picture_index])
        uv.append(own.uv)
    if not pictures:
        return SurfaceColors(np.concatenate(corners), linear=linear)
    return SurfaceColors(np.concatenate(corners), np.concatenate(index), np.concatenate(uv), tuple(pictures), linear)
