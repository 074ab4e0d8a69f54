"""Photo-like pictures: the object stays, the background changes, nothing else about the arrays does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import RenderError
from concord3d.geometry.photo import photo_background


def views(num_views: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mask = np.zeros((num_views, height, width), bool)
    mask[:, height // 4 : -height // 4, width // 4 : -width // 4] = True
    color = np.where(mask[..., None], np.array([200, 60, 40]), 255).astype(np.uint8)
    normal = np.where(mask[..., None], np.array([0.0, 0.0, 1.0]), 0.0).astype(np.float32)
    return color, mask, normal


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), num_views=st.integers(1, 3), height=st.integers(4, 50), width=st.integers(4, 50))
def test_shape_and_type_are_kept(seed, num_views, height, width):
    color, mask, normal = views(num_views, height, width)
    photo = photo_background(color, mask, normal, np.random.default_rng(seed))
    assert photo.shape == color.shape and photo.dtype == np.uint8


def test_object_stays_recognisable_and_background_varies():
    color, mask, normal = views(24, 48, 48)
    photo = photo_background(color, mask, normal, np.random.default_rng(2)).astype(float)
    for view in range(24):
        red, green, blue = photo[view, 16:32, 16:32].reshape(-1, 3).mean(axis=0)
        assert red > 1.5 * green and red > 1.5 * blue
    background = photo[:, 0:4].reshape(24, -1, 3).mean(axis=1)
    assert background.std(axis=0).min() > 15
    assert np.median(np.abs(photo[~mask] - 255)) > 30, "the renderer's white is gone"


def test_light_follows_the_normals():
    """On one object, faces turned away from each other are lit differently."""
    color, mask, normal = views(1, 40, 40)
    normal[0, :, :20] *= -1
    differences = []
    for seed in range(10):
        photo = photo_background(color, mask, normal, np.random.default_rng(seed)).astype(float)
        differences.append(abs(photo[0, 14:26, 12:17].mean() - photo[0, 14:26, 23:28].mean()))
    assert np.mean(differences) > 5


def test_one_view_and_same_seed():
    color, mask, normal = views(1, 20, 30)
    single = photo_background(color[0], mask[0], normal[0], np.random.default_rng(5))
    batch = photo_background(color, mask, normal, np.random.default_rng(5))
    assert single.tobytes() == batch.tobytes()


def test_shapes_that_do_not_fit():
    color, mask, normal = views(2, 20, 20)
    with pytest.raises(RenderError, match="do not fit"):
        photo_background(color, mask[:1], normal, np.random.default_rng(0))
