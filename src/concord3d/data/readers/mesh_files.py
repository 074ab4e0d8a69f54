"""Mesh and point files: OFF (with repair of glued headers), PLY clouds, and GLB or OBJ meshes with colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.readers.layout import NEXT_STEP
from concord3d.errors import UnreadableFile
from concord3d.geometry.mesh import Mesh

GREY = 200
PLY_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}


def read_off(path: Path) -> Mesh:
    """Read an OFF mesh; polygons become fans of triangles.

    Many ModelNet files glue the counts to the first word (``OFF490 518 0``); that is understood.

    Raises:
        UnreadableFile: Truncated or not OFF.
        BadMesh: No faces, broken indices or values that are not finite.
    """
    try:
        text = path.read_text(encoding="ascii")
        lines = [line.split("#", 1)[0].strip() for line in text.splitlines()] if "#" in text else text.splitlines()
        tokens = " ".join(lines).lstrip()
        if not tokens.startswith("OFF"):
            raise ValueError("the file does not begin with OFF")
        words = tokens[3:].split()
        num_vertices, num_faces = int(words[0]), int(words[1])
        body = words[3:]
        if len(body) < 3 * num_vertices + num_faces:
            raise ValueError(f"{len(body)} numbers are too few for {num_vertices} vertices and {num_faces} faces")
        vertices = np.array(body[: 3 * num_vertices], dtype=np.float64).reshape(-1, 3)
        faces = _triangles(np.array(body[3 * num_vertices :], dtype=np.float64), num_faces)
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise UnreadableFile("Cannot read an OFF mesh", where=path, found=error, next_step=NEXT_STEP) from error
    return Mesh(vertices.astype(np.float32), faces).validated(path)


def _triangles(numbers: NDArray[np.float64], num_faces: int) -> NDArray[np.int32]:
    integers = numbers.astype(np.int64)
    if len(integers) == 4 * num_faces and (integers[::4] == 3).all():
        return integers.reshape(-1, 4)[:, 1:].astype(np.int32)
    faces, position = [], 0
    for _ in range(num_faces):
        corners = int(integers[position])
        polygon = integers[position + 1 : position + 1 + corners]
        if corners < 3 or len(polygon) < corners:
            raise ValueError(f"a face with {len(polygon)} corners where {corners} are announced")
        faces += [(polygon[0], polygon[i], polygon[i + 1]) for i in range(1, corners - 1)]
        position += 1 + corners
    return np.array(faces, dtype=np.int32).reshape(-1, 3)


def read_ply_points(path: Path) -> NDArray[np.float32]:
    """Read the vertices of a PLY file (ASCII or binary).

    Returns:
        (P, 3) float32.

    Raises:
        UnreadableFile: Truncated, not PLY, or without x, y, z.
    """
    try:
        content = path.read_bytes()
        end = content.index(b"end_header")
        body = content[content.index(b"\n", end) + 1 :]
        header = content[:end].decode("ascii").splitlines()
        form, count, fields = _ply_header(header)
        if form == "ascii":
            rows = body.decode("ascii").split("\n", count)[:count]
            table = np.array([row.split()[: len(fields)] for row in rows], dtype=np.float64)
            columns = [table[:, [name for name, _ in fields].index(axis)] for axis in "xyz"]
        else:
            order = "<" if form == "binary_little_endian" else ">"
            dtype = np.dtype([(name, order + PLY_TYPES[kind]) for name, kind in fields])
            records = np.frombuffer(body, dtype, count)
            columns = [records[axis] for axis in "xyz"]
        points = np.stack(columns, axis=1).astype(np.float32)
        if len(points) != count:
            raise ValueError(f"{len(points)} vertices where {count} are announced")
        return points
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise UnreadableFile("Cannot read a PLY cloud", where=path, found=error, next_step=NEXT_STEP) from error


def _ply_header(lines: list[str]) -> tuple[str, int, list[tuple[str, str]]]:
    if not lines or lines[0].strip() != "ply":
        raise ValueError("the file does not begin with 'ply'")
    form, count, fields, elements = "", 0, [], 0
    for words in (line.split() for line in lines[1:]):
        if not words:
            continue
        if words[0] == "format":
            form = words[1]
        elif words[0] == "element":
            elements += 1
            if elements == 1 and words[1] != "vertex":
                raise ValueError("the first element is not 'vertex'")
            count = int(words[2]) if elements == 1 else count
        elif words[0] == "property" and elements == 1:
            fields.append((words[-1], words[1]))
    if form not in ("ascii", "binary_little_endian", "binary_big_endian"):
        raise ValueError(f"unknown format {form!r}")
    return form, count, fields


def read_mesh(path: Path) -> Mesh:
    """Read a mesh by the suffix of its file: .off here, others (.glb, .gltf, .obj, .ply) through trimesh.

    Returns:
        The mesh; several parts are joined with their transforms, material or vertex colours become face colours. Where
        only some parts have colours the others are light grey.

    Raises:
        UnreadableFile: Truncated or of another format.
        BadMesh: No faces, broken indices or values that are not finite.
    """
    if path.suffix == ".off":
        return read_off(path)
    import trimesh

    try:
        scene: Any = trimesh.load_scene(path, process=False)
        parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]
        offsets = np.cumsum([0] + [len(part.vertices) for part in parts])
        vertices = [np.zeros((0, 3))] + [np.asarray(part.vertices) for part in parts]
        faces = [np.zeros((0, 3), int)] + [part.faces + offset for part, offset in zip(parts, offsets, strict=False)]
        colors = [_face_colors(part) for part in parts]
    except Exception as error:  # trimesh and its parsers raise many unrelated types on damaged files
        raise UnreadableFile("Cannot read a mesh", where=path, found=error, next_step=NEXT_STEP) from error
    joined = None
    if any(color is not None for color in colors):
        grey = [np.full((len(part.faces), 3), GREY, np.uint8) for part in parts]
        joined = np.concatenate([plain if own is None else own for plain, own in zip(grey, colors, strict=True)])
    return Mesh(np.concatenate(vertices).astype(np.float32), np.concatenate(faces).astype(np.int32), joined).validated(
        path
    )


def _face_colors(part: Any) -> NDArray[np.uint8] | None:
    visual = part.visual
    if visual.kind == "texture":
        rgba = np.asarray(visual.material.to_color(visual.uv))
        # A material without a picture gives one colour for all.
        rgba = np.broadcast_to(np.atleast_2d(rgba)[:, :3], (len(part.vertices), 3))
    elif visual.kind == "vertex":
        rgba = np.asarray(visual.vertex_colors)
    elif visual.kind == "face":
        return np.ascontiguousarray(np.asarray(visual.face_colors)[:, :3], dtype=np.uint8)
    else:
        return None
    corners = rgba[np.asarray(part.faces)][:, :, :3]
    return corners.astype(np.float32).mean(axis=1).round().astype(np.uint8)
