"""PLY files that tests write with plain bytes."""

from __future__ import annotations

import numpy as np


def ply_bytes(points: np.ndarray, form: str, extra: bool) -> bytes:
    fields = [("x", "float", "f4"), ("y", "float", "f4"), ("z", "float", "f4")]
    if extra:
        fields = [("red", "uchar", "u1"), *fields, ("quality", "double", "f8")]
    head = f"ply\nformat {form} 1.0\ncomment made by a test\nelement vertex {len(points)}\n"
    head += "".join(f"property {kind} {name}\n" for name, kind, _ in fields)
    head += "element face 0\nproperty list uchar int vertex_indices\nend_header\n"
    order = ">" if form == "binary_big_endian" else "<"
    table = np.zeros(len(points), dtype=[(name, order + code) for name, _, code in fields])
    for column, axis in enumerate("xyz"):
        table[axis] = points[:, column]
    if form == "ascii":
        rows = "".join(" ".join(f"{value:.9g}" for value in row) + "\n" for row in table.tolist())
        return (head + rows).encode()
    return head.encode() + table.tobytes()
