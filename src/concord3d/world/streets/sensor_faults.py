"""Faults of a LiDAR and of its mounting in recorded sweeps (CMCR spec 1.8).

Shape legend: P points, B beams.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.data.corruptions import CROSSTALK_LABEL
from concord3d.world.streets.lidar import LabelledSweep
from concord3d.world.streets.taxonomy import CATEGORY_INDEX

# Metres by which the whole sweep is off, and shares of it by which single points are, along x, y and z.
_BLUR = {"light": 0.2, "moderate": 0.25, "heavy": 0.3}
_JITTER = (0.1, 0.1, 0.05)
_LOST_BEAMS = {"light": 0.25, "moderate": 0.5, "heavy": 0.75}
_CROSSTALK = {"light": 0.03, "moderate": 0.07, "heavy": 0.12}
_CROSSTALK_SPREAD = 3.0
_LOST_ECHOES = {"light": 0.75, "moderate": 0.85, "heavy": 0.95}
_FEWEST_POINTS = 10
# Kinds of vehicles, each of which loses its share; a bus is one class whether it is rigid or bendy.
_ECHOING = tuple(
    [CATEGORY_INDEX[f"vehicle.{name}"] for name in names]
    for names in (
        ("bicycle",), ("bus.bendy", "bus.rigid"), ("car",), ("construction",), ("motorcycle",), ("trailer",), ("truck",)
    )
)  # fmt: skip


def motion_blur(sweep: LabelledSweep, severity: str, rng: np.random.Generator) -> LabelledSweep:
    """Move the sweep as a whole, and every point by a tenth of that (a twentieth upwards).

    Args:
        sweep: What was recorded.
        severity: A severity of :mod:`concord3d.data.corruptions`.
        rng: Source of randomness.

    Source: CMCR spec 1.8.
    """
    spread = _BLUR[severity]
    jitter = rng.normal(0, 1, (len(sweep.points), 3)) * (spread * np.array(_JITTER))
    points = sweep.points.copy()
    points[:, :3] += rng.normal(0, spread, 3) + np.clip(jitter, -3 * spread, 3 * spread)
    return LabelledSweep(points, sweep.category, sweep.instance)


def beam_missing(sweep: LabelledSweep, severity: str, rng: np.random.Generator, beams: int) -> LabelledSweep:
    """Lose a quarter, half or three quarters of the beams, but none of the lowest and highest ones.

    Args:
        sweep: What was recorded.
        severity: A severity of :mod:`concord3d.data.corruptions`.
        rng: Source of randomness.
        beams: B.

    Source: CMCR spec 1.8.
    """
    between = np.arange(beams // 16, beams - 3 * beams // 32)
    lost = rng.choice(between, round(_LOST_BEAMS[severity] * beams), replace=False)
    return _only(sweep, ~np.isin(sweep.points[:, 4], lost))


def crosstalk(sweep: LabelledSweep, severity: str, rng: np.random.Generator) -> LabelledSweep:
    """Disturb place and intensity of a share of the points by what other sensors send.

    Args:
        sweep: What was recorded.
        severity: A severity of :mod:`concord3d.data.corruptions`.
        rng: Source of randomness.

    Source: CMCR spec 1.8.
    """
    disturbed = rng.choice(len(sweep.points), int(_CROSSTALK[severity] * len(sweep.points)), replace=False)
    points, category, instance = sweep.points.copy(), sweep.category.copy(), sweep.instance.copy()
    points[disturbed, :4] += rng.normal(0, _CROSSTALK_SPREAD, (len(disturbed), 4))
    points[:, 3] = np.clip(points[:, 3], 0, 255)
    category[disturbed], instance[disturbed] = CROSSTALK_LABEL, 0
    return LabelledSweep(points, category, instance)


def incomplete_echo(sweep: LabelledSweep, severity: str, rng: np.random.Generator) -> LabelledSweep:
    """Lose most points of vehicles, of each class that has more than ten, as of dark paint.

    Args:
        sweep: What was recorded.
        severity: A severity of :mod:`concord3d.data.corruptions`.
        rng: Source of randomness.

    Source: CMCR spec 1.8.
    """
    kept = np.ones(len(sweep.points), dtype=bool)
    for categories in _ECHOING:
        own = np.flatnonzero(np.isin(sweep.category, categories))
        if len(own) > _FEWEST_POINTS:
            kept[rng.choice(own, int(_LOST_ECHOES[severity] * len(own)), replace=False)] = False
    return _only(sweep, kept)


def cross_sensor(sweep: LabelledSweep, severity: str, rng: np.random.Generator) -> LabelledSweep:
    """Keep three, two or one of four neighbouring beams, and every second point of each.

    Args:
        sweep: What was recorded.
        severity: A severity of :mod:`concord3d.data.corruptions`.
        rng: Not used: another sensor is no matter of chance.

    Source: CMCR spec 1.8.
    """
    lost = {"light": (1,), "moderate": (1, 3), "heavy": (1, 2, 3)}[severity]
    beam = sweep.points[:, 4].astype(np.int64)
    # Along each beam: in the order of the file every second point would be of every second beam.
    order = np.argsort(beam, kind="stable")
    number = np.empty(len(beam), np.int64)
    number[order] = np.arange(len(beam)) - np.searchsorted(beam[order], beam[order])
    return _only(sweep, ~np.isin(beam % 4, lost) & (number % 2 == 0))


def _only(sweep: LabelledSweep, kept: NDArray[np.bool_]) -> LabelledSweep:
    return LabelledSweep(sweep.points[kept], sweep.category[kept], sweep.instance[kept])
