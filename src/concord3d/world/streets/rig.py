"""The vehicle that carries the sensors: where LiDAR and cameras are mounted, and the cameras' pictures.

Frames: the vehicle's has x in front, y to the left, z up, and its origin on the ground below the rear axle; the
LiDAR's has x to the right and y in front, as that of nuScenes; a camera's x to the right, y down, z in front.

Shape legend: V cameras.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix, rigid, turn, turn_about_z

LIDAR = "LIDAR_TOP"
_LIDAR_PLACE = (0.94, 0.0, 1.84)
# Place in the vehicle, direction in degrees to the left, focal length in widths of the picture.
_CAMERAS: dict[str, tuple[tuple[float, float, float], float, float]] = {
    "CAM_FRONT": ((1.70, 0.0, 1.51), 0.0, 0.79),
    "CAM_FRONT_RIGHT": ((1.55, -0.49, 1.50), -56.0, 0.79),
    "CAM_BACK_RIGHT": ((1.01, -0.48, 1.56), -110.0, 0.79),
    "CAM_BACK": ((0.03, 0.0, 1.57), 180.0, 0.505),
    "CAM_BACK_LEFT": ((1.04, 0.48, 1.59), 108.0, 0.79),
    "CAM_FRONT_LEFT": ((1.52, 0.49, 1.51), 55.0, 0.79),
}
CAMERA_NAMES = tuple(_CAMERAS)
# Seconds from the end of the LiDAR's turn to each picture: a camera is released when the LiDAR looks its way.
CAMERA_DELAYS = (-0.025, -0.017, -0.009, 0.0, -0.042, -0.033)
# Degrees, metres and shares of the focal length by which one vehicle differs from another.
_TURN, _SHIFT, _ZOOM = 0.4, 0.01, 0.004


@dataclass(frozen=True)
class Rig:
    """Calibrated sensors.

    Attributes:
        ego_from_lidar: (4, 4).
        ego_from_camera: (V, 4, 4), in the order of :data:`CAMERA_NAMES`.
        focal: (V,) in widths of the picture.
    """

    ego_from_lidar: Matrix
    ego_from_camera: Matrix
    focal: NDArray[np.float64]

    def intrinsics(self, height: int, width: int) -> Matrix:
        """Return (V, 3, 3) for pictures of a size, in which the centre of a pixel has whole coordinates."""
        matrices = np.zeros((len(self.focal), 3, 3))
        matrices[:, 0, 0] = matrices[:, 1, 1] = self.focal * width
        matrices[:, 0, 2], matrices[:, 1, 2], matrices[:, 2, 2] = (width - 1) / 2, (height - 1) / 2, 1
        return matrices


def draw_rig(rng: np.random.Generator) -> Rig:
    """Draw the calibration of one vehicle: nearly that of every other."""
    lidar = rigid(_turned(turn_about_z(-np.pi / 2), rng), np.array(_LIDAR_PLACE) + rng.normal(0, _SHIFT, 3))
    cameras, focal = [], []
    for place, direction, zoom in _CAMERAS.values():
        c, s = np.cos(np.radians(direction)), np.sin(np.radians(direction))
        axes = np.array([[s, 0.0, c], [-c, 0.0, s], [0.0, -1.0, 0.0]])
        cameras.append(rigid(_turned(axes, rng), np.array(place) + rng.normal(0, _SHIFT, 3)))
        focal.append(zoom * (1 + _ZOOM * rng.normal()))
    return Rig(lidar, np.stack(cameras), np.array(focal))


def _turned(axes: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    turned: NDArray[np.float64] = axes @ turn(*np.radians(rng.normal(0, _TURN, 3)))
    return turned
