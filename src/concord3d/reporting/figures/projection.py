"""Clouds as they are seen from the front right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def project(
    points: NDArray[np.floating], azimuth_deg: float = 35.0, elevation_deg: float = 20.0
) -> NDArray[np.float64]:
    """Return (N, 3): right, up and depth (towards the viewer) of points seen from the front right, y up."""
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    x, y, z = np.asarray(points, dtype=np.float64).T
    right = np.cos(azimuth) * x - np.sin(azimuth) * z
    towards = np.sin(azimuth) * x + np.cos(azimuth) * z
    up = np.cos(elevation) * y - np.sin(elevation) * towards
    return np.stack([right, up, np.sin(elevation) * y + np.cos(elevation) * towards], axis=1)
