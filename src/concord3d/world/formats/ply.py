"""PLY files of clouds, and of meshes, with any properties of the vertices.

Shape legend: V vertices, F faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.world.formats.text_rows import text_rows

_TYPES = {"f4": "float", "f8": "double", "u1": "uchar", "u2": "ushort", "i4": "int"}


def ply_bytes(columns: Mapping[str, NDArray[Any]], faces: NDArray[np.int32] | None = None, text: bool = False) -> bytes:
    """Return a PLY file.

    Args:
        columns: (V,) array of each property of the vertices, in their order.
        faces: (F, 3), or None for a cloud.
        text: As text, six decimals of what is no whole number, instead of binary.
    """
    kinds = {name: column.dtype.str[1:] for name, column in columns.items()}
    count = len(next(iter(columns.values())))
    header = (
        f"ply\nformat {'ascii' if text else 'binary_little_endian'} 1.0\nelement vertex {count}\n"
        + "".join(f"property {_TYPES[kind]} {name}\n" for name, kind in kinds.items())
        + ("" if faces is None else f"element face {len(faces)}\nproperty list uchar int vertex_indices\n")
        + "end_header\n"
    )
    faces = np.zeros((0, 3), np.int32) if faces is None else faces
    if text:
        row = " ".join("%.6f" if kind[0] == "f" else "%d" for kind in kinds.values()) + "\n"
        body = text_rows(row, list(columns.values())) + text_rows("3 %d %d %d\n", list(faces.T))
        return (header + body).encode()
    table = np.empty(count, dtype=[(name, f"<{kind}") for name, kind in kinds.items()])
    for name, column in columns.items():
        table[name] = column
    corners = np.empty(len(faces), dtype=[("count", "u1"), ("corner", "<i4", 3)])
    corners["count"], corners["corner"] = 3, faces
    return header.encode() + table.tobytes() + corners.tobytes()


def colored_columns(
    points: NDArray[np.float32], colors: NDArray[np.uint8], alpha: bool = False
) -> dict[str, NDArray[Any]]:
    """Return the columns of (V, 3) places and (V, 3) colours.

    Args:
        points: (V, 3).
        colors: (V, 3).
        alpha: With an opacity of 255.
    """
    columns: dict[str, NDArray[Any]] = dict(zip("xyz", points.T, strict=True))
    columns |= dict(zip(("red", "green", "blue"), colors.T, strict=True))
    return columns | ({"alpha": np.full(len(points), 255, np.uint8)} if alpha else {})
