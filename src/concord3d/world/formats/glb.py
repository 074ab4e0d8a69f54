"""Meshes with vertex colours as binary glTF."""

from __future__ import annotations

import numpy as np

from concord3d.geometry.mesh import Mesh


def glb_bytes(mesh: Mesh) -> bytes:
    """Return a mesh with vertex colours as binary glTF."""
    import trimesh

    vertices, faces, colors = mesh.vertices, mesh.faces, None
    if mesh.face_colors is not None:
        corner = mesh.faces.reshape(-1).astype(np.int64)
        shade = np.repeat(mesh.face_colors.astype(np.int64) @ np.array([65536, 256, 1]), 3)
        unique, inverse = np.unique(corner << 24 | shade, return_inverse=True)
        vertices, faces = mesh.vertices[unique >> 24], inverse.reshape(-1, 3).astype(np.int32)
        packed = unique & 0xFFFFFF
        rgba = [packed >> 16, packed >> 8 & 255, packed & 255, np.full(len(packed), 255)]
        colors = np.stack(rgba, axis=1).astype(np.uint8)
    model = trimesh.Trimesh(vertices=vertices, faces=faces, vertex_colors=colors, process=False, validate=False)
    exported = model.export(file_type="glb")
    assert isinstance(exported, bytes)
    return exported
