"""A spinning LiDAR in a street.

Shape legend: B beams, A steps of azimuth, P points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.ray_casting import RayScene
from concord3d.geometry.rigid import Matrix
from concord3d.world.streets.meshes import LabelledMesh

# Elevations in degrees from the lowest beam to the highest: as of a VLP-16, an HDL-32E and an HDL-64E.
ELEVATIONS: dict[int, NDArray[np.float64]] = {
    16: np.linspace(-15.0, 15.0, 16),
    32: np.linspace(-30.67, 10.67, 32),
    64: np.concatenate([np.linspace(-24.33, -8.83, 32), np.linspace(-8.33, 2.0, 32)]),
}
_RANGE = (1.2, 85.0)
_NOISE = 0.02


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


def scan(
    scene: RayScene,
    street: LabelledMesh,
    street_from_lidar: Matrix,
    beams: int,
    azimuth_steps: int,
    rain: bool,
    rng: np.random.Generator,
) -> LabelledSweep:
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
    met = np.flatnonzero((hits.face >= 0) & (hits.distance > _RANGE[0]) & (hits.distance < _RANGE[1]))
    incidence = np.abs(np.einsum("rc,rc->r", rays[met, 3:], street.normals_of(hits.face[met]))).astype(np.float64)
    weak = hits.distance[met].astype(np.float64) / _RANGE[1]
    lost = 0.02 + (0.1 if rain else 0.0) + 0.7 * weak**2 * (1 - incidence) ** 4
    kept = rng.random(len(met)) >= lost
    met, incidence = met[kept], incidence[kept]
    chosen, distance = hits.face[met], hits.distance[met].astype(np.float64)
    brightness = street.colors_of(chosen).mean(axis=1)
    strength = (6 + 0.3 * brightness) * (0.3 + 0.7 * incidence) * np.exp(-distance / 70)
    intensity = np.clip(np.rint(strength * rng.lognormal(0, 0.15, len(chosen)) + rng.normal(0, 1, len(chosen))), 0, 255)
    measured = distance + rng.normal(0, _NOISE, len(chosen))
    points = np.empty((len(chosen), 5), np.float32)
    points[:, :3] = own[met] * measured[:, None]
    points[:, 3], points[:, 4] = intensity, met % beams
    return LabelledSweep(points, street.category[chosen], street.instance[chosen])
