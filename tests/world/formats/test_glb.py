"""Meshes as binary glTF."""

from __future__ import annotations

import trimesh
from tests.world.made import colored_mesh

from concord3d.geometry.mesh import Mesh
from concord3d.world.formats.glb import glb_bytes


def test_glb_without_colours(tmp_path):
    mesh = colored_mesh()
    (tmp_path / "plain.glb").write_bytes(glb_bytes(Mesh(mesh.vertices, mesh.faces)))
    loaded = trimesh.load(tmp_path / "plain.glb", force="mesh", process=False)
    assert loaded.faces.shape == (4, 3)
