"""ShapeNet as the world writes it: clouds, meshes and captions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import trimesh
from tests.world.made import clouds, colored_mesh

from concord3d.data.formats.mesh_files import read_mesh
from concord3d.geometry.srgb import light_of
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.datasets.shapenet import write_captions, write_shapenet_model


def test_shapenet_model_is_read_by_trimesh(tmp_path):
    mesh, points = colored_mesh(), clouds(1, 33).points[0]
    colors = np.random.default_rng(1).integers(0, 256, points.shape, dtype=np.uint8)
    write_shapenet_model(tmp_path, "chair", "chair_1", points, colors, mesh)
    folder = tmp_path / "ShapeNet" / "chair"
    cloud = trimesh.load(folder / "chair_1.ply")
    np.testing.assert_array_equal(np.asarray(cloud.vertices, np.float32), points)
    np.testing.assert_array_equal(cloud.colors[:, :3], colors)
    loaded = trimesh.load(folder / "chair_1.glb", force="mesh", process=False)
    np.testing.assert_array_equal(loaded.triangles.astype(np.float32), mesh.vertices[mesh.faces])
    # Colours of vertices are light in glTF, which trimesh hands over as it is, in bytes.
    light = 255 * light_of(mesh.face_colors / 255)
    corners = loaded.visual.vertex_colors[loaded.faces]
    assert np.abs(corners[:, :, :3] - light[:, None]).max() <= 1
    np.testing.assert_array_equal(read_mesh(folder / "chair_1.glb").face_colors, mesh.face_colors)
    assert len(loaded.vertices) == 10, "vertices are shared between faces of one colour only"


def test_captions(tmp_path):
    rows = [{"category": "cup", "model": "cup_1", "name": "cup", "descriptive": "a “red” cup", "noisy": ""}]
    write_captions(tmp_path, rows)
    assert [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text().splitlines()] == rows


def test_shapenet_cloud_lies_on_its_mesh(tmp_path):
    build_dataset(WorldRecipe("shapenet", {"train": 3}, ("chair", "guitar", "bin"), 256, 2), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text().splitlines()]
    assert {row["category"] for row in rows} == {"chair", "guitar", "bin"}
    for row in rows:
        assert set(row) == {"category", "model", "name", "descriptive", "noisy"}
        stem = tmp_path / "ShapeNet" / row["category"] / row["model"]
        cloud = trimesh.load(f"{stem}.ply")
        points, colors = np.asarray(cloud.vertices), cloud.colors[:, :3]
        mesh = trimesh.load(f"{stem}.glb", force="mesh", process=False)
        assert points.shape == (256, 3) and len(np.unique(mesh.visual.vertex_colors, axis=0)) > 1
        shown = read_mesh(Path(f"{stem}.glb")).face_colors
        assert (points >= mesh.bounds[0] - 1e-5).all() and (points <= mesh.bounds[1] + 1e-5).all()
        assert abs(np.linalg.norm(mesh.vertices, axis=1).max() - 1) < 1e-4
        on_mesh = {tuple(color) for color in shown.tolist()}
        assert {tuple(color) for color in colors.tolist()} <= on_mesh and len(np.unique(colors, axis=0)) > 1
