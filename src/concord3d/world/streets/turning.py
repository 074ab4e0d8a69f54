"""A LiDAR that turns while its vehicle drives on: range images with a pose for each pixel.

Shape legend: H beams, W columns, P points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.ray_casting import RayScene
from concord3d.geometry.rigid import Matrix, rigid, turn, turn_about_z
from concord3d.world.streets.lidar import scan
from concord3d.world.streets.meshes import LabelledMesh
from concord3d.world.streets.street import Street

TURN_SECONDS = 0.1
# The vehicle goes on from sector to sector of a turn.
_SECTORS = 8
# Its body rolls and pitches: amplitude in radians, and rates in radians a second.
_SWAY, _SWAY_RATES = 0.012, (7.0, 4.0)
# A ray that passes the edge of something this much nearer than what is behind may return twice, with this probability.
_EDGE_M, _TWICE, _WEAKER = 2.0, 0.5, 0.5
# From the axes of :func:`concord3d.world.streets.lidar.scan`, whose y is in front.
_FRONT_FROM_SCAN = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class Turn:
    """What one turn measured; the first return of each pixel, and the second.

    Attributes:
        distance: (2, H, W) metres, -1 where nothing returned; the highest beam first.
        intensity: (2, H, W) 0 to 1, -1 where nothing returned.
        category: (2, H, W) uint8 number of the general category.
        detail: (2, H, W) uint8 number of the detail.
        instance: (2, H, W) int32, 0 where there is none.
        street_from_vehicle: (W, 4, 4) where the vehicle was at each column.
    """

    distance: NDArray[np.float64]
    intensity: NDArray[np.float64]
    category: NDArray[np.uint8]
    detail: NDArray[np.uint8]
    instance: NDArray[np.int32]
    street_from_vehicle: Matrix


def swaying(street: Street, time: float) -> Matrix:
    """Return (4, 4) the pose in the street of the vehicle of the sensors, whose body rolls and pitches, at a time."""
    roll, pitch = (_SWAY * np.sin(rate * time + 1) for rate in _SWAY_RATES)
    return street.street_from_ego(time) @ rigid(turn(float(roll), float(pitch), 0.0), np.zeros(3))


def record_turn(
    street: Street,
    scene: RayScene,
    mesh: LabelledMesh,
    vehicle_from_lidar: Matrix,
    beams: int,
    columns: int,
    time: float,
    rng: np.random.Generator,
) -> Turn:
    """Record one turn, which begins behind the vehicle; only the vehicle of the sensors moves meanwhile.

    Args:
        street: The street.
        scene: The street as it stands at the time, ready for rays.
        mesh: The same with its labels.
        vehicle_from_lidar: (4, 4) where the LiDAR is mounted, turned about z in any way.
        beams: H, a key of :data:`concord3d.world.streets.lidar.ELEVATIONS`.
        columns: W.
        time: Seconds at which the turn begins.
        rng: Source of randomness.
    """
    yaw = np.arctan2(vehicle_from_lidar[1, 0], vehicle_from_lidar[0, 0])
    # Pixels are the middles of columns, and columns begin behind the vehicle, however the LiDAR is turned.
    own = turn_about_z(-(np.pi / columns + yaw)) @ _FRONT_FROM_SCAN
    vehicle_from_scan = vehicle_from_lidar @ rigid(own, np.zeros(3))
    shape = (2, beams, columns)
    distance, intensity = np.full(shape, -1.0), np.full(shape, -1.0)
    category, detail, instance = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), np.zeros(shape, np.int32)
    poses = np.empty((columns, 4, 4))
    for sector in np.array_split(np.arange(columns), min(_SECTORS, columns)):
        poses[sector] = swaying(street, time + TURN_SECONDS * sector[0] / columns)
        sweep = scan(scene, mesh, poses[sector[0]] @ vehicle_from_scan, beams, columns, street.plan.rain, rng)
        place = sweep.points[:, :3].astype(np.float64)
        column = np.rint(np.arctan2(-place[:, 0], -place[:, 1]) * columns / (2 * np.pi)).astype(np.int64) % columns
        kept = np.isin(column, sector)
        row, column = beams - 1 - sweep.points[kept, 4].astype(np.int64), column[kept]
        distance[0, row, column] = np.linalg.norm(place[kept], axis=1)
        intensity[0, row, column] = sweep.points[kept, 3] / 255
        category[0, row, column], detail[0, row, column] = sweep.category[kept], sweep.detail[kept]
        instance[0, row, column] = sweep.instance[kept]
    twice = _returns_twice(distance[0], rng)
    for array, factor in ((distance, 1.0), (intensity, _WEAKER), (category, 1), (detail, 1), (instance, 1)):
        # Behind the edge is what the next column sees.
        array[1][twice] = (np.roll(array[0], -1, axis=1) * factor)[twice]
    return Turn(distance, intensity, category, detail, instance, poses)


def _returns_twice(distance: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return (H, W) which pixels of a first return have a second."""
    edge = (distance > 0) & (np.roll(distance, -1, axis=1) > distance + _EDGE_M)
    return edge & (rng.random(distance.shape) < _TWICE)
