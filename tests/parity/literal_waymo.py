"""Points of range images of the Waymo Open Dataset, pixel by pixel as its documentation states them.

Written from the comments of its schemas: a row is a circle of one inclination, files have the inclinations from the
lowest and rows begin with the highest; columns run from azimuth +pi to -pi around the vehicle, so that the yaw of the
mounting is taken off; a point goes from the LiDAR's frame to the vehicle's, with the pose of its pixel to the map, and
with the pose of the frame back to the vehicle.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def rotation(roll: float, pitch: float, yaw: float) -> np.ndarray[Any, Any]:
    about_x = [[1, 0, 0], [0, math.cos(roll), -math.sin(roll)], [0, math.sin(roll), math.cos(roll)]]
    about_y = [[math.cos(pitch), 0, math.sin(pitch)], [0, 1, 0], [-math.sin(pitch), 0, math.cos(pitch)]]
    about_z = [[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_y) @ np.array(about_x)


def point(
    row: int,
    column: int,
    distance: float,
    shape: tuple[int, int],
    inclinations: list[float],
    extrinsic: np.ndarray[Any, Any],
    pixel: list[float],
    frame: np.ndarray[Any, Any],
) -> np.ndarray[Any, Any]:
    """Return x, y, z of one pixel in the vehicle's frame."""
    height, width = shape
    inclination = inclinations[height - 1 - row]
    yaw = math.atan2(extrinsic[1, 0], extrinsic[0, 0])
    azimuth = ((width - column - 0.5) / width * 2 - 1) * math.pi - yaw
    in_lidar = [
        distance * math.cos(inclination) * math.cos(azimuth),
        distance * math.cos(inclination) * math.sin(azimuth),
        distance * math.sin(inclination),
        1.0,
    ]
    world_from_pixel = np.eye(4)
    world_from_pixel[:3, :3] = rotation(*pixel[:3])
    world_from_pixel[:3, 3] = pixel[3:]
    found: np.ndarray[Any, Any] = np.linalg.inv(frame) @ world_from_pixel @ extrinsic @ np.array(in_lidar)
    return found[:3]
