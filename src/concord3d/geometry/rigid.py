"""Rigid transformations as (4, 4) matrices, ``target_from_source``, and unit quaternions with the real part first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def rigid(rotation: Matrix, translation: Sequence[float] | NDArray[np.floating]) -> Matrix:
    """Return the (4, 4) transformation with a (3, 3) rotation and a translation."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, translation
    return matrix


def inverse(matrix: Matrix) -> Matrix:
    """Return the inverse of (..., 4, 4) rigid transformations."""
    result = np.zeros_like(matrix)
    turned = np.swapaxes(matrix[..., :3, :3], -1, -2)
    result[..., :3, :3] = turned
    result[..., :3, 3] = -(turned @ matrix[..., :3, 3:])[..., 0]
    result[..., 3, 3] = 1
    return result


def transformed(points: NDArray[np.floating], matrix: Matrix) -> Matrix:
    """Return (..., 3) float64 places of (..., 3) points after a (4, 4) affine transformation."""
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3], dtype=np.float64)


def from_quaternion(quaternion: Sequence[float], translation: Sequence[float]) -> Matrix:
    """Return the (4, 4) transformation with a rotation by ``quaternion`` (w, x, y, z), then a translation.

    Raises:
        ValueError: The quaternion is zero or not finite, or a number is missing.
    """
    # SciPy takes a second to import, and every plan imports the world.
    from scipy.spatial.transform import Rotation

    q = np.asarray(quaternion, dtype=np.float64)
    if q.shape != (4,) or not np.isfinite(q).all():
        raise ValueError(f"{quaternion} is no quaternion")
    return rigid(Rotation.from_quat(q, scalar_first=True).as_matrix(), translation)


def to_quaternion(rotation: Matrix) -> list[float]:
    """Return the unit quaternion (w, x, y, z) with w >= 0 of a (3, 3) rotation."""
    from scipy.spatial.transform import Rotation

    w, x, y, z = Rotation.from_matrix(rotation).as_quat(canonical=True, scalar_first=True).tolist()
    return [w, x, y, z]


def turn_about_z(radians: float) -> Matrix:
    """Return the (3, 3) rotation about z by the right-hand rule."""
    c, s = np.cos(radians), np.sin(radians)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def turn(roll: float, pitch: float, yaw: float) -> Matrix:
    """Return the (3, 3) rotation by ``roll`` about x, then ``pitch`` about y, then ``yaw`` about z, in radians."""
    cr, sr, cp, sp = np.cos(roll), np.sin(roll), np.cos(pitch), np.sin(pitch)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    about_y = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    turned: Matrix = turn_about_z(yaw) @ about_y @ about_x
    return turned
