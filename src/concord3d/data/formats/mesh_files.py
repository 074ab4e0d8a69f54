"""Mesh files: OFF (with repair of glued headers), and GLB or OBJ meshes with colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.layout import NEXT_STEP
from concord3d.errors import UnreadableFile
from concord3d.geometry.mesh import Mesh, SurfaceColors

GREY = 200
WHITE = np.full(3, 255, np.uint8)


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


def read_mesh(path: Path) -> Mesh:
    """Read a mesh by the suffix of its file: .off here, others (.glb, .gltf, .obj, .ply) through trimesh.

    Returns:
        The mesh; several parts are joined with their transforms, and the colour of a face is the mean over it. Where
        only some parts have colours the others are light grey.

    Raises:
        UnreadableFile: Truncated or of another format.
        BadMesh: No faces, broken indices or values that are not finite.
    """
    return read_colored_mesh(path)[0]


def read_colored_mesh(path: Path) -> tuple[Mesh, SurfaceColors | None]:
    """Read a mesh with the colour of every point of its surface.

    A material's picture that is absent, or is no picture, leaves the material's own colour (in glTF white by default).

    Returns:
        The mesh as from :func:`read_mesh`, and its colours, or None where no part has any.

    Raises:
        UnreadableFile: Truncated or of another format, or a picture breaks off.
        BadMesh: No faces, broken indices or values that are not finite.
    """
    if path.suffix == ".off":
        return read_off(path), None
    import trimesh

    try:
        scene: Any = trimesh.load_scene(path, process=False)
        parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]
        offsets = np.cumsum([0] + [len(part.vertices) for part in parts])
        vertices = [np.zeros((0, 3))] + [np.asarray(part.vertices) for part in parts]
        faces = [np.zeros((0, 3), int)] + [part.faces + offset for part, offset in zip(parts, offsets, strict=False)]
        colors = _joined([_part_colors(part) for part in parts], [len(part.faces) for part in parts])
    except Exception as error:  # trimesh and its parsers raise many unrelated types on damaged files
        raise UnreadableFile("Cannot read a mesh", where=path, found=error, next_step=NEXT_STEP) from error
    face_colors = None if colors is None else colors.of_faces()
    mesh = Mesh(np.concatenate(vertices).astype(np.float32), np.concatenate(faces).astype(np.int32), face_colors)
    return mesh.validated(path), colors


def _part_colors(part: Any) -> SurfaceColors | None:
    """Colours of one part: vertex or face colours, or a material with or without a picture."""
    visual, faces = part.visual, np.asarray(part.faces)
    if visual.kind == "vertex":
        return SurfaceColors(np.ascontiguousarray(np.asarray(visual.vertex_colors)[faces][:, :, :3], dtype=np.uint8))
    if visual.kind == "face":
        return SurfaceColors(_everywhere(np.asarray(visual.face_colors)[:, None, :3], len(faces)))
    if visual.kind != "texture":
        return None
    material = visual.material
    if hasattr(material, "baseColorFactor"):
        picture, own = material.baseColorTexture, _display_color(material.baseColorFactor)
    else:
        picture, own = getattr(material, "image", None), np.asarray(material.main_color)[:3]
        # Exporters write any colour beside a picture; viewers show the picture alone.
        own = own if picture is None or visual.uv is None else WHITE
    corners = _everywhere(own, len(faces))
    if picture is None or visual.uv is None:
        return SurfaceColors(corners)
    uv = np.nan_to_num(np.asarray(visual.uv, dtype=np.float32)[:, :2], posinf=0, neginf=0)[faces]
    pixels = np.asarray(picture.convert("RGB"))
    return SurfaceColors(corners, np.zeros(len(faces), np.int32), uv, (pixels,))


def _display_color(factor: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """The colour a screen shows for a glTF factor, which is linear in light (glTF 2.0, section 3.9.2)."""
    if factor is None:
        return WHITE
    linear = np.asarray(factor)[:3].astype(np.float64) / 255
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (255 * encoded).round().astype(np.uint8)


def _everywhere(color: NDArray[np.uint8], num_faces: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.broadcast_to(color, (num_faces, 3, 3)), dtype=np.uint8)


def _joined(colors: list[SurfaceColors | None], num_faces: list[int]) -> SurfaceColors | None:
    if all(own is None for own in colors):
        return None
    grey = np.full(3, GREY, np.uint8)
    whole = [
        SurfaceColors(_everywhere(grey, count)) if own is None else own
        for own, count in zip(colors, num_faces, strict=True)
    ]
    corners = np.concatenate([own.corners for own in whole])
    pictures = tuple(picture for own in whole for picture in own.pictures)
    if not pictures:
        return SurfaceColors(corners)
    firsts = np.cumsum([0] + [len(own.pictures) for own in whole])
    index, uv = [], []
    for own, first, count in zip(whole, firsts, num_faces, strict=False):
        index.append(np.full(count, -1, np.int32) if own.picture_index is None else own.picture_index + np.int32(first))
        uv.append(np.zeros((count, 3, 2), np.float32) if own.uv is None else own.uv)
    return SurfaceColors(corners, np.concatenate(index), np.concatenate(uv), pictures)
