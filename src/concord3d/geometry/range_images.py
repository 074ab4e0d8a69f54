"""Points of the range image of a spinning LiDAR on a moving vehicle (geometry of the Waymo Open Dataset).

A row is a beam, the highest first; a column is a moment of the turn: the turn begins behind the vehicle and goes
clockwise, seen from above. Frames: the LiDAR's and the vehicle's have x in front, y to the left and z up.

Shape legend: H rows, W columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix


def uniform_inclinations(lowest: float, highest: float, rows: int) -> NDArray[np.float64]:
    """Return (rows,) angles of beams above the horizontal, rising: the middles of equal parts of a range."""
    return lowest + (np.arange(rows) + 0.5) / rows * (highest - lowest)


def column_azimuths(columns: int, vehicle_from_lidar: Matrix) -> NDArray[np.float64]:
    """Return (columns,) angles about z in the LiDAR's frame from x, falling.

    Columns are equal parts of a turn that begins behind the vehicle, not behind the LiDAR: the yaw of the mounting is
    taken off.

    Args:
        columns: W.
        vehicle_from_lidar: (4, 4) where the LiDAR is mounted.
    """
    yaw = np.arctan2(vehicle_from_lidar[1, 0], vehicle_from_lidar[0, 0])
    return np.pi - 2 * np.pi * (np.arange(columns) + 0.5) / columns - yaw


def rotations(roll: NDArray[np.float64], pitch: NDArray[np.float64], yaw: NDArray[np.float64]) -> Matrix:
    """Return (..., 3, 3) rotations by (...) radians: ``roll`` about x, then ``pitch`` about y, then ``yaw`` about z."""
    cr, sr, cp, sp, cy, sy = (each(angle) for angle in (roll, pitch, yaw) for each in (np.cos, np.sin))
    rows = (
        (cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr),
        (sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr),
        (-sp, cp * sr, cp * cr),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def places(
    distance: NDArray[np.floating],
    inclination: NDArray[np.float64],
    vehicle_from_lidar: Matrix,
    pixel_pose: NDArray[np.floating],
    global_from_vehicle: Matrix,
) -> Matrix:
    """Return where the pixels of a range image are.

    Args:
        distance: (H, W) metres from the LiDAR.
        inclination: (H,) radians above the horizontal of each row.
        vehicle_from_lidar: (4, 4) where the LiDAR is mounted.
        pixel_pose: (H, W, 6) roll, pitch, yaw in radians and x, y, z in metres of the vehicle on the map when the pixel
            was measured.
        global_from_vehicle: (4, 4) pose of the vehicle that the result refers to.

    Returns:
        (H, W, 3) float64 metres in the vehicle's frame at ``global_from_vehicle``.
    """
    azimuth = column_azimuths(distance.shape[1], vehicle_from_lidar)
    flat = np.cos(inclination)[:, None]
    rays = np.stack(
        np.broadcast_arrays(flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(inclination)[:, None]), axis=-1
    )
    of_vehicle = (rays * distance[..., None]) @ vehicle_from_lidar[:3, :3].T + vehicle_from_lidar[:3, 3]
    # Places on the map are large and stored in single precision: the difference of the poses is taken first.
    pose = np.asarray(pixel_pose, np.float64)
    back = np.linalg.inv(global_from_vehicle)
    turned = back[:3, :3] @ rotations(pose[..., 0], pose[..., 1], pose[..., 2])
    moved = (pose[..., 3:] - global_from_vehicle[:3, 3]) @ back[:3, :3].T
    found: Matrix = np.einsum("hwij,hwj->hwi", turned, of_vehicle) + moved
    return found
