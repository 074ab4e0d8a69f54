"""Meshes as binary glTF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from tests.world.made import colored_mesh

from concord3d.data.formats.mesh_files import read_mesh
from concord3d.geometry.mesh import Mesh
from concord3d.world.formats.glb import glb_bytes


def test_glb_without_colours(tmp_path: Path) -> None:
    mesh = colored_mesh()
    (tmp_path / "plain.glb").write_bytes(glb_bytes(Mesh(mesh.vertices, mesh.faces)))
    loaded = trimesh.load(tmp_path / "plain.glb", force="mesh", process=False)
    assert loaded.faces.shape == (4, 3)
    np.testing.assert_array_equal(loaded.vertices, mesh.vertices)
    assert read_mesh(tmp_path / "plain.glb").face_colors is None


def test_every_shade_comes_back(tmp_path: Path) -> None:
    """Written as light, shown as a screen shows it: all 256 shades."""
    shades = np.arange(256, dtype=np.uint8)
    colors = np.stack([shades, shades[::-1], np.roll(shades, 7)], axis=1)
    vertices = np.random.default_rng(0).normal(size=(258, 3)).astype(np.float32)
    faces = np.stack([np.arange(256), np.arange(256) + 1, np.arange(256) + 2], axis=1).astype(np.int32)
    (tmp_path / "a.glb").write_bytes(glb_bytes(Mesh(vertices, faces, colors)))
    mesh = read_mesh(tmp_path / "a.glb")
    np.testing.assert_array_equal(mesh.face_colors, colors)
    np.testing.assert_array_equal(mesh.vertices[mesh.faces], vertices[faces])
    light = trimesh.load(tmp_path / "a.glb", force="mesh", process=False).visual.vertex_colors
    assert light.shape[1] == 4
