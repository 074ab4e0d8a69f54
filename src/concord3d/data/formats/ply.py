"""PLY files, ASCII or binary: clouds, and meshes with further properties of their vertices.

Shape legend: P points or vertices, T triangles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.layout import NEXT_STEP
from concord3d.errors import UnreadableFile

COLORS = ("red", "green", "blue")
TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}


@dataclass
class _Element:
    name: str
    count: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    lists: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class PlyMesh:
    """A mesh with what is said of its vertices.

    Attributes:
        points: (P, 3) float32.
        colors: (P, 3) uint8 RGB, or None.
        properties: (P,) every scalar property of the vertices by name.
        faces: (T, 3) int32.
    """

    points: NDArray[np.float32]
    colors: NDArray[np.uint8] | None
    properties: dict[str, NDArray[Any]]
    faces: NDArray[np.int32]


def read_ply_points(path: Path) -> NDArray[np.float32]:
    """Read the vertices of a PLY file.

    Returns:
        (P, 3) float32.

    Raises:
        UnreadableFile: Truncated, not PLY, or without x, y, z.
    """
    return read_ply_cloud(path)[0]


def read_ply_cloud(path: Path) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Read the vertices of a PLY file and their colours.

    Returns:
        (P, 3) float32 points, and (P, 3) uint8 RGB from ``red``, ``green``, ``blue`` of type uchar, or None.

    Raises:
        UnreadableFile: Truncated, not PLY, or without x, y, z.
    """
    try:
        form, elements, body = _opened(path)
        columns, _ = _vertices(form, elements, body)
        return _places(columns), _colors(elements[0], columns)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise UnreadableFile("Cannot read a PLY cloud", where=path, found=error, next_step=NEXT_STEP) from error


def read_ply_mesh(path: Path) -> PlyMesh:
    """Read a mesh of triangles whose faces follow its vertices.

    Raises:
        UnreadableFile: Truncated, not PLY, without x, y, z, or with other faces than triangles.
    """
    try:
        form, elements, body = _opened(path)
        columns, rest = _vertices(form, elements, body)
        faces = _faces(form, elements[1], rest)
        if len(faces) and (faces.min() < 0 or faces.max() >= elements[0].count):
            raise ValueError(f"a face with the vertex {faces.max()} of {elements[0].count}")
        return PlyMesh(_places(columns), _colors(elements[0], columns), columns, faces)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise UnreadableFile("Cannot read a PLY mesh", where=path, found=error, next_step=NEXT_STEP) from error


def _opened(path: Path) -> tuple[str, list[_Element], bytes]:
    content = path.read_bytes()
    end = content.index(b"end_header")
    form, elements = _header(content[:end].decode("ascii").splitlines())
    return form, elements, content[content.index(b"\n", end) + 1 :]


def _header(lines: list[str]) -> tuple[str, list[_Element]]:
    if not lines or lines[0].strip() != "ply":
        raise ValueError("the file does not begin with 'ply'")
    form, elements = "", list[_Element]()
    for words in (line.split() for line in lines[1:]):
        if not words:
            continue
        if words[0] == "format":
            form = words[1]
        elif words[0] == "element":
            elements.append(_Element(words[1], int(words[2])))
        elif words[0] == "property" and words[1] == "list":
            elements[-1].lists.append((words[2], words[3]))
        elif words[0] == "property":
            elements[-1].fields.append((words[-1], words[1]))
    if form not in ("ascii", "binary_little_endian", "binary_big_endian"):
        raise ValueError(f"unknown format {form!r}")
    if not elements or elements[0].name != "vertex":
        raise ValueError("the first element is not 'vertex'")
    return form, elements


def _vertices(form: str, elements: list[_Element], body: bytes) -> tuple[dict[str, NDArray[Any]], bytes]:
    """Return the columns of the vertices, and what follows them."""
    vertex = elements[0]
    if form == "ascii":
        rows = body.decode("ascii").split("\n", vertex.count)
        table = np.array([row.split()[: len(vertex.fields)] for row in rows[: vertex.count]], dtype=np.float64)
        columns: dict[str, NDArray[Any]] = {name: table[:, i] for i, (name, _) in enumerate(vertex.fields)}
        rest = rows[vertex.count].encode("ascii") if len(rows) > vertex.count else b""
    else:
        dtype = np.dtype([(name, _order(form) + TYPES[kind]) for name, kind in vertex.fields])
        records = np.frombuffer(body, dtype, vertex.count)
        columns = {name: records[name] for name, _ in vertex.fields}
        rest = body[records.nbytes :]
    found = len(columns["x"])
    if found != vertex.count:
        raise ValueError(f"{found} vertices where {vertex.count} are announced")
    return columns, rest


def _faces(form: str, element: _Element, body: bytes) -> NDArray[np.int32]:
    if element.name != "face" or element.fields or len(element.lists) != 1:
        raise ValueError("the second element is no list of faces")
    if form == "ascii":
        table = np.array(body.split()[: 4 * element.count], dtype=np.int64).reshape(-1, 4)
        sizes, corners = table[:, 0], table[:, 1:]
    else:
        kinds = [_order(form) + TYPES[kind] for kind in element.lists[0]]
        records = np.frombuffer(body, np.dtype([("size", kinds[0]), ("corners", kinds[1], 3)]), element.count)
        sizes, corners = records["size"], records["corners"]
    if len(corners) != element.count or (sizes != 3).any():
        raise ValueError(f"{int((sizes == 3).sum())} triangles where {element.count} are announced")
    return corners.astype(np.int32)


def _order(form: str) -> str:
    return "<" if form == "binary_little_endian" else ">"


def _places(columns: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    return np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float32)


def _colors(vertex: _Element, columns: dict[str, NDArray[Any]]) -> NDArray[np.uint8] | None:
    kinds = dict(vertex.fields)
    if any(TYPES.get(kinds.get(name, ""), "") != "u1" for name in COLORS):
        return None
    return np.stack([columns[name] for name in COLORS], axis=1).astype(np.uint8)
