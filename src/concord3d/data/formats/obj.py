"""Meshes in Wavefront OBJ, with materials, pictures and colours of vertices.

Shape legend: V vertices, C corners of all polygons together, F faces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.linked_files import LinkedFiles, decoded
from concord3d.data.formats.mesh_parts import GREY, CutPolygons, MeshPart, joined
from concord3d.data.formats.mtl import Material, read_materials, statements
from concord3d.data.layout import NEXT_STEP
from concord3d.errors import ConcordError, UnreadableFile
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.surface_colors import Picture, SurfaceColors


@dataclass
class _Statements:
    """What the lines say; ``materials`` holds the name that each polygon uses, None before the first ``usemtl``."""

    vertices: list[list[str]] = field(default_factory=list)
    places: list[list[str]] = field(default_factory=list)
    corners: list[int] = field(default_factory=list)
    corner_places: list[int] = field(default_factory=list)
    num_corners: list[int] = field(default_factory=list)
    materials: list[str | None] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    num_degenerate: int = 0


def read_obj(path: Path, files: LinkedFiles) -> tuple[Mesh, SurfaceColors | None]:
    """Read a mesh; polygons become triangles.

    A face shows its material's picture, else its material's colour, times the colours of its vertices. Where the file
    names materials but uses none, its only material counts.

    Args:
        path: The file.
        files: Where the materials and pictures that it names lie.

    Raises:
        UnreadableFile: Not OBJ, or a file that it names leaves the data set, breaks off or is damaged.
        BadMesh: No faces, broken indices or values that are not finite.
    """
    try:
        said = _read_statements(decoded(path.read_bytes()))
        if said.num_degenerate:
            files.findings.note("OBJ meshes with faces of one or two corners, which are left out", path.name)
        vertices, shades = _vertices(said.vertices)
        corners, num_corners = (np.array(numbers, dtype=np.int64) for numbers in (said.corners, said.num_corners))
        cut = CutPolygons.of(vertices, corners, num_corners)
        colors = _colors(said, cut, shades, _materials(said, files)) if cut.is_within else None
    except ConcordError:
        raise
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise UnreadableFile("Cannot read an OBJ mesh", where=path, found=error, next_step=NEXT_STEP) from error
    return joined([MeshPart(vertices, cut.faces, colors)], path, files.findings)


def _read_statements(text: str) -> _Statements:
    said = _Statements()
    used: str | None = None
    for keyword, rest in statements(text):
        if keyword == "v":
            said.vertices.append(rest.split())
        elif keyword == "vt":
            said.places.append(rest.split()[:2])
        elif keyword in ("f", "fo"):
            words = rest.split()
            if len(words) < 3:
                said.num_degenerate += 1
                continue
            for word in words:
                vertex, _, others = word.partition("/")
                place = others.partition("/")[0]
                said.corners.append(_index(vertex, len(said.vertices)))
                said.corner_places.append(_index(place, len(said.places)) if place else -1)
            said.num_corners.append(len(words))
            said.materials.append(used)
        elif keyword.lower() == "usemtl":
            used = rest
        elif keyword.lower() == "mtllib":
            said.libraries.append(rest)
    return said


def _index(word: str, count: int) -> int:
    """Return an index that counts from 0; negative ones in the file count from the last."""
    number = int(word)
    if number == 0:
        raise ValueError("an index of 0, where indices count from 1")
    place = number - 1 if number > 0 else count + number
    if place < 0:
        raise ValueError(f"index {number} before the first of {count}")
    return place


def _vertices(rows: list[list[str]]) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
    """Return (V, 3) vertices and their (V, 3) colours of 255, None where none has a colour.

    Six or more numbers are x, y, z and RGB; of four the last is a weight. Colours are of 1 unless one is larger.
    """
    vertices = np.array([row[:3] for row in rows], dtype=np.float64).reshape(-1, 3)
    given = np.array([row[3:6] if len(row) >= 6 else ["nan"] * 3 for row in rows], dtype=np.float32).reshape(-1, 3)
    colored = np.isfinite(given).all(axis=1)
    if not colored.any():
        return vertices, None
    own = given[colored]
    if own.min() < 0 or own.max() > 255:
        raise ValueError(f"colours of vertices from {own.min():g} to {own.max():g} where 0 to 1, or to 255, belongs")
    shades = np.full((len(rows), 3), GREY, np.float32)
    shades[colored] = own if own.max() > 1 else 255 * own
    return vertices, shades


def _materials(said: _Statements, files: LinkedFiles) -> dict[str | None, Material]:
    """Return the materials by the names that faces use; None stands for faces before the first ``usemtl``."""
    found: dict[str, Material] = {}
    for line in said.libraries:
        # A name may hold blanks; several names may stand in a line.
        names = [line] if files.find(line) else line.split()
        for name in names:
            library = files.find(name)
            if library is None:
                files.findings.note("files of materials that are not there", f"{name} (of {files.mesh.name})")
            else:
                found |= read_materials(library, files)
    in_other_letters = {name.casefold(): material for name, material in found.items()}
    materials: dict[str | None, Material] = {}
    for used in dict.fromkeys(said.materials):
        if used is None:
            if len(found) == 1 and set(said.materials) == {None}:
                materials[None] = next(iter(found.values()))
        elif used in found or used.casefold() in in_other_letters:
            materials[used] = found.get(used) or in_other_letters[used.casefold()]
        elif found:
            files.findings.note("materials that are not there", f"{used} (of {files.mesh.name})")
    return materials


def _colors(
    said: _Statements,
    cut: CutPolygons,
    shades: NDArray[np.float32] | None,
    materials: dict[str | None, Material],
) -> SurfaceColors | None:
    if shades is None and not materials:
        return None
    names = list(dict.fromkeys(said.materials))
    faces = cut.faces
    number_of = {name: number for number, name in enumerate(names)}
    used = np.array([number_of[name] for name in said.materials], dtype=np.int64)[cut.owner]
    places = np.array([row if len(row) == 2 else [*row, "0"] for row in said.places], dtype=np.float32).reshape(-1, 2)
    corner_places = np.array(said.corner_places, dtype=np.int64)[cut.corners]
    placed = (corner_places >= 0).all(axis=1) & (corner_places < len(places)).all(axis=1)
    index = np.full(len(faces), -1, np.int32)
    uv = np.zeros((len(faces), 3, 2), np.float32)
    corners = np.full((len(faces), 3, 3), GREY, np.float32) if shades is None else shades[faces]
    pictures: list[Picture] = []
    for name, material in materials.items():
        own = used == number_of[name]
        pictured = own & placed if material.picture is not None else np.zeros_like(own)
        if material.picture is not None and pictured.any():
            index[pictured] = len(pictures)
            pictures.append(material.picture)
            uv[pictured] = (places[corner_places[pictured]] * material.scale + material.offset).astype(np.float32)
        # Writers put any colour beside a picture; viewers show the picture alone.
        for members, color in ((pictured, np.full(3, 255, np.float32)), (own & ~pictured, material.color)):
            corners[members] = color if shades is None else shades[faces[members]] * color / 255
    if not pictures:
        return SurfaceColors(corners)
    return SurfaceColors(corners, index, np.nan_to_num(uv, posinf=0, neginf=0), tuple(pictures))
