"""Meshes with vertex colours as binary glTF."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.mesh import Mesh
from concord3d.geometry.srgb import light_of

_ARRAYS, _ELEMENTS = 34962, 34963
_CODES = {"<f4": 5126, "<u4": 5125}


def glb_bytes(mesh: Mesh) -> bytes:
    """Return a mesh with vertex colours as binary glTF.

    In glTF colours of vertices are light (glTF 2.0, section 3.9.2). They are written as floats, from which the 8 bits
    of a screen come back exactly.
    """
    vertices, faces, colors = mesh.vertices, mesh.faces, None
    if mesh.face_colors is not None:
        corner = mesh.faces.reshape(-1).astype(np.int64)
        shade = np.repeat(mesh.face_colors.astype(np.int64) @ np.array([65536, 256, 1]), 3)
        unique, inverse = np.unique(corner << 24 | shade, return_inverse=True)
        vertices, faces = mesh.vertices[unique >> 24], inverse.reshape(-1, 3).astype(np.int32)
        packed = unique & 0xFFFFFF
        rgb = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1)
        colors = light_of(rgb / 255).astype("<f4")
    arrays: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
        "indices": (faces.reshape(-1).astype("<u4"), {"type": "SCALAR"}),
        "POSITION": (
            vertices.astype("<f4"),
            {"type": "VEC3", "min": vertices.min(axis=0).tolist(), "max": vertices.max(axis=0).tolist()},
        ),
    }
    if colors is not None:
        arrays["COLOR_0"] = colors, {"type": "VEC3"}
    return _packed(arrays)


def _packed(arrays: dict[str, tuple[NDArray[Any], dict[str, Any]]]) -> bytes:
    """Return the file of one mesh of triangles with these accessors."""
    views, accessors, binary = [], [], b""
    for number, (name, (array, says)) in enumerate(arrays.items()):
        target = _ELEMENTS if name == "indices" else _ARRAYS
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes, "target": target})
        accessors.append({"bufferView": number, "componentType": _CODES[array.dtype.str], "count": len(array), **says})
        binary += array.tobytes()  # every item has a multiple of four bytes, so that all views are aligned
    attributes = {name: number for number, name in enumerate(arrays) if name != "indices"}
    document = {
        "asset": {"version": "2.0", "generator": "concord3d"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": 0}]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    size = 12 + 8 + len(text) + 8 + len(binary)
    head = struct.pack("<4sII", b"glTF", 2, size)
    return head + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
