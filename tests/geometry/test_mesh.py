import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import BadMesh
from concord3d.geometry.mesh import Mesh, sample_surface

TETRAHEDRON = Mesh(
    np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32),
    np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32),
)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), num_points=st.integers(1, 300))
def test_samples_lie_on_their_face(seed: int, num_points: int) -> None:
    sample = sample_surface(TETRAHEDRON, num_points, np.random.default_rng(seed))
    corner = TETRAHEDRON.vertices[TETRAHEDRON.faces[sample.face_index, 0]]
    assert sample.points.shape == (num_points, 3)
    assert np.abs(np.sum((sample.points - corner) * sample.normals, axis=1)).max() < 1e-5
    assert sample.points.min() >= -1e-6 and sample.points.sum(axis=1).max() <= 1 + 1e-5


def test_samples_are_shared_out_by_area() -> None:
    sample = sample_surface(TETRAHEDRON, 20000, np.random.default_rng(0))
    share = np.bincount(sample.face_index, minlength=4) / 20000
    areas = TETRAHEDRON.face_areas()
    assert np.allclose(share, areas / areas.sum(), atol=2e-3)


def test_normalized_fits_the_unit_sphere() -> None:
    moved = Mesh(TETRAHEDRON.vertices * 7 + 3, TETRAHEDRON.faces).normalized()
    assert np.linalg.norm(moved.vertices, axis=1).max() == pytest.approx(1, abs=1e-6)
    assert np.allclose(moved.vertices.min(axis=0) + moved.vertices.max(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("vertices", "faces", "fragment"),
    [
        (np.zeros((3, 3)), np.zeros((0, 3)), "no triangles"),
        (np.zeros((3, 3)), np.array([[0, 1, 3]]), "outside the vertices"),
        (np.full((3, 3), np.nan), np.array([[0, 1, 2]]), "not finite"),
    ],
)
def test_broken_meshes_are_named(vertices: np.ndarray, faces: np.ndarray, fragment: str) -> None:
    with pytest.raises(BadMesh, match=fragment):
        Mesh(vertices.astype(np.float32), faces.astype(np.int32)).validated("thing.off")


def test_a_mesh_without_area_cannot_be_sampled() -> None:
    flat = Mesh(np.zeros((3, 3), np.float32), np.array([[0, 1, 2]], np.int32))
    with pytest.raises(BadMesh, match="no area"):
        sample_surface(flat, 8, np.random.default_rng(0))


def test_weights_place_the_points() -> None:
    sample = sample_surface(TETRAHEDRON, 500, np.random.default_rng(1))
    corners = TETRAHEDRON.vertices[TETRAHEDRON.faces[sample.face_index]]
    assert sample.weights.min() >= 0 and np.allclose(sample.weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.einsum("nk,nkc->nc", sample.weights, corners), sample.points, atol=1e-6)


def test_a_mesh_without_area_is_named_where_it_is_known() -> None:
    flat = Mesh(np.zeros((3, 3), np.float32), np.array([[0, 1, 2]], np.int32))
    with pytest.raises(BadMesh, match=r"flat\.glb"):
        sample_surface(flat, 8, np.random.default_rng(0), "flat.glb")


def test_unused_vertices_that_are_not_finite_are_left_out() -> None:
    vertices = np.vstack([[[np.nan, 0, 0]], TETRAHEDRON.vertices, [[0, np.inf, 0]]]).astype(np.float32)
    mesh = Mesh(vertices, TETRAHEDRON.faces + 1).validated()
    np.testing.assert_array_equal(mesh.vertices, TETRAHEDRON.vertices)
    np.testing.assert_array_equal(mesh.faces, TETRAHEDRON.faces)
    with pytest.raises(BadMesh, match="not finite"):
        Mesh(vertices, TETRAHEDRON.faces).validated()
