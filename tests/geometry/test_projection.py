"""Points in pictures: the written rule, point by point and camera by camera."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.geometry.projection import project_points
from concord3d.geometry.rigid import rigid, turn

SIZE = (24, 40)


def literal(
    points: np.ndarray, matrices: np.ndarray, intrinsics: np.ndarray, height: int, width: int, min_depth: float
) -> list[tuple[int, int, int, int]]:
    """CMCR spec 1.5 in loops."""
    pairs = []
    for camera, (matrix, k) in enumerate(zip(matrices, intrinsics, strict=True)):
        for number, point in enumerate(points):
            x, y, z = matrix[:3, :3] @ point[:3].astype(float) + matrix[:3, 3]
            if z <= min_depth:
                continue
            u, v, w = k @ np.array([x, y, z])
            u, v = u / w, v / w
            if 0 < u < width - 1 and 0 < v < height - 1:
                pairs.append((number, camera, round(v), round(u)))
    return pairs


@given(seed=st.integers(0, 10_000), cameras=st.integers(1, 3), min_depth=st.sampled_from([0.1, 1.0, 3.0]))
def test_pairs_are_those_of_the_written_rule(seed: int, cameras: int, min_depth: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 6, (60, 4)).astype(np.float32)
    matrices = np.stack([rigid(turn(*rng.uniform(-3, 3, 3)), rng.normal(0, 1, 3)) for _ in range(cameras)])
    focal, tilt = rng.uniform(10, 60, (2, cameras)), rng.normal(0, 0.5, cameras)
    intrinsics = np.zeros((cameras, 3, 3))
    intrinsics[:, 0, 0], intrinsics[:, 1, 1], intrinsics[:, 0, 1] = focal[0], focal[1], tilt
    intrinsics[:, 0, 2], intrinsics[:, 1, 2], intrinsics[:, 2, 2] = 19.5, 11.5, 1
    found = project_points(points, matrices, intrinsics, *SIZE, min_depth=min_depth)
    pairs = zip(found.point.tolist(), found.camera.tolist(), found.row.tolist(), found.column.tolist(), strict=True)
    assert list(pairs) == literal(points, matrices, intrinsics, *SIZE, min_depth)
    assert len(found) == len(found.point) and found.row.dtype == found.column.dtype == np.int64


@pytest.mark.parametrize(
    ("point", "seen"),
    [
        ((0.0, 0.0, 1.001), True),
        ((0.0, 0.0, 1.0), False),
        ((0.0, 0.0, -5.0), False),
        ((0.0, 0.0, 0.0), False),
        ((-1.999, 0.0, 2.0), True),
        ((-2.0, 0.0, 2.0), False),
        ((2.0, 0.0, 2.0), False),
        ((0.0, 1.999, 2.0), True),
        ((0.0, 2.0, 2.0), False),
    ],
)
def test_the_edges_of_the_picture_and_of_depth(point: tuple[float, float, float], seen: bool) -> None:
    intrinsics = np.array([[[10.0, 0, 10], [0, 10, 10], [0, 0, 1]]])
    assert len(project_points(np.array([point]), np.eye(4)[None], intrinsics, 21, 21)) == seen


def test_no_points_and_no_pairs() -> None:
    none = project_points(np.zeros((0, 3)), np.eye(4)[None], np.eye(3)[None], *SIZE)
    behind = project_points(np.array([[0.0, 0, -1]]), np.eye(4)[None].repeat(6, 0), np.eye(3)[None].repeat(6, 0), *SIZE)
    assert len(none) == len(behind) == 0
