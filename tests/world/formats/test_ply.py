"""PLY files of meshes: what is written is what a foreign library reads."""

from __future__ import annotations

import io

import numpy as np
import pytest
import trimesh

from concord3d.world.formats.ply import mesh_columns, ply_bytes


@pytest.mark.parametrize("text", [False, True])
def test_another_library_reads_it(text: bool) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 3)).astype(np.float32)
    colors = rng.integers(0, 256, (6, 3)).astype(np.uint8)
    faces = np.array([[0, 1, 2], [3, 5, 4]], np.int32)
    columns = mesh_columns(points, colors, alpha=True) | {"label": np.arange(6, dtype=np.uint16) * 9000}
    read = trimesh.load(io.BytesIO(ply_bytes(columns, faces, text)), file_type="ply", process=False)
    np.testing.assert_allclose(read.vertices, points, atol=1e-6 if text else 0)
    np.testing.assert_array_equal(read.faces, faces)
    np.testing.assert_array_equal(read.visual.vertex_colors[:, :3], colors)
    np.testing.assert_array_equal(np.ravel(read.metadata["_ply_raw"]["vertex"]["data"]["label"]), columns["label"])
