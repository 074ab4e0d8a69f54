"""Scans: shapes, mask, partiality, metric scale, determinism, and the crops of the three variants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import BadCloud
from concord3d.geometry.mesh import Mesh
from concord3d.world.objects.scan import ScannedScene, object_in_box, object_only, perturbed_box, scan_cloud, scan_scene


@dataclass(frozen=True)
class Thing:
    mesh: Mesh


def box_mesh(extent: tuple[float, float, float]) -> Mesh:
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]) * extent
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return Mesh(corners.astype(np.float32), np.array(faces, dtype=np.int32))


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    num_points=st.integers(1, 700),
    extent=st.tuples(*[st.floats(0.02, 3.0)] * 3),
)
def test_a_scan_has_the_points_asked_for(seed, num_points, extent):
    thing = Thing(box_mesh(extent))
    points, foreground = scan_cloud(thing, num_points, np.random.default_rng(seed), [box_mesh((1, 1, 1))])
    assert points.shape == (num_points, 3) and points.dtype == np.float32 and np.isfinite(points).all()
    assert foreground.shape == (num_points,) and foreground.dtype == bool


def test_metres_are_kept():
    """The clouds are as large as the object: nothing is normalised to a unit sphere."""
    for scale in (0.2, 1.0, 4.0):
        thing = Thing(box_mesh((scale, 0.3 * scale, scale)))
        points, _ = scan_cloud(thing, 512, np.random.default_rng(4))
        assert 0.8 * scale < np.ptp(points, axis=0).max() < 1.8 * scale + 0.15


def test_a_scan_is_partial_and_has_background():
    """The underside of a box that stands on the floor is never seen; its sides and the floor are."""
    shares = []
    for seed in range(12):
        scene = scan_scene(Thing(box_mesh((1, 1, 1))), 512, np.random.default_rng(seed))
        on_object = scene.points[scene.foreground]
        inner = (np.abs(on_object[:, [0, 2]]) < 0.3 * scene.size_m[0] / 2).all(axis=1)
        under = inner & (on_object[:, 1] < -0.4 * scene.size_m[1])
        assert under.mean() < 0.02
        quadrant = np.arctan2(on_object[:, 0], on_object[:, 2]) // (np.pi / 2)
        shares.append(np.bincount((quadrant + 2).astype(int), minlength=4).min() / len(on_object))
        assert 0.02 < (~scene.foreground).mean() < 0.95
    assert min(shares) < 0.1, "some object is seen from one side only"


def test_noise_leaves_the_surface():
    scene = scan_scene(Thing(box_mesh((1, 1, 1))), 512, np.random.default_rng(0))
    half = scene.size_m.max() / 2
    distance = np.abs(np.abs(scene.points[scene.foreground]).max(axis=1) - half)
    assert np.unique(np.round(distance, 5)).size > 100


def test_crops():
    rng = np.random.default_rng(1)
    scene = scan_scene(Thing(box_mesh((0.5, 0.4, 0.5))), 600, rng)
    _, mask = object_only(scene, 300, rng)
    assert mask.all()
    points, mask = object_in_box(scene, 300, rng)
    assert (np.abs(points) <= scene.size_m / 2 * 1.05 + 0.025).all()
    assert 0 < mask.mean() < 1
    centres, radii = [], []
    for _ in range(40):
        points, mask = perturbed_box(scene, 300, rng)
        assert mask.any()
        centres.append(points[mask].mean(axis=0))
        radii.append(np.abs(points).max())
    assert np.std(centres, axis=0).min() > 0.02, "boxes are moved along every axis"
    assert max(radii) <= np.linalg.norm(scene.size_m) / 2 * 1.25 + 0.1


def test_perturbed_boxes_are_turned_about_the_vertical():
    points = np.random.default_rng(0).normal(size=(4000, 3)) * (0.30, 0.05, 0.05)
    scene = ScannedScene(points.astype(np.float32), np.ones(4000, bool), np.array([2.0, 0.4, 0.4]))
    rng, angles = np.random.default_rng(3), []
    for _ in range(60):
        cloud, _ = perturbed_box(scene, 500, rng)
        axis = np.linalg.svd(cloud - cloud.mean(axis=0), full_matrices=False)[2][0]
        assert abs(axis[1]) < 0.3
        angles.append(np.arctan2(axis[0], axis[2]) % np.pi)
    assert np.histogram(angles, bins=4, range=(0, np.pi))[0].min() > 3


def test_few_returns_are_repeated_and_none_is_an_error():
    scene = ScannedScene(np.zeros((3, 3), np.float32), np.array([True, False, False]), np.ones(3))
    points, mask = object_only(scene, 10, np.random.default_rng(0))
    assert len(points) == 10 and mask.all() and np.abs(points).max() < 0.05
    empty = ScannedScene(np.zeros((3, 3), np.float32), np.zeros(3, bool), np.ones(3))
    with pytest.raises(BadCloud, match="kept no point"):
        object_only(empty, 10, np.random.default_rng(0))


def test_same_seed_same_bytes():
    thing = Thing(box_mesh((1, 0.5, 0.6)))
    first = scan_cloud(thing, 256, np.random.default_rng(9))
    second = scan_cloud(thing, 256, np.random.default_rng(9))
    other = scan_cloud(thing, 256, np.random.default_rng(10))
    assert first[0].tobytes() == second[0].tobytes() and first[1].tobytes() == second[1].tobytes()
    assert first[0].tobytes() != other[0].tobytes()
