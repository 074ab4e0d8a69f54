"""Meshes in OFF, line by line: the form that a writer chose shows in the number of columns.

Understood are the prefixes ``ST``, ``C``, ``N`` and ``4`` of the first word, counts that are glued to it as in many
files of ModelNet (``OFF490 518 0``), counts without edges, comments in any encoding, and colours of vertices and faces.

Shape legend: V vertices, F faces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.findings import Findings
from concord3d.data.formats.linked_files import decoded, lines_of
from concord3d.data.formats.mesh_parts import GREY, CutPolygons, MeshPart, joined
from concord3d.data.layout import NEXT_STEP
from concord3d.errors import UnreadableFile
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.surface_colors import SurfaceColors

# A small n is a number of dimensions, a large one means normals.
_FIRST_WORD = re.compile(r"((?:ST|st|C|c|N)*)(4?)(n?)(?:OFF|off|Off)")
Rows = list[list[str]]


@dataclass(frozen=True)
class _Form:
    """What the first word says: which columns a vertex has."""

    homogeneous: bool
    normals: bool
    colors: bool

    @property
    def num_coordinates(self) -> int:
        return 4 if self.homogeneous else 3


def read_off(path: Path, findings: Findings | None = None) -> tuple[Mesh, SurfaceColors | None]:
    """Read an OFF mesh; polygons become triangles.

    Args:
        path: The file.
        findings: Receives what was met and left out.

    Returns:
        The mesh, and the colours of its vertices (of its faces where vertices have none), or None.

    Raises:
        UnreadableFile: Truncated, not OFF, binary, or of more dimensions.
        BadMesh: No faces, broken indices or values that are not finite.
    """
    findings = findings or Findings()
    try:
        text = decoded(path.read_bytes())
        if "#" in text:
            text = "\n".join(line.split("#", 1)[0] for line in lines_of(text))
        form, num_vertices, num_faces, rows = _header([text.split()])
        part = _plain(rows, form, num_vertices, num_faces)
        if part is None:
            form, num_vertices, num_faces, rows = _header([line.split() for line in lines_of(text) if line.strip()])
            part = _by_lines(rows, form, num_vertices, num_faces, findings, path)
        part = part or _by_words(rows, form, num_vertices, num_faces)
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise UnreadableFile("Cannot read an OFF mesh", where=path, found=error, next_step=NEXT_STEP) from error
    return joined([part], path, findings)


def _header(rows: Rows) -> tuple[_Form, int, int, Rows]:
    """Return what the first word and the counts say, and the rows after them."""
    form, rows = _form(rows)
    return form, *_counts(rows)


def _form(rows: Rows) -> tuple[_Form, Rows]:
    match = _FIRST_WORD.match(rows[0][0]) if rows and rows[0] else None
    if match is None:
        raise ValueError("the file does not begin with OFF")
    glued = rows[0][0][match.end() :]
    rest = ([glued] if glued else []) + rows[0][1:]
    if rest and rest[0].upper() == "BINARY":
        raise ValueError("binary OFF, which is not read: write it as text")
    if match[3]:
        raise ValueError(f"{match[0]}: a mesh of any number of dimensions, which is not read")
    letters = match[1].upper().replace("ST", "")
    return _Form(bool(match[2]), "N" in letters, "C" in letters), ([rest] if rest else []) + rows[1:]


def _counts(rows: Rows) -> tuple[int, int, Rows]:
    """Return the numbers of vertices and faces, and the rows after them; the number of edges may be absent."""
    words, rest = rows[0], rows[1:]
    if len(words) not in (2, 3):
        words = [word for row in rows for word in row]
        words, rest = words[:3], [words[3:]]
    num_vertices, num_faces = int(words[0]), int(words[1])
    if num_vertices < 0 or num_faces < 0:
        raise ValueError(f"{num_vertices} vertices and {num_faces} faces")
    return num_vertices, num_faces, rest


def _plain(rows: Rows, form: _Form, num_vertices: int, num_faces: int) -> MeshPart | None:
    """The common case in one step: three coordinates a vertex, triangles without colours."""
    words = [word for row in rows for word in row]
    if form.homogeneous or len(words) != 3 * num_vertices + 4 * num_faces:
        return None
    numbers = np.array(words[3 * num_vertices :], dtype=np.float64).astype(np.int64)
    if not (numbers[::4] == 3).all():
        return None
    vertices = np.array(words[: 3 * num_vertices], dtype=np.float64).reshape(-1, 3)
    return MeshPart(vertices, numbers.reshape(-1, 4)[:, 1:])


def _by_lines(
    rows: Rows, form: _Form, num_vertices: int, num_faces: int, findings: Findings, path: Path
) -> MeshPart | None:
    """One vertex and one face a line; None where the lines do not say so."""
    if len(rows) < num_vertices + num_faces:
        return None
    corners_of, faces = rows[:num_vertices], rows[num_vertices : num_vertices + num_faces]
    if any(len(row) < form.num_coordinates for row in corners_of):
        return None
    if any(not 1 <= int(float(row[0])) < len(row) for row in faces):
        return None
    extra = form.num_coordinates + 3 * form.normals
    if not (form.colors or form.normals) and any(len(row) > extra for row in corners_of):
        findings.note("OFF meshes with columns that their first word does not name, which are not read", path.name)
    shades = [row[extra : extra + 3] for row in corners_of] if form.colors else []
    if any(len(shade) < 3 for shade in shades):
        raise ValueError("a vertex without the colour that the first word announces")
    if any(int(float(row[0])) < 3 for row in faces):
        findings.note("OFF meshes with faces of one or two corners, which are left out", path.name)
        faces = [row for row in faces if int(float(row[0])) >= 3]
    numbers = np.array([int(float(row[0])) for row in faces], dtype=np.int64)
    part = _polygons(
        np.array([row[: form.num_coordinates] for row in corners_of], np.float64).reshape(-1, form.num_coordinates),
        np.array([word for row, count in zip(faces, numbers, strict=True) for word in row[1 : count + 1]]),
        numbers,
        form,
    )
    if shades:
        own = _shown(shades)[part.faces]
    else:
        tails = [row[count + 1 :] for row, count in zip(faces, numbers, strict=True)]
        of_faces = _face_shades(tails)
        if of_faces is None:
            return part
        own = np.repeat(np.repeat(of_faces, numbers - 2, axis=0)[:, None], 3, axis=1)
    return MeshPart(part.vertices, part.faces, SurfaceColors(own.astype(np.float32)))


def _by_words(rows: Rows, form: _Form, num_vertices: int, num_faces: int) -> MeshPart:
    """Numbers that pay no heed to lines, which leaves no room for colours."""
    words = [word for row in rows for word in row]
    split = num_vertices * form.num_coordinates
    if form.normals or form.colors:
        raise ValueError(f"{len(rows)} lines where {num_vertices} vertices and {num_faces} faces are announced")
    if len(words) < split + num_faces:
        raise ValueError(f"{len(words)} numbers are too few for {num_vertices} vertices and {num_faces} faces")
    indices, numbers, position = [], [], split
    for _ in range(num_faces):
        count = int(float(words[position]))
        polygon = words[position + 1 : position + 1 + count]
        if count < 1 or len(polygon) < count:
            raise ValueError(f"a face with {len(polygon)} corners where {count} are announced")
        indices += polygon
        numbers.append(count)
        position += 1 + count
    if position != len(words):
        raise ValueError(
            f"{len(words) - position} numbers more than {num_vertices} vertices and {num_faces} faces have"
        )
    vertices = np.array(words[:split], dtype=np.float64).reshape(-1, form.num_coordinates)
    return _polygons(vertices, np.array(indices), np.array(numbers, dtype=np.int64), form)


def _polygons(
    vertices: NDArray[np.float64], words: NDArray[np.str_], numbers: NDArray[np.int64], form: _Form
) -> MeshPart:
    if form.homogeneous:
        vertices = vertices[:, :3] / vertices[:, 3:]
    corners = words.astype(np.float64).astype(np.int64) if len(words) else np.zeros(0, np.int64)
    return MeshPart(vertices, CutPolygons.of(vertices, corners, numbers).faces)


def _face_shades(tails: Rows) -> NDArray[np.float64] | None:
    """Return (F, 3) colours where faces have some; an index into a map of colours that nobody has is none."""
    colored = [len(tail) in (3, 4) for tail in tails]
    if not any(colored):
        return None
    shades = np.full((len(tails), 3), float(GREY))
    shades[colored] = _shown([tail[:3] for tail, own in zip(tails, colored, strict=True) if own])
    return shades


def _shown(words: Rows) -> NDArray[np.float64]:
    """Return (..., 3) colours of 255: whole numbers are that, numbers with a point are of 1 unless one is larger."""
    numbers = np.array(words, dtype=np.float64)
    fractions = any("." in word or "e" in word.lower() for row in words for word in row)
    return numbers * 255 if fractions and numbers.max() <= 1 else numbers
