"""Key frames: far apart in pose, and defined for every recording."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from concord3d.data.scans.key_frames import key_frames
from concord3d.geometry.rigid import rigid, turn_about_z


def poses(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([rigid(Rotation.random(random_state=i).as_matrix(), rng.normal(size=3)) for i in range(count)])


def literal(found: np.ndarray, count: int, first: int) -> list[int]:
    """Greedy farthest points of the normalised translations and quaternions, as the specification says it."""
    turns = Rotation.from_matrix(found[:, :3, :3]).as_quat(canonical=True)
    rows = np.concatenate([found[:, :3, 3], turns], axis=1)
    rows = (rows - rows.min(0)) / (rows.max(0) - rows.min(0))
    chosen = [first]
    while len(chosen) < count:
        distance = np.min([np.linalg.norm(rows - rows[i], axis=1) for i in chosen], axis=0)
        chosen.append(int(distance.argmax()))
    return chosen


@pytest.mark.parametrize("seed", range(4))
def test_frames_are_the_farthest_points_of_normalised_poses(seed: int) -> None:
    found = poses(30, seed)
    chosen = key_frames(found, 8, np.random.default_rng(seed))
    first = int(np.random.default_rng(seed).integers(30))
    assert chosen.tolist() == literal(found, 8, first) and chosen.dtype == np.int64


def test_fewer_frames_than_asked_and_none() -> None:
    assert sorted(key_frames(poses(5), 20, np.random.default_rng(0))) == [0, 1, 2, 3, 4]
    assert key_frames(np.zeros((0, 4, 4)), 20, np.random.default_rng(0)).tolist() == []


def test_a_constant_column_is_no_division_by_zero() -> None:
    # The camera turns about z at one place: three columns of the translation and two of the quaternion are constant.
    turning = np.array([rigid(turn_about_z(angle), [1.0, 2.0, 3.0]) for angle in np.linspace(0, 2, 9)])
    with np.errstate(all="raise"):
        chosen = key_frames(turning, 3, np.random.default_rng(0))
    first = int(np.random.default_rng(0).integers(9))
    assert chosen.tolist() == [first, 0, 4] and first == 7
    # Rounding of a float32 pose is not taken for a movement.
    turning[:, 0, 3] += np.random.default_rng(1).normal(0, 1e-8, 9)
    assert key_frames(turning, 3, np.random.default_rng(0)).tolist() == chosen.tolist()
    # A camera that stands still.
    still = np.repeat(turning[:1], 4, axis=0)
    assert len(set(key_frames(still, 4, np.random.default_rng(0)).tolist())) == 4
