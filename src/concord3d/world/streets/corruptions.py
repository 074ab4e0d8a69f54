"""The eight corruptions of nuScenes-C, at three severities, on a recorded sweep (CMCR spec 1.8)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from concord3d.data.corruptions import CORRUPTIONS, SEVERITIES
from concord3d.errors import ConfigError, nearest
from concord3d.world.streets import sensor_faults, weather
from concord3d.world.streets.lidar import LabelledSweep

_BY_NAME: dict[str, Callable[[LabelledSweep, str, np.random.Generator], LabelledSweep]] = {
    "fog": weather.fog,
    "wet_ground": weather.wet_ground,
    "snow": weather.snow,
    "motion_blur": sensor_faults.motion_blur,
    "crosstalk": sensor_faults.crosstalk,
    "incomplete_echo": sensor_faults.incomplete_echo,
    "cross_sensor": sensor_faults.cross_sensor,
}


def corrupted(
    sweep: LabelledSweep, corruption: str, severity: str, beams: int, rng: np.random.Generator
) -> LabelledSweep:
    """Corrupt a sweep; the given one stays as it is.

    Args:
        sweep: What a LiDAR recorded, whose points have x, y, z, intensity and the number of their beam.
        corruption: One of :data:`concord3d.data.corruptions.CORRUPTIONS`.
        severity: One of :data:`concord3d.data.corruptions.SEVERITIES`.
        beams: Beams of the LiDAR.
        rng: Source of randomness.

    Returns:
        Points, which may be fewer, and their labels; points that no surface returned have labels of their own.

    Raises:
        ConfigError: An unknown corruption or severity; the nearest name is given.

    Source: CMCR spec 1.8.
    """
    for what, name, known in (("corruption", corruption, CORRUPTIONS), ("severity", severity, SEVERITIES)):
        if name not in known:
            raise ConfigError(f"No such {what}{nearest(name, known)}", expected=", ".join(known), found=name)
    if corruption == "beam_missing":
        return sensor_faults.beam_missing(sweep, severity, rng, beams)
    return _BY_NAME[corruption](sweep, severity, rng)
