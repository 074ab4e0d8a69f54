"""Small files that were once read wrong, beside the development data mirror: right, or refused by name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concord3d.data.formats.mesh_files import read_colored_mesh
from concord3d.data.formats.ply import read_ply_cloud
from concord3d.errors import UnreadableFile
from concord3d.geometry.mesh import sample_surface

# Means of colours, as the README of the cases has it.
TOLERANCE = 4
RED = [200, 30, 30]
COLORS = {
    "obj_backslash": RED, "obj_case_differs": RED, "obj_kd_tab_comment": [128, 51, 26],
    "obj_mtllib_no_usemtl": [128, 51, 26], "obj_vertex_colour_uint": RED, "obj_vertex_colour_with_mtl": [255, 0, 0],
    "clamped_texture": None, "gray16_texture": None, "quantised_uv": None, "specgloss_texture_palette": None,
    "texture_second_uv_set": None, "texture_transform": None, "vertex_colour_float_linear": None,
    "vertex_colour_uint8": None,
}  # fmt: skip
EXTENTS = ("quantised_positions", "sparse_positions")
REFUSED = {"draco_part": "Draco|draco", "ktx2_texture": "KHR_texture_basisu", "meshopt": "EXT_meshopt_compression"}
TWO_TRIANGLES = (
    "off_bom", "off_coff", "off_face_rgb_int", "off_face_rgb_small", "off_latin_comment", "off_lower", "off_two_counts",
    "off_vertex_colours_in_plain", "off_vertex_normals_in_plain", "unused_nan_vertex",
)  # fmt: skip
AREAS = {"off_concave_polygon": 2.0, "obj_concave": 2.0}
NUM_POINTS = {
    "ply_ascii_blank_lines": 2, "ply_camera_first": 2, "ply_comment_utf8": 2, "ply_face_first": 3, "ply_upper_axes": 2,
    "ply_vertex_list": 2,
}  # fmt: skip
PLY_COLORS = (
    "ply_diffuse_names", "ply_float_colours", "ply_float_colours_255", "ply_short_rgb", "ply_ushort_rgb",
)  # fmt: skip


@pytest.fixture(scope="module")
def cases(mirror: Path) -> Path:
    folder = mirror.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases beside the development data mirror, at {folder}")
    return folder


def mesh_file(cases: Path, name: str) -> Path:
    found = [path for path in (cases / name).rglob("shape*.*")]
    assert len(found) == 1, found
    return found[0]


def expected(cases: Path, name: str) -> Any:
    return json.loads((cases / name / "expected.json").read_text())["expected"]


@pytest.mark.parametrize("name", COLORS)
def test_colours(cases: Path, name: str) -> None:
    right = COLORS[name] or expected(cases, name)["mean_rgb"]
    mesh, colors = read_colored_mesh(mesh_file(cases, name))
    assert colors is not None
    sample = sample_surface(mesh, 2000, np.random.default_rng(0))
    assert np.abs(colors.at(sample).mean(axis=0) - right).max() <= TOLERANCE
    assert np.abs(colors.of_faces().mean(axis=0) - right).max() <= TOLERANCE


def test_places_without_a_material_are_no_colour(cases: Path) -> None:
    assert read_colored_mesh(mesh_file(cases, "obj_uv_no_mtllib"))[1] is None


@pytest.mark.parametrize("name", EXTENTS)
def test_extents(cases: Path, name: str) -> None:
    mesh, _ = read_colored_mesh(mesh_file(cases, name))
    used = mesh.vertices[np.unique(mesh.faces)]
    np.testing.assert_allclose(np.ptp(used, axis=0), expected(cases, name)["extent"], atol=1e-3)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_by_name(cases: Path, name: str) -> None:
    with pytest.raises(UnreadableFile, match=REFUSED[name]):
        read_colored_mesh(mesh_file(cases, name))


@pytest.mark.parametrize("name", TWO_TRIANGLES)
def test_two_triangles(cases: Path, name: str) -> None:
    mesh, _ = read_colored_mesh(mesh_file(cases, name))
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert np.isfinite(mesh.vertices).all()


@pytest.mark.parametrize("name", AREAS)
def test_areas(cases: Path, name: str) -> None:
    mesh, _ = read_colored_mesh(mesh_file(cases, name))
    assert mesh.face_areas().sum() == pytest.approx(AREAS[name], abs=1e-6)


@pytest.mark.parametrize("name", NUM_POINTS)
def test_points(cases: Path, name: str) -> None:
    points, _ = read_ply_cloud(mesh_file(cases, name))
    assert points.shape == (NUM_POINTS[name], 3) and points[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", PLY_COLORS)
def test_colours_of_points(cases: Path, name: str) -> None:
    assert re.search("colours", expected(cases, name))
    _, colors = read_ply_cloud(mesh_file(cases, name))
    assert colors is not None and colors.tolist() == [[255, 0, 0], [0, 128, 255]]


def test_every_case_of_a_file_has_a_test(cases: Path) -> None:
    tested = {*COLORS, *EXTENTS, *REFUSED, *TWO_TRIANGLES, *AREAS, *NUM_POINTS, *PLY_COLORS, "obj_uv_no_mtllib"}
    found = {path.parent.name for path in cases.glob("*/expected.json")}
    assert found - tested == {"quickgelu_local_weights"}, "which are no mesh"
