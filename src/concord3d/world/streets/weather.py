"""Fog, wet ground and snow in recorded sweeps (CMCR spec 1.8).

What the weather does to a return follows from its distance, its intensity and, on the ground, its angle.

Shape legend: P points, R ranges, F flakes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from concord3d.data.corruptions import FOG_LABEL, SNOW_LABEL
from concord3d.world.streets.lidar import LabelledSweep
from concord3d.world.streets.taxonomy import CATEGORY_INDEX

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_GROUND = [CATEGORY_INDEX[name] for name in ("flat.driveable_surface", "flat.other", "flat.sidewalk")]
_LIGHT_M_PER_S = scipy.constants.speed_of_light
_RANGE_STEP = 0.1
_MAX_RANGE = 200.0
# The receiver sees the beam from the first distance on, and the whole of it from the second.
_SEEN_FROM, _SEEN_WHOLE = 0.9, 1.0
# Seconds at half power of a pulse, differential reflectivity of a hard target, metres by which echoes of fog scatter.
_PULSE, _HARD, _FOG_SCATTER = 2e-8, 1e-6 / np.pi, 10.0
# Attenuation of fog by one metre, one of which is drawn for a sweep; backscatter by severity.
_ATTENUATIONS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.06)
_BACKSCATTER = {"light": 0.008, "moderate": 0.05, "heavy": 0.2}


def fog(sweep: LabelledSweep, severity: str, rng: np.random.Generator) -> LabelledSweep:
    """Dim returns by fog, and return the fog itself where its echo is the stronger one.

    The scatter of echoes shrinks with the distance below 20 m, so that they stay before the sensor.

    Args:
        sweep: What was recorded.
        severity: A severity of :mod:`concord3d.data.corruptions`.
        rng: Source of randomness.

    Source: CMCR spec 1.8.
    """
    distance, intensity = _distance(sweep), sweep.points[:, 3].astype(np.float64)
    attenuation = float(rng.choice(_ATTENUATIONS))
    echo = _fog_echo(attenuation)
    place = np.minimum((distance / _RANGE_STEP).astype(np.int64), len(echo.strength) - 1)
    from_fog = intensity * distance**2 * _BACKSCATTER[severity] / _HARD * echo.strength[place]
    dimmed = np.rint(np.exp(-2 * attenuation * distance) * intensity)
    foggy = from_fog > dimmed
    scatter = np.minimum(_FOG_SCATTER, distance / 2)
    factor = echo.distance[place] / rng.uniform(distance - scatter, distance + scatter)
    points = sweep.points.copy()
    points[:, :3] *= np.where(foggy, factor, 1.0)[:, None]
    points[:, 3] = np.clip(np.where(foggy, from_fog, dimmed), 0, 255)
    return LabelledSweep(
        points, np.where(foggy, np.uint8(FOG_LABEL), sweep.category), np.where(foggy, 0, sweep.instance)
    )


class _Echo(NamedTuple):
    """Strongest echo of fog up to (R,) ranges, for a target of reflectivity 1 and backscatter 1, and its distance."""

    strength: Floats
    distance: Floats


@lru_cache(maxsize=len(_ATTENUATIONS))
def _fog_echo(attenuation: float) -> _Echo:
    ranges = np.arange(0, _MAX_RANGE + _RANGE_STEP, _RANGE_STEP)
    seen = np.clip((ranges - _SEEN_FROM) / (_SEEN_WHOLE - _SEEN_FROM), 0, 1)
    returned = seen * np.exp(-2 * attenuation * ranges) / np.maximum(ranges, _SEEN_FROM) ** 2
    seconds = 2 * _RANGE_STEP / _LIGHT_M_PER_S
    times = np.arange(0, 2 * _PULSE, seconds)
    pulse = np.sin(np.pi * times / (2 * _PULSE)) ** 2
    power = np.convolve(returned, pulse)[: len(ranges)] * seconds
    strongest = np.maximum.accumulate(power)
    first = np.maximum.accumulate(np.where(power == strongest, np.arange(len(ranges)), 0))
    return _Echo(strongest, ranges[first])


# Share of the pavement's depth that water fills, and of the weakest dry returns that still are returns.
_PAVEMENT_MM = 1.2
_WATER_MM = {"light": 0.2, "moderate": 1.0, "heavy": 1.2}
_WET_FLOOR = {"light": 0.2, "moderate": 0.3, "heavy": 0.7}
_WATER_INDEX = 1.33


def wet_ground(sweep: LabelledSweep, severity: str, rng: np.random.Generator) -> LabelledSweep:
    """Dim returns of roads and sidewalks under water, and lose those that fall below the receiver's noise.

    Light crosses the surface of the water twice, the more of it the steeper it falls.

    Args:
        sweep: What was recorded.
        severity: A severity of :mod:`concord3d.data.corruptions`.
        rng: Not used: water is no matter of chance.

    Source: CMCR spec 1.8.
    """
    ground = np.isin(sweep.category, _GROUND)
    covered = min(_WATER_MM[severity] / _PAVEMENT_MM, 1.0)
    steepness = np.abs(sweep.points[:, 2]) / _distance(sweep)
    dimmed = sweep.points[:, 3] * (1 - covered + covered * water_transmittance(steepness) ** 2)
    points = sweep.points.copy()
    points[ground, 3] = dimmed[ground]
    kept = ~ground | (dimmed > _WET_FLOOR[severity] * _weakest_on_ground(sweep, ground))
    return LabelledSweep(points[kept], sweep.category[kept], sweep.instance[kept])


def water_transmittance(steepness: Floats) -> Floats:
    """Return the share of unpolarised light that passes from air into water, by Fresnel's equations.

    Args:
        steepness: (P,) cosine of the angle to the surface's normal.
    """
    inside = np.sqrt(1 - (1 - np.clip(steepness, 0, 1) ** 2) / _WATER_INDEX**2)
    across = ((steepness - _WATER_INDEX * inside) / (steepness + _WATER_INDEX * inside)) ** 2
    along = ((inside - _WATER_INDEX * steepness) / (inside + _WATER_INDEX * steepness)) ** 2
    return np.asarray(1 - (across + along) / 2)


# Snowfall in mm of water an hour, and metres a second at which it falls.
_SNOWFALL = {"light": (0.5, 2.0), "moderate": (1.0, 1.6), "heavy": (2.5, 1.6)}
_SNOW_DENSITY, _FLAKE_METRES = 0.1, 0.003
_BEAM_DIVERGENCE = 0.003
_FLAKE_INTENSITY = 0.9 * 255
_SNOW_FLOOR = 0.7


def snow(sweep: LabelledSweep, severity: str, rng: np.random.Generator) -> LabelledSweep:
    """Let flakes shade returns, return flakes that are stronger than what they shade, and lose what is too weak.

    Flakes are disks in the plane of a beam, spread evenly, with diameters by Gunn and Marshall.

    Args:
        sweep: What was recorded.
        severity: A severity of :mod:`concord3d.data.corruptions`.
        rng: Source of randomness.

    Source: CMCR spec 1.8.
    """
    distance, intensity = _distance(sweep), sweep.points[:, 3].astype(np.float64)
    density, diameter = _flakes(*_SNOWFALL[severity])
    num = rng.poisson(density * _BEAM_DIVERGENCE / 2 * distance**2)
    point = np.repeat(np.arange(len(distance)), num)
    place = np.maximum(distance[point] * np.sqrt(rng.random(len(point))), _SEEN_FROM)
    shaded = np.minimum(rng.exponential(diameter, len(point)) / (_BEAM_DIVERGENCE * place), 1.0)
    seen = np.clip((place - _SEEN_FROM) / (_SEEN_WHOLE - _SEEN_FROM), 0, 1)
    power = _FLAKE_INTENSITY * shaded * seen / place**2
    left = intensity * (1 - np.minimum(np.bincount(point, shaded, len(distance)), 1.0))
    # The last of a point's flakes in rising order of power is the strongest.
    order = np.argsort(power, kind="stable")
    strongest, at = np.zeros(len(distance)), distance.copy()
    strongest[point[order]], at[point[order]] = power[order], place[order]
    snowy = strongest > left
    points = sweep.points.copy()
    points[:, :3] *= np.where(snowy, at / distance, 1.0)[:, None]
    points[:, 3] = np.minimum(np.where(snowy, strongest, left), 255)
    kept = snowy | (left > _SNOW_FLOOR * _weakest_on_ground(sweep, np.isin(sweep.category, _GROUND)))
    category = np.where(snowy, np.uint8(SNOW_LABEL), sweep.category)
    return LabelledSweep(points[kept], category[kept], np.where(snowy, 0, sweep.instance)[kept])


def _flakes(snowfall: float, velocity: float) -> tuple[float, float]:
    """Return flakes in a square metre of a plane, and their mean diameter in metres."""
    occupied = snowfall / (3.6e6 * _SNOW_DENSITY * velocity)
    rain = (snowfall / (487 * _SNOW_DENSITY * _FLAKE_METRES * velocity)) ** 1.5
    diameter = 1 / (100 * 25.5 * rain**-0.48)
    # An exponential diameter d has a mean square of 2 d^2.
    return occupied / (np.pi / 4 * 2 * diameter**2), diameter


# Metres of the bins in which the weakest returns of the ground are looked for, and the share below which returns are.
_BIN_METRES, _WEAK_SHARE, _LEAST_IN_BIN = 3.0, 0.05, 10


def _weakest_on_ground(sweep: LabelledSweep, ground: Mask) -> Floats:
    """Return (P,) intensities of the weakest returns of dry, level ground at each point's distance.

    Divided by the cosine of their angle they are a linear function of distance; 0 where ground is hardly seen.
    """
    distance = _distance(sweep)
    own = sweep.points[ground, 3] * distance[ground] / np.maximum(np.abs(sweep.points[ground, 2]), 1e-3)
    bins = (distance[ground] / _BIN_METRES).astype(np.int64)
    full = [number for number in np.unique(bins) if (bins == number).sum() >= _LEAST_IN_BIN]
    if len(full) < 2:
        return np.zeros(len(distance))
    weakest = [np.quantile(own[bins == number], _WEAK_SHARE) for number in full]
    slope, start = np.polyfit((np.array(full) + 0.5) * _BIN_METRES, weakest, 1)
    height = float(np.median(np.abs(sweep.points[ground, 2])))
    return np.asarray(np.maximum(slope * distance + start, 0) * np.minimum(height / distance, 1))


def _distance(sweep: LabelledSweep) -> Floats:
    return np.linalg.norm(sweep.points[:, :3].astype(np.float64), axis=1)
