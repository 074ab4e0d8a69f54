"""Renderers against a literal z-buffer and against each other: convention, silhouettes, depth, colours."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from concord3d.geometry.cameras import Cameras, orbit_cameras
from concord3d.geometry.mesh import Mesh
from concord3d.render.interface import Views, shade_hits
from concord3d.render.open3d_adapter import Open3DRenderer
from concord3d.render.view_spec import view_spec
from concord3d.world.objects.generation import GENERATORS, generate

SIZE = 64


def lumpy_mesh(seed: int, num_around: int = 14, num_up: int = 9) -> Mesh:
    """A closed, asymmetric body with a handle, coloured face by face."""
    rng = np.random.default_rng(seed)
    u, v = np.meshgrid(np.arange(num_around), np.arange(num_up))
    angle, height = 2 * np.pi * u / num_around, (v + 0.5) / num_up * np.pi
    radius = 0.6 + 0.25 * rng.random(u.shape)
    body = np.stack(
        [
            radius * np.sin(height) * np.sin(angle),
            radius * np.cos(height) * 0.8,
            radius * np.sin(height) * np.cos(angle),
        ],
        axis=-1,
    ).reshape(-1, 3)
    faces = []
    for i in range(num_up - 1):
        for j in range(num_around):
            a, b = i * num_around + j, i * num_around + (j + 1) % num_around
            faces += [[a, a + num_around, b], [b, a + num_around, b + num_around]]
    # A loose, thin triangle that pokes out on +x and +y tells mirrored pictures from right ones.
    vertices = np.concatenate([body, [[0.9, 0.9, 0.1], [0.4, 0.2, 0.3], [0.5, 0.1, -0.2]]]).astype(np.float32)
    faces.append([len(body), len(body) + 1, len(body) + 2])
    colors = rng.integers(40, 255, (len(faces), 3)).astype(np.uint8)
    return Mesh(vertices, np.array(faces, np.int32), colors)


def literal_raster(mesh: Mesh, cameras: Cameras) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Every face against every pixel centre: edge functions, then 1/z interpolated on the screen."""
    pixels, depth = cameras.project(mesh.vertices)
    shape = (len(cameras), cameras.height, cameras.width)
    best, seen = np.full(shape, np.inf), np.full(shape, -1)
    x, y = np.meshgrid(np.arange(cameras.width) + 0.5, np.arange(cameras.height) + 0.5)
    for view in range(len(cameras)):
        for index, (i, j, k) in enumerate(mesh.faces):
            (ax, ay), (bx, by), (cx, cy) = pixels[view][[i, j, k]]
            area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            if area == 0:
                continue
            wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
            wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
            wc = 1 - wa - wb
            z = 1 / (wa / depth[view, i] + wb / depth[view, j] + wc / depth[view, k])
            hit = (wa >= 0) & (wb >= 0) & (wc >= 0) & (z < best[view])
            best[view][hit], seen[view][hit] = z[hit], index
    return seen, best


CAMERAS = {
    "ring": orbit_cameras([0, 30, 135, 250], 27.0, image_size=SIZE),
    "above_and_below": orbit_cameras([10, 200], [75, -60], image_size=SIZE),
    "near": orbit_cameras([45], -10, image_size=SIZE, distance=1.6, field_of_view_deg=70),
}


def wide_cameras() -> Cameras:
    square = orbit_cameras([20, 160], 15, image_size=SIZE)
    return Cameras(square.rotation, square.translation, square.focal, 48, 80)


def assert_agree(
    first: Views,
    second: Views,
    *,
    min_iou: float = 0.99,
    max_depth_error: float = 1e-3,
    min_same_color: float = 0.98,
    size: float = 2.0,
) -> None:
    """The bounds between any two renderers.

    Args:
        first: One renderer's views.
        second: The other's.
        min_iou: Of the silhouettes of all views.
        max_depth_error: Median over the pixels that both cover, as a share of ``size``.
        min_same_color: Share of these pixels whose colours differ by at most 2 of 255 in every channel.
        size: Of the object.
    """
    union, both = first.mask | second.mask, first.mask & second.mask
    assert both.sum() > 500
    assert both.sum() / union.sum() >= min_iou
    assert np.median(np.abs(first.depth - second.depth)[both]) <= max_depth_error * size
    close = np.abs(first.color.astype(int) - second.color.astype(int)).max(axis=-1) <= 2
    assert close[both].mean() >= min_same_color
    agreeing = ((first.normal * second.normal).sum(axis=-1) > 0.999)[both]
    assert agreeing.mean() >= 0.98


def drawn_by_both(mesh: Mesh, cameras: Cameras) -> tuple[Views, Views]:
    pytest.importorskip("pytorch3d", reason="pytorch3d is an optional library (envs/pytorch3d.yaml)")
    from concord3d.render.pytorch3d_adapter import PyTorch3DRenderer

    return PyTorch3DRenderer("cpu").render(mesh, cameras), Open3DRenderer().render(mesh, cameras)


@pytest.mark.parametrize("layout", [*CAMERAS, "wide"])
@pytest.mark.parametrize("seed", [0, 1])
def test_open3d_equals_a_literal_rasteriser(layout: str, seed: int) -> None:
    cameras = wide_cameras() if layout == "wide" else CAMERAS[layout]
    mesh = lumpy_mesh(seed)
    face, depth = literal_raster(mesh, cameras)
    literal = shade_hits(mesh, cameras, face, np.where(face >= 0, depth, 0))
    views = Open3DRenderer().render(mesh, cameras)
    assert_agree(views, literal)
    both = views.mask & literal.mask
    assert np.quantile(np.abs(views.depth - literal.depth)[both], 0.98) < 1e-4


@pytest.mark.parametrize("layout", [*CAMERAS, "wide"])
def test_pytorch3d_equals_open3d(layout: str) -> None:
    cameras = wide_cameras() if layout == "wide" else CAMERAS[layout]
    assert_agree(*drawn_by_both(lumpy_mesh(2), cameras))


@pytest.mark.parametrize("category", GENERATORS)
def test_pytorch3d_equals_open3d_on_every_category_of_the_world(category: str) -> None:
    """Tighter bounds than between any two renderers: what is left are faces of two colours in one plane."""
    mesh = generate(category, 0, 0).mesh.normalized()
    first, second = drawn_by_both(mesh, view_spec("ring12", SIZE).cameras())
    assert_agree(first, second, min_iou=0.999, max_depth_error=1e-5, min_same_color=0.99)


def test_the_bounds_notice_a_mirrored_picture() -> None:
    views = Open3DRenderer().render(lumpy_mesh(0), CAMERAS["ring"])
    mirrored = Views(*(array[:, :, ::-1] for array in (views.color, views.depth, views.normal, views.mask)))
    with pytest.raises(AssertionError):
        assert_agree(views, mirrored)
