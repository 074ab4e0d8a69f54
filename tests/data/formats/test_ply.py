"""PLY files: clouds and meshes come back, damage is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.formats.ply_files import ply_bytes

from concord3d.data.formats.ply import read_ply_cloud, read_ply_mesh, read_ply_points
from concord3d.errors import UnreadableFile


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 40),
    form=st.sampled_from(["ascii", "binary_little_endian", "binary_big_endian"]),
    extra=st.booleans(),
)
def test_ply_round_trip_and_truncation(tmp_path_factory, count: int, form: str, extra: bool) -> None:
    points = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
    path = tmp_path_factory.mktemp("ply") / "a.ply"
    content = ply_bytes(points, form, extra)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_ply_points(path), points)
    for cut in (0, 3, len(content) // 2, len(content) - 14):
        path.write_bytes(content[:cut])
        with pytest.raises(UnreadableFile, match=r"a\.ply"):
            read_ply_points(path)


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_a_mesh_by_a_foreign_writer_comes_back(tmp_path: Path, encoding: str) -> None:
    box = trimesh.creation.box()
    box.visual.vertex_colors = np.arange(32, dtype=np.uint8).reshape(8, 4)
    box.vertex_attributes["objectId"] = np.arange(8, dtype=np.uint16)
    path = tmp_path / "a.ply"
    path.write_bytes(trimesh.exchange.ply.export_ply(box, encoding=encoding))
    mesh = read_ply_mesh(path)
    np.testing.assert_allclose(mesh.points, box.vertices, atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, box.faces)
    np.testing.assert_array_equal(mesh.properties["objectId"], np.arange(8))
    np.testing.assert_array_equal(mesh.colors, np.arange(32).reshape(8, 4)[:, :3])
    np.testing.assert_array_equal(read_ply_cloud(path)[1], mesh.colors)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("3 0 1 2\n", "1 triangles where 2"),
        ("3 0 1 2\n4 0 1 2 3\n", "1 triangles where 2"),
        ("3 0 1 2\n3 0 1 4\n", "vertex 4 of 4"),
        ("", "0 triangles where 2"),
    ],
)
def test_faces_that_are_no_triangles_are_named(tmp_path: Path, wrong: str, message: str) -> None:
    head = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element face 2\nproperty list uchar int vertex_indices\nend_header\n" + "0 0 0\n0 0 1\n0 1 0\n1 0 0\n"
    path = tmp_path / "a.ply"
    path.write_text(head + wrong)
    with pytest.raises(UnreadableFile, match=message):
        read_ply_mesh(path)


def test_a_cloud_is_no_mesh(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    properties = "".join(f"property float {axis}\n" for axis in "xyz")
    path.write_text(f"ply\nformat ascii 1.0\nelement vertex 1\n{properties}end_header\n0 0 0\n")
    with pytest.raises(UnreadableFile, match=r"PLY mesh(.|\n)*a\.ply"):
        read_ply_mesh(path)
