"""A spinning LiDAR in a street.

Shape legend: B beams, A steps of azimuth, P points, R rays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.ray_casting import RayScene
from concord3d.geometry.rigid import Matrix
from concord3d.world.streets.meshes import LabelledMesh
from concord3d.world.streets.taxonomy import CATEGORY_INDEX, GENERAL_CATEGORIES

# Elevations in degrees from the lowest beam to the highest: as of a VLP-16, an HDL-32E and an HDL-64E.
ELEVATIONS: dict[int, NDArray[np.float64]] = {
    16: np.linspace(-15.0, 15.0, 16),
    32: np.linspace(-30.67, 10.67, 32),
    64: np.concatenate([np.linspace(-24.33, -8.83, 32), np.linspace(-8.33, 2.0, 32)]),
}
_RANGE = (1.2, 85.0)
_NOISE = 0.02
# The roof of the vehicle below the LiDAR, which its lowest beams meet: half width, front, back and depth in metres.
_ROOF = (0.5, 0.4, -1.1, -0.42)
_ROOF_BRIGHTNESS = 170.0
# Brightness in near infrared in relation to that for the eye: plants are bright, asphalt is dark.
_INFRARED = np.ones(len(GENERAL_CATEGORIES))
for _name, _factor in {
    "flat.driveable_surface": 0.85,
    "flat.sidewalk": 1.45,
    "flat.terrain": 1.5,
    "static.vegetation": 1.6,
}.items():
    _INFRARED[CATEGORY_INDEX[_name]] = _factor
# Standard deviation of the logarithm of the intensity on one material; distance up to which the receiver is damped.
_SPREAD, _DAMPED_M = 0.4, 6.0


@dataclass(frozen=True)
class LabelledSweep:
    """What one turn of the LiDAR returns, in the order of firing: step by step, from the lowest beam to the highest.

    Attributes:
        points: (P, 5) float32 x, y, z in metres in the sensor's frame, intensity 0 to 255, number of the beam.
        category: (P,) uint8 number of the general category.
        instance: (P,) int32 number of the instance, 0 where there is none.
    """

    points: NDArray[np.float32]
    category: NDArray[np.uint8]
    instance: NDArray[np.int32]


@dataclass(frozen=True)
class DetailedSweep(LabelledSweep):
    """A sweep that tells more than the general categories.

    Attributes:
        detail: (P,) uint8 number in :data:`concord3d.world.streets.taxonomy.DETAILS`.
    """

    detail: NDArray[np.uint8]


def scan(
    scene: RayScene,
    street: LabelledMesh,
    street_from_lidar: Matrix,
    beams: int,
    azimuth_steps: int,
    rain: bool,
    rng: np.random.Generator,
) -> DetailedSweep:
    """Scan a street from one place; the street stands still meanwhile.

    Args:
        scene: The street made ready for rays.
        street: The same with its labels.
        street_from_lidar: (4, 4).
        beams: A key of :data:`ELEVATIONS`.
        azimuth_steps: A.
        rain: Whether it rains, which costs returns.
        rng: Source of randomness.
    """
    elevation = np.radians(ELEVATIONS[beams])
    azimuth = np.arange(azimuth_steps) * (2 * np.pi / azimuth_steps)
    directions = np.empty((azimuth_steps, beams, 3))
    # The turn begins behind the vehicle and goes clockwise, seen from above.
    directions[..., 0] = -np.sin(azimuth)[:, None] * np.cos(elevation)
    directions[..., 1] = -np.cos(azimuth)[:, None] * np.cos(elevation)
    directions[..., 2] = np.sin(elevation)
    own = directions.reshape(-1, 3)
    rays = np.empty((len(own), 6), np.float32)
    rays[:, :3], rays[:, 3:] = street_from_lidar[:3, 3], own @ street_from_lidar[:3, :3].T
    hits = scene.cast(rays)
    roof = _roof_distance(own)
    on_roof = np.isfinite(roof)
    met = np.flatnonzero(on_roof | ((hits.face >= 0) & (hits.distance > _RANGE[0]) & (hits.distance < _RANGE[1])))
    on_roof = on_roof[met]
    face = np.where(on_roof, 0, hits.face[met])
    distance = np.where(on_roof, roof[met], hits.distance[met]).astype(np.float64)
    slope = np.abs(np.einsum("rc,rc->r", rays[met, 3:], street.normals_of(face))).astype(np.float64)
    incidence = np.where(on_roof, -own[met, 2], slope)
    category = np.where(on_roof, np.uint8(CATEGORY_INDEX["vehicle.ego"]), street.category[face])
    instance = np.where(on_roof, 0, street.instance[face])
    detail = np.where(on_roof, np.uint8(0), street.detail[face])
    brightness = np.where(on_roof, _ROOF_BRIGHTNESS, street.colors_of(face).mean(axis=1))
    lost = 0.02 + (0.1 if rain else 0.0) + 0.7 * (distance / _RANGE[1]) ** 2 * (1 - incidence) ** 4
    kept = rng.random(len(met)) >= lost
    damping = np.clip(distance / _DAMPED_M, 0.6, 1.0)
    strength = (
        (8 + 0.36 * brightness) * _INFRARED[category] * (0.25 + 0.75 * incidence) * np.exp(-distance / 70) * damping
    )
    intensity = np.clip(np.rint(strength * rng.lognormal(0, _SPREAD, len(met)) + rng.normal(0, 1, len(met))), 0, 255)
    measured = distance + rng.normal(0, _NOISE, len(met))
    points = np.empty((len(met), 5), np.float32)
    points[:, :3] = own[met] * measured[:, None]
    points[:, 3], points[:, 4] = intensity, met % beams
    return DetailedSweep(points[kept], category[kept], instance[kept], detail[kept])


def _roof_distance(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (R,) distances at which rays from the LiDAR meet its own vehicle's roof, infinite where they miss it."""
    half, front, back, depth = _ROOF
    with np.errstate(divide="ignore"):
        distance = np.where(directions[:, 2] < 0, depth / directions[:, 2], np.inf)
        place = directions[:, :2] * np.where(np.isfinite(distance), distance, 0.0)[:, None]
    inside = (np.abs(place[:, 0]) < half) & (place[:, 1] > back) & (place[:, 1] < front)
    return np.where(inside, distance, np.inf)
