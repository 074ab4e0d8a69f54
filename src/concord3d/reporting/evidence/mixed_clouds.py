"""Examples of mixed clouds, as files.

Shape legend: O operators, L weights, N points, C channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays
from concord3d.errors import ReportingError

KEYS = ("points", "source", "operators", "weights", "ratio", "shape_names", "dataset", "data_kind")


def read_mixed_clouds(path: Path) -> dict[str, NDArray[Any]]:
    """Read examples of mixed clouds.

    Args:
        path: An ``.npz`` with ``points`` (O, L, N, C) float, x, y, z (y up) in the first three of C channels;
            ``source`` (O, L, N) float in [0, 1], the share of the first shape in each point; ``operators`` (O,) names;
            ``weights`` (L,) wanted and ``ratio`` (O, L) realised weights of the first shape; ``shape_names`` (2,);
            ``dataset`` and ``data_kind``, one name each.

    Raises:
        UnreadableFile: The file is damaged.
        ReportingError: An array is missing, or shapes or values do not fit.
    """
    arrays = read_arrays(path, "mixed clouds")
    lacking = [key for key in KEYS if key not in arrays]
    if lacking:
        raise ReportingError("Mixed clouds lack arrays", where=path, expected=KEYS, found=f"no {lacking}")
    grid = (len(arrays["operators"]), len(arrays["weights"]))
    points = arrays["points"]
    fits = points.ndim == 4 and points.shape[:2] == grid and points.shape[3] >= 3
    if not fits or arrays["source"].shape != points.shape[:3] or arrays["ratio"].shape != grid:
        raise ReportingError(
            "Mixed clouds have other shapes than their operators and weights",
            where=path,
            expected=f"points ({grid[0]}, {grid[1]}, N, 3 or more), source ({grid[0]}, {grid[1]}, N), ratio {grid}",
            found=(points.shape, arrays["source"].shape, arrays["ratio"].shape),
        )
    shares = (arrays["source"], arrays["ratio"], arrays["weights"])
    inside = all(bool(((values >= 0) & (values <= 1)).all()) for values in shares)
    if not np.isfinite(points).all() or not inside:
        raise ReportingError("Mixed clouds hold impossible values", where=path, expected="finite, shares in [0, 1]")
    return arrays
