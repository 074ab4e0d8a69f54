"""PLY files of meshes and clouds: what is written is what a foreign library reads."""

from __future__ import annotations

import io

import numpy as np
import pytest
import trimesh

from concord3d.world.formats.ply import colored_columns, ply_bytes


@pytest.mark.parametrize("text", [False, True])
def test_another_library_reads_it(text: bool) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 3)).astype(np.float32)
    colors = rng.integers(0, 256, (6, 3)).astype(np.uint8)
    faces = np.array([[0, 1, 2], [3, 5, 4]], np.int32)
    columns = colored_columns(points, colors, alpha=True) | {"label": np.arange(6, dtype=np.uint16) * 9000}
    read = trimesh.load(io.BytesIO(ply_bytes(columns, faces, text)), file_type="ply", process=False)
    np.testing.assert_allclose(read.vertices, points, atol=1e-6 if text else 0)
    np.testing.assert_array_equal(read.faces, faces)
    np.testing.assert_array_equal(read.visual.vertex_colors[:, :3], colors)
    np.testing.assert_array_equal(np.ravel(read.metadata["_ply_raw"]["vertex"]["data"]["label"]), columns["label"])


def test_a_cloud_has_no_faces() -> None:
    points = np.arange(12, dtype=np.float32).reshape(4, 3)
    content = ply_bytes(colored_columns(points, np.full((4, 3), 7, np.uint8)))
    assert b"face" not in content
    read = trimesh.load(io.BytesIO(content), file_type="ply")
    np.testing.assert_array_equal(read.vertices, points)
    np.testing.assert_array_equal(read.colors[:, :3], 7)
