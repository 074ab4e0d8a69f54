"""Depth views of clouds against literal transcriptions of their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from concord3d.errors import BadCloud, RenderError
from concord3d.geometry.cameras import orbit_cameras
from concord3d.render.points import (
    REALISTIC_AZIMUTH_DEG,
    REALISTIC_ELEVATION_DEG,
    depth_views,
    pooling_window,
    realistic_projection,
)


def some_cloud(seed: int, num_points: int = 200) -> NDArray[np.float32]:
    """A lopsided cloud, so that no two views agree by symmetry."""
    rng = np.random.default_rng(seed)
    cloud = rng.normal(size=(num_points, 3)) * rng.uniform(0.2, 1.5, 3)
    cloud[: num_points // 4] += rng.normal(size=3)
    return cloud.astype(np.float32)


def literal_projection(cloud: NDArray[np.float32], image_size: int, view: int) -> NDArray[np.float64]:
    """One view, point by point and pixel by pixel, as PointCLIP V2 describes its module (section 3.2)."""
    azimuth, elevation = np.radians(REALISTIC_AZIMUTH_DEG[view]), np.radians(REALISTIC_ELEVATION_DEG[view])
    right = np.array([math.cos(azimuth), 0, -math.sin(azimuth)])
    viewer = np.array(
        [math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation)]
    )
    axes = np.stack([right, np.cross(right, viewer), viewer]).astype(np.float32)
    turned = np.stack([cloud[:, 0] * a[0] + cloud[:, 1] * a[1] + cloud[:, 2] * a[2] for a in axes], axis=1)
    low, high = turned.min(axis=0), turned.max(axis=0)
    turned = (turned - (low + high) / 2) / (high - low).max() * 2
    cells = image_size // 2
    grid = np.zeros((8, cells, cells))
    for right_value, down_value, near_value in turned:
        column = min(max(math.ceil((right_value * 0.8 + 1) / 2 * cells), 1), cells - 2)
        row = min(max(math.ceil((down_value * 0.8 + 1) / 2 * cells), 1), cells - 2)
        value = min(max(((near_value + 1) / 2 + 0.2) / 1.2 * 6, 1), 6)
        index = math.ceil(value)
        grid[index, row, column] = max(grid[index, row, column], value)
    pool = pooling_window(cells)
    margin = (pool - 3) // 2
    grid = np.pad(grid, [(0, 0), (margin, margin), (margin, margin)])
    grid = np.lib.stride_tricks.sliding_window_view(grid, (pool, pool), (1, 2)).max(axis=(3, 4))
    kernel = np.array([[math.exp(-(i * i + j * j) / 18) for j in (-1, 0, 1)] for i in (-1, 0, 1)])
    padded = np.pad(grid, [(0, 0), (1, 1), (1, 1)])
    grid = (np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2)) * (kernel / kernel.sum())).sum(axis=(3, 4))
    picture = grid.max(axis=0)
    return literal_resize(1 - picture / picture.max(), image_size) * 255


def literal_resize(picture: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Bilinear, corners aligned."""
    out = np.zeros((size, size))
    last = len(picture) - 1
    for i in range(size):
        for j in range(size):
            y, x = i * last / (size - 1), j * last / (size - 1)
            top, left = min(int(y), last - 1), min(int(x), last - 1)
            dy, dx = y - top, x - left
            out[i, j] = (1 - dy) * ((1 - dx) * picture[top, left] + dx * picture[top, left + 1]) + dy * (
                (1 - dx) * picture[top + 1, left] + dx * picture[top + 1, left + 1]
            )
    return out


@pytest.mark.parametrize("image_size", [16, 33, 64, 128, 224])
def test_realistic_projection_equals_its_literal_form(image_size: int) -> None:
    cloud = some_cloud(image_size)
    fast = realistic_projection(torch.from_numpy(cloud)[None], image_size)[0].numpy().astype(float)
    for view in range(10) if image_size <= 64 else (0, 8, 9):
        slow = literal_projection(cloud, image_size, view)
        # float32 against float64 may put a point just over the edge of a cell; whole pictures must not differ.
        assert np.mean(np.abs(fast[view] - slow) > 1) < 0.005
        assert np.abs(fast[view] - slow).mean() < 0.6


def test_original_window_at_original_size() -> None:
    assert pooling_window(112) == 7
    assert [pooling_window(cells) for cells in (8, 32, 64, 224)] == [3, 3, 5, 15]


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 60), st.sampled_from([0.25, 1.0, 64.0]))
def test_a_picture_depends_on_its_cloud_alone(seed: int, num_points: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    clouds = torch.from_numpy(rng.normal(size=(5, num_points, 3)).astype(np.float32))
    together = realistic_projection(clouds, 32)
    assert torch.equal(realistic_projection(clouds[2:3], 32)[0], together[2])
    shuffled = clouds[:, rng.permutation(num_points)]
    assert torch.equal(realistic_projection(shuffled, 32), together)
    # A power of two scales exactly.
    assert torch.equal(realistic_projection(clouds * scale, 32), together)


def test_chunks_do_not_show() -> None:
    clouds = torch.from_numpy(np.stack([some_cloud(seed, 50) for seed in range(20)]))
    whole = realistic_projection(clouds, 96)
    assert all(torch.equal(realistic_projection(clouds[i : i + 1], 96)[0], whole[i]) for i in range(20))


def test_some_views_are_those_of_the_ten() -> None:
    clouds = torch.from_numpy(np.stack([some_cloud(seed, 50) for seed in range(3)]))
    whole = realistic_projection(clouds, 48)
    for views in ((9,), (0, 1, 2, 4, 5, 6), (7, 0)):
        some = realistic_projection(clouds, 48, views)
        difference = (some.int() - whole[:, list(views)].int()).abs()
        assert difference.max() <= 1 and difference.float().mean() < 1e-3
        assert torch.equal(realistic_projection(clouds[1:2], 48, views)[0], some[1])


@pytest.mark.parametrize("views", [(), (10,), (0, -1)])
def test_views_that_do_not_exist_are_refused(views: tuple[int, ...]) -> None:
    with pytest.raises(RenderError, match="no such view") as refused:
        realistic_projection(torch.zeros(1, 7, 3), 32, views)
    assert "0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in str(refused.value) and str(list(views)) in str(refused.value)


def centre_of_ink(picture: NDArray[np.uint8]) -> tuple[float, float]:
    ink = 255.0 - picture
    rows, columns = np.indices(ink.shape)
    return float((rows * ink).sum() / ink.sum()), float((columns * ink).sum() / ink.sum())


def test_views_stand_where_they_say() -> None:
    rng = np.random.default_rng(0)
    frame = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    blob = rng.normal(size=(300, 3)).astype(np.float32) * 0.05
    pictures = {}
    for name, place in {"up": (0, 0.8, 0), "right": (0.8, 0, 0), "front": (0, 0, 0.8)}.items():
        cloud = np.concatenate([frame, blob + np.array(place, np.float32)])
        pictures[name] = realistic_projection(torch.from_numpy(cloud)[None], 64)[0].numpy()
    middle = 31.5
    # Seen from the front (azimuth 0 is view 4), from +x (view 5) and from behind (view 6).
    assert centre_of_ink(pictures["up"][4])[0] < middle - 2
    assert centre_of_ink(pictures["right"][4])[1] > middle + 2
    assert centre_of_ink(pictures["front"][5])[1] < middle - 2
    assert centre_of_ink(pictures["right"][6])[1] < middle - 2
    # Near is dark: the blob on top is darker from above (view 9) than from below (view 8).
    assert pictures["up"][9][28:36, 28:36].min() < pictures["up"][8][28:36, 28:36].min()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_coordinates_that_are_not_finite_are_refused(bad: float) -> None:
    clouds = torch.zeros(3, 8, 3)
    clouds[1, 2, 0] = bad
    with pytest.raises(BadCloud, match="index 1"):
        realistic_projection(clouds, 32)


@pytest.mark.parametrize("shape", [(4, 3), (1, 0, 3), (1, 5, 2)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadCloud):
        realistic_projection(torch.zeros(shape), 32)


def test_degenerate_clouds_still_give_pictures() -> None:
    assert realistic_projection(torch.full((1, 7, 3), 0.3), 32).amin() < 64
    assert realistic_projection(torch.zeros(0, 4, 3), 32).shape == (0, 10, 32, 32)
    with pytest.raises(RenderError):
        realistic_projection(torch.zeros(1, 7, 3), 8)


@pytest.mark.parametrize("radius_px", [0, 1, 2])
def test_depth_views_equal_a_loop_over_points(radius_px: int) -> None:
    cameras = orbit_cameras([0, 77, 200], [10, -30, 88], image_size=24)
    clouds = np.stack([some_cloud(1, 40), some_cloud(2, 40) * 3])
    fast = depth_views(torch.from_numpy(clouds), cameras, radius_px=radius_px).numpy()
    for b, cloud in enumerate(clouds):
        pixels, depth = cameras.project(cloud)
        for v in range(len(cameras)):
            slow = np.full((24, 24), np.inf)
            for (x, y), z in zip(pixels[v], depth[v], strict=True):
                if z <= 0:
                    continue
                for row in range(math.floor(y) - radius_px, math.floor(y) + radius_px + 1):
                    for column in range(math.floor(x) - radius_px, math.floor(x) + radius_px + 1):
                        if 0 <= row < 24 and 0 <= column < 24:
                            slow[row, column] = min(slow[row, column], z)
            slow[np.isinf(slow)] = 0
            np.testing.assert_allclose(fast[b, v], slow, atol=1e-5)


def test_points_behind_the_camera_are_left_out() -> None:
    cameras = orbit_cameras([0], 0, image_size=16)
    assert depth_views(torch.tensor([[[0.0, 0.0, 5.0]]]), cameras).amax() == 0
    assert depth_views(torch.tensor([[[0.0, 0.0, 0.0]]]), cameras).amax() == pytest.approx(2.6, abs=1e-5)
    with pytest.raises(RenderError):
        depth_views(torch.zeros(1, 1, 3), cameras, radius_px=-1)
