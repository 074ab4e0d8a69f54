"""Walks around objects, frames like photographs, and clouds that lack what nobody saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.geometry.mesh import Mesh, sample_surface
from concord3d.world.objects import film
from concord3d.world.objects.film import Walk, handheld_walk, photographed, reconstructed
from concord3d.world.objects.generation import generate


@dataclass(frozen=True)
class Thing:
    mesh: Mesh


def box(extent: tuple[float, float, float], color: tuple[int, int, int] = (200, 40, 40)) -> Mesh:
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]) * extent
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], dtype=np.int32)
    return Mesh(corners.astype(np.float32), faces, np.tile(np.array(color, np.uint8), (len(faces), 1)))


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_a_walk_goes_once_around_and_is_unsteady(seed: int) -> None:
    walk = handheld_walk(10, np.random.default_rng(seed))
    steps = np.diff(walk.azimuth)
    assert abs(steps.mean() - 36) < 5 and steps.std() > 0.5
    assert walk.elevation.min() >= -5 and walk.elevation.max() <= 70 and np.ptp(walk.elevation) > 1
    assert walk.distance.min() >= 1.8 and walk.distance.max() <= 3.2


def test_the_middle_of_the_object_is_where_the_walk_says() -> None:
    zero = np.zeros(2)
    walk = Walk(np.array([0.0, 90.0]), zero + 20, np.array([2.0, 2.5]), zero, np.array([[0.0, 0.0], [0.2, -0.1]]))
    cameras = walk.cameras(100)
    pixels, depth = cameras.project(np.zeros((1, 3)))
    np.testing.assert_allclose(depth[:, 0], walk.distance)
    np.testing.assert_allclose(pixels[0, 0], [50, 50], atol=1e-9)
    assert pixels[1, 0, 0] > 55 and pixels[1, 0, 1] < 48
    np.testing.assert_allclose(np.linalg.norm(cameras.centers[0]), 2.0)
    # A quarter turn of the camera shows the right side of the picture above.
    turned = Walk(walk.azimuth, walk.elevation, walk.distance, zero + 90, zero[:, None] + np.zeros(2)).cameras(100)
    right = cameras.rotation[0, 0] * 0.3
    assert turned.project(right[None])[0][0, 0, 1] > 60


def test_frames_show_the_object_before_backgrounds_of_many_kinds() -> None:
    rng = np.random.default_rng(1)
    frames = np.concatenate([photographed(box((1, 1, 1)), handheld_walk(10, rng), rng) for _ in range(4)]).astype(float)
    assert frames.shape == (40, 128, 128, 3)
    for frame in frames:
        red, green, blue = frame[56:72, 56:72].reshape(-1, 3).mean(axis=0)
        assert red > 1.5 * green and red > 1.5 * blue
    corners = frames[:, :6, :6].reshape(40, -1, 3).mean(axis=1)
    assert corners.std(axis=0).min() > 20
    # A clean render has one white background without noise.
    assert (frames[:, :6] > 250).all(axis=-1).mean() < 0.1


def test_one_sun_lights_the_sides_of_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "photo_background", lambda color, mask, normal, rng: color)
    walk = Walk(np.array([45.0, 225.0]), np.zeros(2) + 30, np.zeros(2) + 2.2, np.zeros(2), np.zeros((2, 2)))
    for seed in range(6):
        corner, opposite = photographed(box((1, 1, 1), (200, 200, 200)), walk, np.random.default_rng(seed))
        object_of = [frame[frame[..., 0] < 201][:, 0] for frame in (corner, opposite)]
        assert all(grey.min() >= 109 and grey.max() <= 200 for grey in object_of)
        # Three sides are seen from each corner: the top is equally bright in both, and of the others some are in shade.
        sides = [set(np.flatnonzero(np.bincount(grey) > 30).tolist()) for grey in object_of]
        assert sides[0] & sides[1] and len(sides[0] | sides[1]) >= 3 and 110 in {*sides[0], *sides[1]}


def test_the_inside_of_a_face_is_lit_as_its_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "photo_background", lambda color, mask, normal, rng: color)
    mesh = box((1, 1, 1))
    turned = Mesh(mesh.vertices, mesh.faces[:, ::-1].copy(), mesh.face_colors)
    frames = [
        photographed(own, handheld_walk(4, np.random.default_rng(0)), np.random.default_rng(1))
        for own in (mesh, turned)
    ]
    np.testing.assert_array_equal(*frames)


def test_a_mesh_without_colours_is_photographed() -> None:
    mesh = box((1, 2, 1))
    rng = np.random.default_rng(0)
    frames = photographed(Mesh(mesh.vertices, mesh.faces), handheld_walk(2, rng), rng, 32)
    assert frames.shape == (2, 32, 32, 3)


@pytest.mark.parametrize("num_points", [1, 100, 2048])
def test_a_reconstruction_has_the_points_asked_for(num_points: int) -> None:
    obj = generate("chair", 3, 0)
    first, again = (reconstructed(obj, num_points, np.random.default_rng(5)) for _ in range(2))
    assert first.shape == (num_points, 3) and first.dtype == np.float32 and np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)


def test_a_reconstruction_lacks_the_underside_and_is_noisy() -> None:
    mesh = box((1, 1, 1))
    cloud = reconstructed(Thing(mesh), 4096, np.random.default_rng(2))
    inner = (np.abs(cloud[:, [0, 2]]) < 0.4).all(axis=1)
    assert (inner & (cloud[:, 1] > 0.45)).mean() > 0.05
    assert (inner & (cloud[:, 1] < -0.45)).mean() < 0.002
    clean = sample_surface(mesh, 4096, np.random.default_rng(0)).points
    assert (np.abs(clean[:, [0, 2]]) < 0.4).all(axis=1)[clean[:, 1] < -0.45].any()
    off = np.abs(np.abs(cloud).max(axis=1) - 0.5)
    assert 0.0005 < np.median(off) < 0.02 and off.max() < 0.1


def test_metres_are_kept_and_the_box_is_centred() -> None:
    for scale in (0.2, 3.0):
        cloud = reconstructed(Thing(box((scale, scale / 2, scale))), 1024, np.random.default_rng(3))
        assert np.ptp(cloud, axis=0) == pytest.approx([scale, scale / 2, scale], rel=0.15, abs=0.03)
        assert np.abs((cloud.max(axis=0) + cloud.min(axis=0)) / 2).max() < 0.05
