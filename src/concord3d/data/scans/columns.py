"""What the arrays of a store of scans are, and whether they fit each other.

Shape legend: S scans.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Column(NamedTuple):
    """What the rows of an array are, their dtype, and the lengths of its further axes, None where they are free."""

    rows: str
    dtype: type[np.generic]
    tail: tuple[int | None, ...] = ()


COLUMNS = {
    "reference": Column("scans", np.bool_),
    "aligned": Column("scans", np.bool_),
    "intrinsics": Column("scans", np.float64, (3, 3)),
    "quarter_turns": Column("scans", np.int64),
    "key_frames": Column("scans", np.int64, (None,)),
    "floorplans": Column("scans", np.uint8, (None, None, 3)),
    "has_floorplan": Column("scans", np.bool_),
    "points": Column("vertices", np.float32, (3,)),
    "colors": Column("vertices", np.uint8, (3,)),
    "instance": Column("vertices", np.int32),
    "object_ids": Column("objects", np.int64),
    "labels": Column("objects", np.int64),
    "locations": Column("objects", np.float32, (6,)),
    "frame_bytes": Column("bytes", np.uint8),
    "frame_numbers": Column("frames", np.int64),
    "poses": Column("frames", np.float64, (4, 4)),
    "vote_objects": Column("votes", np.int64),
    "vote_frames": Column("votes", np.int64),
    "vote_boxes": Column("votes", np.int32, (4,)),
    "vote_pixels": Column("votes", np.int64),
    "cad_objects": Column("CAD models", np.int64),
    "cad_points": Column("CAD models", np.float32, (None, 3)),
    "referral_objects": Column("referrals", np.int64),
    "change_scans": Column("changes", np.int64),
    "change_ids": Column("changes", np.int64),
    "change_angles": Column("changes", np.float32),
    "change_shifts": Column("changes", np.float32),
}
OFFSETS = {
    "vertex_offsets": ("scans", "vertices"),
    "object_offsets": ("scans", "objects"),
    "frame_offsets": ("scans", "frames"),
    "frame_byte_offsets": ("frames", "bytes"),
}
WORDS = {"names": "scans", "spaces": "scans", "scene_types": "scans", "object_names": "objects", "class_names": ""}
# Arrays of row numbers, and what they number; those of rising rows are cut by binary search.
ROWS = {
    "vote_objects": "objects",
    "cad_objects": "objects",
    "referral_objects": "objects",
    "change_scans": "scans",
    "vote_frames": "frames",
}
FINITE = ("points", "locations", "cad_points", "poses", "intrinsics", "change_angles", "change_shifts")


def columns_fault(store: Mapping[str, Any], num_scans: int) -> str | None:
    """Return what is wrong with the lengths, dtypes, offsets and row numbers of a store's arrays, or None.

    Args:
        store: Arrays by name.
        num_scans: S.
    """
    counts = {"scans": num_scans}
    for name, column in COLUMNS.items():
        array = store[name]
        fits = array.dtype == column.dtype and array.ndim == 1 + len(column.tail)
        if not fits or any(
            length not in (None, found) for length, found in zip(column.tail, array.shape[1:], strict=True)
        ):
            return f"{name}: {array.dtype} {array.shape}"
        if counts.setdefault(column.rows, len(array)) != len(array):
            return f"{name}: {len(array)} rows for {counts[column.rows]} {column.rows}"
    for name, (items, total) in OFFSETS.items():
        offsets = store[name]
        if offsets.dtype != np.int64 or offsets.shape != (counts[items] + 1,):
            return f"{name}: {offsets.dtype} {offsets.shape} for {counts[items]} {items}"
        if offsets[0] != 0 or offsets[-1] != counts[total] or (np.diff(offsets) < 0).any():
            return f"{name}: do not rise from 0 to {counts[total]}"
    for name, what in ROWS.items():
        rows = store[name]
        if len(rows) and (rows.min() < 0 or rows.max() >= counts[what]):
            return f"{name}: {rows.min()} to {rows.max()} for {counts[what]} {what}"
        if name != "vote_frames" and (np.diff(rows) < 0).any():
            return f"{name}: do not rise"
    chosen = store["key_frames"]
    if chosen.size and (chosen.min() < -1 or chosen.max() >= counts["frames"]):
        return f"key_frames: {chosen.min()} to {chosen.max()} for {counts['frames']} frames"
    return None
