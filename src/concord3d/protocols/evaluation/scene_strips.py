"""Scans that a query finds first, seen from above, for figures (CrossOver spec 10, Fig. 5).

Shape legend: S scans, E queries shown, n distinct scans shown, H x W a picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.even_spread import even_spread
from concord3d.data.stores.scans import ScanSplit
from concord3d.geometry.top_view import top_view
from concord3d.measures.scene_search import SceneSearch

NUM_FOUND = 4
SIZE = 96


def strip_arrays(split: ScanSplit, search: SceneSearch, num_queries: int) -> dict[str, NDArray[Any]]:
    """Return the first scans of some evenly spread queries, and pictures of all of them.

    Args:
        split: The scans.
        search: Scores of all scans for all scans.
        num_queries: E, fewer where fewer scans have both modalities.

    Returns:
        ``strip_queries`` (E,) rows of scans, ``strip_found`` (E, at most 4) rows, the best first and of equal ones the
        first stored, ``strip_rows`` (n,) rows of pictured scans, ``strip_names`` (n,), ``strip_pictures``
        (n, H, W, 3) uint8 from above, and ``strip_floorplans`` (E, H', W', 3) uint8, white where there is none.
    """
    valid = np.flatnonzero(search.valid)
    if not len(valid) or not num_queries:
        return {}
    queries = valid[even_spread(len(valid), min(num_queries, len(valid)))]
    scores = search.among(queries, without_own=False)
    found = np.argsort(-scores, axis=1, kind="stable")[:, : min(NUM_FOUND, len(valid))]
    rows = np.unique(np.concatenate([queries, found.ravel()]))
    scans = [split.scan(int(row)) for row in rows]
    blank = np.full(split.floorplans.shape[1:], 255, dtype=np.uint8)
    plans = [split.floorplans[row] if split.has_floorplan[row] else blank for row in queries]
    return {
        "strip_queries": queries,
        "strip_found": found,
        "strip_rows": rows,
        "strip_names": np.array([scan.name for scan in scans]),
        "strip_pictures": np.stack([top_view(scan.points, scan.colors, SIZE) for scan in scans]),
        "strip_floorplans": np.stack(plans),
    }
