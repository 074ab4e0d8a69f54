"""Masks seen from cameras agree with where the mesh projects to."""

from __future__ import annotations

import numpy as np

from concord3d.data.scans.label_masks import LabelMasks
from concord3d.data.scans.votes import frame_votes
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.ray_casting import RayCaster

CASTER = RayCaster(1)
INTRINSICS = np.array([[20.0, 0, 9.5], [0, 10.0, 4.5], [0, 0, 1]])


def square(x0: float, y0: float, x1: float, y1: float, z: float) -> np.ndarray:
    return np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]])


def seer(turns: int = 0) -> LabelMasks:
    """Object 7 fills the right half of the picture at depth 4; object 9, nearer, its upper right corner."""
    vertices = np.concatenate([square(0, -5, 5, 5, 4), square(1, -5, 5, -0.8, 2)]).astype(np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32)
    instance = np.array([7] * 4 + [9] * 4)
    return LabelMasks(CASTER, Mesh(vertices, faces), instance, INTRINSICS, (10, 20), turns)


def test_pixels_belong_to_the_object_in_front() -> None:
    mask = seer().seen(np.eye(4))
    # Object 9 lies beyond the right edge: x / z = 0.5 is 10 pixels right of 9.5.
    assert mask.shape == (10, 20) and (mask[:, :10] == 0).all() and (mask[:, 10:] == 7).all()
    moved = np.eye(4)
    moved[0, 3] = 1.0
    mask = seer().seen(moved)
    # y / z = -0.4 is 4 pixels above 4.5: the centres of one row lie above.
    assert (mask[0, 10:] == 9).all() and (mask[1:, 10:] == 7).all() and (mask[:, :4] == 0).all()


def test_masks_are_turned_as_the_pictures_are() -> None:
    flat, turned = seer().seen(np.eye(4)), seer(3).seen(np.eye(4))
    np.testing.assert_array_equal(turned, np.rot90(flat, 3))
    assert turned.shape == (20, 10)


def test_of_large_pictures_only_counted_pixels_are_looked_at() -> None:
    vertices = square(0, -5, 5, 5, 4).astype(np.float32)
    mesh = Mesh(vertices, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    intrinsics = np.array([[900.0, 0, 639.5], [0, 900.0, 479.5], [0, 0, 1]])
    mask = LabelMasks(CASTER, mesh, np.full(4, 7), intrinsics, (960, 1280), 3).seen(np.eye(4))
    assert mask.shape == (640, 480) and (mask[:320] == 0).all() and (mask[320:] == 7).all()
    votes = frame_votes(mask, (1280, 960))
    assert votes.pixels.tolist() == [320 * 480] and votes.boxes.tolist() == [[0, 640, 960, 1280]]


def test_a_mesh_without_triangles_shows_nothing() -> None:
    bare = Mesh(np.zeros((3, 3), np.float32), np.zeros((0, 3), np.int32))
    mask = LabelMasks(CASTER, bare, np.array([1, 1, 1]), INTRINSICS, (10, 20), 1).seen(np.eye(4))
    assert mask.shape == (20, 10) and not mask.any()
