"""Rigid transformations undo themselves, and quaternions come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.geometry.rigid import from_quaternion, inverse, rigid, to_quaternion, transformed, turn, turn_about_z

ANGLE = st.floats(-7, 7)


@given(roll=ANGLE, pitch=ANGLE, yaw=ANGLE, shift=st.tuples(*[st.floats(-100, 100)] * 3))
def test_inverse_and_quaternions(roll: float, pitch: float, yaw: float, shift: tuple[float, float, float]) -> None:
    matrix = rigid(turn(roll, pitch, yaw), shift)
    np.testing.assert_allclose(inverse(matrix) @ matrix, np.eye(4), atol=1e-10)
    np.testing.assert_allclose(inverse(np.stack([matrix, np.eye(4)]))[0], inverse(matrix))
    quaternion = to_quaternion(matrix[:3, :3])
    assert quaternion[0] >= 0 and np.linalg.norm(quaternion) == pytest.approx(1)
    np.testing.assert_allclose(from_quaternion(quaternion, shift), matrix, atol=1e-9)
    np.testing.assert_allclose(from_quaternion([-3 * part for part in quaternion], shift), matrix, atol=1e-9)


def test_turns_follow_the_right_hand() -> None:
    x, y, z = np.eye(3)
    np.testing.assert_allclose(turn_about_z(np.pi / 2) @ x, y, atol=1e-12)
    np.testing.assert_allclose(turn(np.pi / 2, 0, 0) @ y, z, atol=1e-12)
    np.testing.assert_allclose(turn(0, np.pi / 2, 0) @ z, x, atol=1e-12)
    np.testing.assert_allclose(turn(np.pi / 2, 0, np.pi / 2) @ y, z, atol=1e-12)


@pytest.mark.parametrize("quaternion", [[0, 0, 0, 0], [1, 0, 0], [1, 0, 0, np.nan]])
def test_what_is_no_quaternion_is_refused(quaternion: list[float]) -> None:
    with pytest.raises(ValueError):
        from_quaternion(quaternion, [0, 0, 0])


def test_points_are_turned_then_moved() -> None:
    rng = np.random.default_rng(0)
    matrix = rigid(turn(0.3, -0.4, 0.5), [1.0, 2.0, 3.0])
    points = rng.normal(size=(2, 5, 3)).astype(np.float32)
    expected = np.einsum("ij,abj->abi", matrix[:3, :3], points) + matrix[:3, 3]
    found = transformed(points, matrix)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(transformed(points[0, 0], matrix), expected[0, 0], atol=1e-12)
