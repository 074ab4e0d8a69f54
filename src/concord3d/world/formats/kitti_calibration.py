"""The vehicle of KITTI: its LiDAR, its left colour camera, and files of calibration.

The LiDAR's frame has x in front, y to the left, z up; the camera's x to the right, y down, z in front. Both are level,
so that the rectification is none.
"""

from __future__ import annotations

import numpy as np

from concord3d.geometry.rigid import Matrix, rigid

# Place of the LiDAR in the vehicle's frame.
LIDAR_PLACE = (0.94, 0.0, 1.73)
CAMERA_FROM_LIDAR = rigid(np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]), [0.0, -0.08, -0.27])
# Focal length in widths of the picture, and a picture of the odometry in pixels.
FOCAL = 0.58
_ODOMETRY_SIZE = (376, 1241)
_CAMERAS = ("P0", "P1", "P2", "P3")


def intrinsics(height: int, width: int) -> Matrix:
    """Return (3, 3) for pictures of a size, in which the centre of a pixel has whole coordinates."""
    matrix = np.diag([FOCAL * width, FOCAL * width, 1.0])
    matrix[:2, 2] = (width - 1) / 2, (height - 1) / 2
    return matrix


def matrix_line(matrix: Matrix) -> str:
    """Return the numbers of a matrix, row by row."""
    return " ".join(f"{value:.12e}" for value in matrix.ravel())


def calibration_lines(height: int = _ODOMETRY_SIZE[0], width: int = _ODOMETRY_SIZE[1], *, odometry: bool) -> str:
    """Return the file of calibration of the odometry's sequences, or of the detection's frames.

    The four cameras of the real vehicle are one here.

    Args:
        height: Of the pictures.
        width: As ``height``.
        odometry: Whether it is of a sequence; such files name no rectification.
    """
    projection = np.hstack([intrinsics(height, width), np.zeros((3, 1))])
    told = {name: projection for name in _CAMERAS}
    if odometry:
        told["Tr"] = CAMERA_FROM_LIDAR[:3]
    else:
        told |= {"R0_rect": np.eye(3), "Tr_velo_to_cam": CAMERA_FROM_LIDAR[:3], "Tr_imu_to_velo": np.eye(4)[:3]}
    return "".join(f"{name}: {matrix_line(matrix)}\n" for name, matrix in told.items())
