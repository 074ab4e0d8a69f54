"""Pictures of objects for people."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import BadCloud, RenderError
from concord3d.geometry.mesh import Mesh
from concord3d.render.portraits import PORTRAIT_PIXELS, cloud_portraits, mesh_portraits
from concord3d.render.shards import make_renderer

CORNERS = np.array([[0, 0, 0], [4, 0, 0], [0, 2, 0], [0, 0, 1]], np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def solid(color: tuple[int, int, int]) -> Mesh:
    return Mesh(CORNERS, FACES, face_colors=np.full((4, 3), color, np.uint8))


def test_meshes_are_drawn_in_the_order_of_the_names_and_others_passed_over() -> None:
    meshes = [("red", solid((200, 0, 0))), ("other", solid((0, 200, 0))), ("blue", solid((0, 0, 200)))]
    pictures = mesh_portraits(iter(meshes), ["blue", "red"], make_renderer("open3d", 1))
    assert pictures.shape == (2, PORTRAIT_PIXELS, PORTRAIT_PIXELS, 3) and pictures.dtype == np.uint8
    for picture, channel in zip(pictures, (2, 0), strict=True):
        drawn = picture[(picture != 255).any(axis=2)]
        assert len(drawn) > 500 and (drawn.argmax(axis=1) == channel).all()


def test_a_name_without_a_mesh_is_told() -> None:
    with pytest.raises(RenderError, match="such as 'green'"):
        mesh_portraits([("red", solid((200, 0, 0)))], ["red", "green"], make_renderer("open3d", 1))


def test_a_cloud_is_drawn_as_depth_wherever_it_lies() -> None:
    cloud = np.random.default_rng(0).uniform(-1, 1, (512, 3)).astype(np.float32)
    pictures = cloud_portraits(np.stack([cloud, 8 * cloud + 64]))
    assert pictures.shape == (2, PORTRAIT_PIXELS, PORTRAIT_PIXELS, 1)
    assert (pictures[0] < 255).mean() > 0.2
    # Far from the origin coordinates have fewer digits.
    np.testing.assert_allclose(pictures[0].astype(int), pictures[1].astype(int), atol=2)


def test_a_cloud_that_is_not_finite_is_refused() -> None:
    with pytest.raises(BadCloud):
        cloud_portraits(np.full((1, 8, 3), np.nan))
