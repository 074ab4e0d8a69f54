"""Ray-cast pictures: convention, depth, normals, colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import BadMesh
from concord3d.geometry.cameras import Cameras, orbit_cameras
from concord3d.geometry.mesh import Mesh
from concord3d.render.interface import AMBIENT, shade_hits
from concord3d.render.open3d_adapter import Open3DRenderer

QUAD_FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def box(half: tuple[float, float, float], middle: tuple[float, float, float], color: tuple[int, int, int]) -> Mesh:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = np.array([[q[0], q[i], q[i + 1]] for q in quads for i in (1, 2)], np.int32)
    vertices = (corners * np.array(half) + np.array(middle)).astype(np.float32)
    return Mesh(vertices, faces, np.tile(np.array(color, np.uint8), (len(faces), 1)))


def together(*meshes: Mesh) -> Mesh:
    offsets = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=False)]).astype(np.int32),
        np.concatenate([mesh.face_colors for mesh in meshes if mesh.face_colors is not None]),
    )


def sphere(num_around: int = 48, num_up: int = 24) -> Mesh:
    u, v = np.meshgrid(2 * np.pi * np.arange(num_around) / num_around, np.pi * np.arange(num_up + 1) / num_up)
    vertices = np.stack([np.sin(v) * np.sin(u), np.cos(v), np.sin(v) * np.cos(u)], axis=-1).reshape(-1, 3)
    faces = []
    for i in range(num_up):
        for j in range(num_around):
            a, b = i * num_around + j, i * num_around + (j + 1) % num_around
            faces += [[a, a + num_around, b], [b, a + num_around, b + num_around]]
    return Mesh(vertices.astype(np.float32), np.array(faces, np.int32))


def test_red_is_right_green_is_up_blue_is_near() -> None:
    mesh = together(
        box((0.1, 0.1, 0.1), (0.6, 0, 0), (255, 0, 0)),
        box((0.1, 0.1, 0.1), (0, 0.6, 0), (0, 255, 0)),
        box((0.1, 0.1, 0.1), (0, 0, 0.6), (0, 0, 255)),
    )
    views = Open3DRenderer().render(mesh, orbit_cameras([0, 90], 0, image_size=64))
    centres = {}
    for view in range(2):
        for channel, name in enumerate(("red", "green", "blue")):
            others = [c for c in range(3) if c != channel]
            pure = (views.color[view][..., channel] > 50) & (views.color[view][..., others].max(axis=-1) < 5)
            rows, columns = np.nonzero(pure)
            centres[view, name] = (rows.mean() - 31.5, columns.mean() - 31.5)
    assert centres[0, "red"][1] > 10
    assert centres[0, "green"][0] < -10
    assert centres[1, "blue"][1] < -10
    # From +x the red box is the nearest thing and stands in the middle.
    assert abs(centres[1, "red"][1]) < 1
    assert views.depth[1, 32, 32] == pytest.approx(2.6 - 0.7, abs=1e-4)


def test_depth_is_z_and_not_the_length_of_the_ray() -> None:
    wall = Mesh(np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32), QUAD_FACES)
    views = Open3DRenderer().render(wall, orbit_cameras([0], 0, image_size=32))
    assert views.mask.sum() > 300
    np.testing.assert_allclose(views.depth[views.mask], 2.6, atol=1e-4)
    assert (views.depth[~views.mask] == 0).all()
    assert (views.color[~views.mask] == 255).all()
    assert (views.normal[~views.mask] == 0).all()


def test_normals_turn_to_the_viewer_on_both_sides() -> None:
    wall = Mesh(np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32), QUAD_FACES)
    views = Open3DRenderer().render(wall, orbit_cameras([0, 180], 0, image_size=16))
    np.testing.assert_allclose(
        views.normal[0][views.mask[0]], np.tile([0, 0, 1.0], (views.mask[0].sum(), 1)), atol=1e-6
    )
    np.testing.assert_allclose(
        views.normal[1][views.mask[1]], np.tile([0, 0, -1.0], (views.mask[1].sum(), 1)), atol=1e-6
    )
    # Seen at right angles the surface shows nearly its own colour, whichever side it is.
    assert views.color[0][8, 8] == pytest.approx([180] * 3, abs=1)
    assert views.color[1][8, 8] == pytest.approx([180] * 3, abs=1)


@settings(max_examples=10)
@given(st.floats(0, 360), st.floats(-80, 80), st.floats(1.5, 5.0))
def test_every_pixel_lies_on_the_surface(azimuth: float, elevation: float, distance: float) -> None:
    cameras = orbit_cameras([azimuth], elevation, image_size=40, distance=distance)
    views = Open3DRenderer().render(sphere(), cameras)
    rows, columns = np.nonzero(views.mask[0])
    z = views.depth[0][views.mask[0]].astype(float)
    in_camera = np.stack([(columns + 0.5 - 20) * z, (rows + 0.5 - 20) * z, cameras.focal * z], axis=1) / cameras.focal
    world = (in_camera - cameras.translation[0]) @ cameras.rotation[0]
    assert np.abs(np.linalg.norm(world, axis=1) - 1).max() < 0.02
    assert ((views.normal[0][views.mask[0]] * world).sum(axis=1) > 0.95).all()


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_pictures_do_not_depend_on_company_or_threads(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mesh = Mesh(rng.uniform(-1, 1, (30, 3)).astype(np.float32), rng.permutation(30).reshape(10, 3).astype(np.int32))
    cameras = orbit_cameras(rng.uniform(0, 360, 3), rng.uniform(-60, 60, 3), image_size=32)
    every = Open3DRenderer(1).render(mesh, cameras)
    alone = Cameras(cameras.rotation[1:2], cameras.translation[1:2], cameras.focal, 32, 32)
    single = Open3DRenderer(2).render(mesh, alone)
    np.testing.assert_array_equal(every.color[1], single.color[0])
    np.testing.assert_array_equal(every.depth[1], single.depth[0])


def test_a_renderer_goes_from_one_set_of_cameras_to_another_and_back() -> None:
    mesh = box((0.5, 0.3, 0.2), (0.1, 0.2, 0.3), (250, 120, 30))
    rings = [orbit_cameras([0, 40, 170], 20.0, image_size=24), orbit_cameras([10, 200], -35.0, image_size=32)]
    renderer = Open3DRenderer(1)
    for cameras in [*rings, rings[0]]:
        kept, fresh = renderer.render(mesh, cameras), Open3DRenderer(1).render(mesh, cameras)
        assert fresh.mask.any()
        for name in ("color", "depth", "normal", "mask"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(fresh, name))


def test_colours_follow_the_shading_formula_pixel_by_pixel() -> None:
    cameras = orbit_cameras([25, 210], [40, -15], image_size=24)
    mesh = sphere(12, 6)
    colors = np.random.default_rng(0).integers(0, 256, (len(mesh.faces), 3)).astype(np.uint8)
    face = np.random.default_rng(1).integers(-1, len(mesh.faces), (2, 24, 24))
    views = shade_hits(Mesh(mesh.vertices, mesh.faces, colors), cameras, face, np.ones(face.shape))
    normals = mesh.face_normals()
    for view, row, column in np.argwhere(face >= 0):
        index = face[view, row, column]
        pixel = np.array([column + 0.5 - 12, row + 0.5 - 12, cameras.focal])
        to_camera = -cameras.rotation[view].T @ pixel / np.linalg.norm(pixel)
        cosine = normals[index] @ to_camera
        expected = colors[index] * (AMBIENT + (1 - AMBIENT) * abs(cosine))
        assert np.abs(views.color[view, row, column] - expected).max() <= 0.501
        np.testing.assert_allclose(views.normal[view, row, column], normals[index] * np.sign(cosine), atol=1e-6)
    assert (views.color[face < 0] == 255).all()


def test_a_mesh_around_the_camera_is_drawn() -> None:
    room = box((4, 4, 4), (0, 0, 0), (200, 10, 10))
    views = Open3DRenderer().render(room, orbit_cameras([0], 0, image_size=16))
    assert views.mask.all()
    np.testing.assert_allclose(views.depth, 6.6, atol=1e-4)


def test_a_mesh_outside_the_picture_leaves_it_white() -> None:
    far_right = box((0.1, 0.1, 0.1), (50, 0, 0), (0, 0, 0))
    views = Open3DRenderer().render(far_right, orbit_cameras([0, 180], 0, image_size=16))
    assert not views.mask.any()
    assert (views.color == 255).all()


@pytest.mark.parametrize("kind", ["no_faces", "index", "nan"])
def test_broken_meshes_are_refused(kind: str) -> None:
    vertices, faces = np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32)
    if kind == "no_faces":
        faces = faces[:0]
    elif kind == "index":
        faces = faces + 1
    else:
        vertices[0, 0] = np.nan
    with pytest.raises(BadMesh):
        Open3DRenderer().render(Mesh(vertices, faces), orbit_cameras([0], 0, image_size=16))
