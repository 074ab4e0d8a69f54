"""Clouds and meshes of PLY files, with the names and types that tools write.

Shape legend: P points, F faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.linked_files import LinkedFiles
from concord3d.data.formats.mesh_parts import WHITE, CutPolygons, MeshPart, everywhere, joined
from concord3d.data.formats.ply_elements import Lists, Ply, read_ply
from concord3d.data.layout import NEXT_STEP
from concord3d.errors import UnreadableFile
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.polygons import triangulated
from concord3d.geometry.surface_colors import Picture, SurfaceColors

# MeshLab, Blender, CloudCompare and scanners; the first that is complete counts.
_CHANNELS = (
    ("red", "green", "blue"),
    ("r", "g", "b"),
    ("diffuse_red", "diffuse_green", "diffuse_blue"),
)
_PLACES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
_CORNERS = ("vertex_indices", "vertex_index")


@dataclass(frozen=True)
class ScanMesh:
    """A reconstructed mesh with what is said of its vertices.

    Attributes:
        points: (P, 3) float32.
        colors: (P, 3) uint8 RGB, or None.
        properties: (P,) every number of the vertices, by name in small letters.
        faces: (F, 3) int32.
    """

    points: NDArray[np.float32]
    colors: NDArray[np.uint8] | None
    properties: Mapping[str, NDArray[np.generic]]
    faces: NDArray[np.int32]


def read_ply_points(path: Path) -> NDArray[np.float32]:
    """Read the vertices of a PLY file (ASCII or binary).

    Returns:
        (P, 3) float32.

    Raises:
        UnreadableFile: Truncated, not PLY, or without x, y, z.
    """
    return read_ply_cloud(path)[0]


def read_ply_cloud(path: Path) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Read the vertices of a PLY file (ASCII or binary) and their colours.

    Returns:
        (P, 3) float32 points, and (P, 3) uint8 RGB, or None where the vertices have no colours.

    Raises:
        UnreadableFile: Truncated, not PLY, without x, y, z, or with colours out of range.
    """
    ply = read_ply(path)
    return _points(ply, path), _colors(ply, "vertex", path)


def read_scan_mesh(path: Path) -> ScanMesh:
    """Read a reconstructed mesh with every number that is said of its vertices.

    Raises:
        UnreadableFile: Truncated, not PLY, without x, y, z or faces, with a face of other vertices, or with colours out
            of range.
    """
    ply = read_ply(path)
    points, polygons = _points(ply, path), ply.lists("face", *_CORNERS)
    corners = None if polygons is None else polygons.values.astype(np.int64)
    if polygons is None or corners is None or not len(corners) or not 0 <= corners.min() <= corners.max() < len(points):
        found = "no faces" if corners is None or not len(corners) else f"the vertex {corners.max()} of {len(points)}"
        raise UnreadableFile("Not the mesh of a scan", where=path, found=found, next_step=NEXT_STEP)
    columns = ply.elements["vertex"]
    numbers = {name: column for name, column in columns.items() if not isinstance(column, Lists)}
    faces = corners[triangulated(points[corners], polygons.lengths)]
    return ScanMesh(points, _colors(ply, "vertex", path), numbers, faces.astype(np.int32))


def read_ply_mesh(path: Path, files: LinkedFiles) -> tuple[Mesh, SurfaceColors | None]:
    """Read a mesh: faces or strips of triangles, with colours of vertices or faces, or with pictures.

    Args:
        path: The file.
        files: Where the pictures that it names lie.

    Raises:
        UnreadableFile: Truncated, not PLY, without x, y, z, or with colours out of range.
        BadMesh: No faces, broken indices or values that are not finite.
    """
    ply = read_ply(path)
    points = _points(ply, path)
    try:
        polygons = ply.lists("face", *_CORNERS) or _strips(ply.lists("tristrips", *_CORNERS))
        if polygons is None:
            return joined([], path, files.findings)
        cut = CutPolygons.of(points, polygons.values.astype(np.int64), polygons.lengths)
        colors = _surface(ply, path, files, cut) if cut.is_within else None
    except ValueError as error:
        raise UnreadableFile("Cannot read a PLY mesh", where=path, found=error, next_step=NEXT_STEP) from error
    return joined([MeshPart(points, cut.faces, colors)], path, files.findings)


def _surface(ply: Ply, path: Path, files: LinkedFiles, cut: CutPolygons) -> SurfaceColors | None:
    of_vertices = _colors(ply, "vertex", path)
    of_faces = _colors(ply, "face", path) if of_vertices is None else None
    corners = None
    if of_vertices is not None:
        corners = of_vertices[cut.faces].astype(np.float32)
    elif of_faces is not None and len(of_faces) > cut.owner.max():
        corners = np.repeat(of_faces[cut.owner][:, None], 3, axis=1).astype(np.float32)
    pixels = [files.picture(name) for name in ply.textures]
    uv = _places(ply, cut)
    if uv is None or not any(each is not None for each in pixels):
        return None if corners is None else SurfaceColors(corners)
    numbers = ply.numbers("face", "texnumber")
    index = np.zeros(len(cut.faces), np.int64) if numbers is None else numbers.astype(np.int64)[cut.owner]
    absent = [each is None for each in pixels]
    index = np.where((index >= 0) & (index < len(pixels)), index, 0)
    index = np.where(np.array(absent)[index], -1, index)
    blank = np.zeros((1, 1, 3), np.uint8)
    pictures = tuple(Picture(blank if each is None else each) for each in pixels)
    corners = everywhere(WHITE, len(cut.faces)) if corners is None else corners
    return SurfaceColors(corners, index.astype(np.int32), uv, pictures)


def _places(ply: Ply, cut: CutPolygons) -> NDArray[np.float32] | None:
    """Return (F, 3, 2) places in the pictures: of the corners of faces, else of vertices, or None."""
    wedges = ply.lists("face", "texcoord")
    if wedges is not None and np.array_equal(wedges.lengths, 2 * cut.num_corners):
        return np.nan_to_num(wedges.values.astype(np.float32).reshape(-1, 2)[cut.corners], posinf=0, neginf=0)
    for names in _PLACES:
        table = ply.table("vertex", names)
        if table is not None:
            return np.nan_to_num(table.astype(np.float32)[cut.faces], posinf=0, neginf=0)
    return None


def _points(ply: Ply, path: Path) -> NDArray[np.float32]:
    table = ply.table("vertex", ("x", "y", "z"))
    if table is None:
        found = {name: list(own) for name, own in ply.elements.items()}
        raise UnreadableFile("A PLY file has no vertices with x, y and z", where=path, found=found)
    return table.astype(np.float32)


def _colors(ply: Ply, element: str, path: Path) -> NDArray[np.uint8] | None:
    """Return the (E, 3) uint8 RGB of an element, or None.

    Numbers of floating point are of 1 unless one is larger than 1; those of 16 bits are of 65,535 unless all are at
    most 255.
    """
    for names in _CHANNELS:
        shades = ply.table(element, names)
        if shades is None:
            continue
        numbers = shades.astype(np.float64)
        if not len(numbers):
            return np.zeros((0, 3), np.uint8)
        largest = numbers.max()
        if shades.dtype.kind == "f" and largest <= 1:
            numbers = 255 * numbers
        elif shades.dtype.kind in "ui" and shades.dtype.itemsize == 2 and largest > 255:
            numbers = numbers / 257
        if not (numbers.min() >= 0 and numbers.max() <= 255):
            raise UnreadableFile(
                "Colours of a PLY file are out of range",
                where=path,
                expected="0 to 255, fractions of 1, or 16 bits",
                found=f"{shades.dtype} from {numbers.min():g} to {largest:g}",
            )
        return numbers.round().astype(np.uint8)
    return None


def _strips(strips: Lists | None) -> Lists | None:
    """Return the triangles of strips, which end with the list or with -1."""
    if strips is None:
        return None
    triangles: list[tuple[int, int, int]] = []
    ends = np.cumsum(strips.lengths)
    for start, end in zip(ends - strips.lengths, ends, strict=True):
        run: list[int] = []
        for corner in [*strips.values[start:end].tolist(), -1]:
            if corner < 0:
                triangles += [(run[k], run[k + 1 + k % 2], run[k + 2 - k % 2]) for k in range(len(run) - 2)]
                run = []
            else:
                run.append(int(corner))
    values = np.array(triangles, dtype=np.int64).reshape(-1)
    return Lists(values, np.full(len(triangles), 3, np.int64))
