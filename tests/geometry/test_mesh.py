import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import BadMesh
from concord3d.geometry.mesh import Mesh, SurfaceColors, sample_surface

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


SQUARE = Mesh(
    np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2], [0, 2, 3]], np.int32)
)
SQUARE_UV = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)
WHITE_CORNERS = np.full((2, 3, 3), 255, np.uint8)


def test_corner_colours_are_interpolated() -> None:
    corners = np.zeros((2, 3, 3), np.uint8)
    corners[:, :, 0] = SQUARE_UV[:, :, 0] * 200  # red grows with x
    sample = sample_surface(SQUARE, 400, np.random.default_rng(0))
    colors = SurfaceColors(corners).at(sample)
    assert colors.dtype == np.uint8 and np.abs(colors[:, 0] - 200.0 * sample.points[:, 0]).max() <= 0.51
    assert (colors[:, 1:] == 0).all()
    np.testing.assert_array_equal(SurfaceColors(corners).of_faces()[:, 0], [133, 67])


def literal_color(picture: np.ndarray, u: float, v: float) -> np.ndarray:
    """Bilinear between the four nearest pixel centres of a picture that repeats, one point at a time."""
    height, width = picture.shape[:2]
    x, y = u * width - 0.5, (1 - v) * height - 0.5
    left, top = math.floor(x), math.floor(y)
    total = np.zeros(3)
    for row, part_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, part_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            total += part_x * part_y * picture[row % height, column % width]
    return total


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), size=st.tuples(st.integers(1, 7), st.integers(1, 7)), stretch=st.floats(0.2, 3))
def test_pictures_are_sampled_like_their_literal_form(seed: int, size: tuple[int, int], stretch: float) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    colors = SurfaceColors(WHITE_CORNERS, np.zeros(2, np.int32), (SQUARE_UV * stretch - 0.5), (picture,))
    sample = sample_surface(SQUARE, 20, rng)
    # On the square the place in the picture is the place in the plane.
    expected = [literal_color(picture, *(point[:2] * stretch - 0.5)) for point in sample.points.astype(float)]
    np.testing.assert_allclose(colors.at(sample), np.array(expected), atol=0.6)


def test_each_face_has_its_own_picture_or_none() -> None:
    red, blue = (np.tile(np.array(color, np.uint8), (2, 2, 1)) for color in ((255, 0, 0), (0, 0, 255)))
    corners = np.array([[[255, 255, 255]] * 3, [[10, 20, 30]] * 3], np.uint8)
    for index, expected in (([1, -1], [[0, 0, 255], [10, 20, 30]]), ([0, 1], [[255, 0, 0], [0, 0, 30]])):
        colors = SurfaceColors(corners, np.array(index, np.int32), SQUARE_UV, (red, blue))
        assert colors.of_faces().tolist() == expected
        sample = sample_surface(SQUARE, 50, np.random.default_rng(2))
        np.testing.assert_array_equal(colors.at(sample), np.array(expected, np.uint8)[sample.face_index])


def test_the_upper_left_of_the_square_shows_the_first_pixel() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0] = 255
    colors = SurfaceColors(WHITE_CORNERS, np.zeros(2, np.int32), SQUARE_UV, (picture,))
    sample = sample_surface(SQUARE, 3000, np.random.default_rng(0))
    x, y = sample.points[:, 0], sample.points[:, 1]
    shade = colors.at(sample)[:, 0]
    quarter = (np.abs(x - 0.25) < 0.1) & (np.abs(y - 0.75) < 0.1)
    assert shade[quarter].mean() > 150 > 60 > shade[(np.abs(x - 0.75) < 0.1) & (np.abs(y - 0.25) < 0.1)].mean()
