"""The annotated boxes of nuScenes v1.0, by keyframe (CMCR spec 1.1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from concord3d.data.formats.nuscenes_sweeps import CLASS_OF
from concord3d.data.formats.nuscenes_tables import VERSION, Row, followed, form_named, indexed
from concord3d.data.sweep_boxes import SweepBoxes
from concord3d.errors import WrongRelease
from concord3d.geometry.rigid import from_quaternion

BICYCLE_RACK = 13
# In the order of the official table.
ATTRIBUTES = (
    "vehicle.moving", "vehicle.stopped", "vehicle.parked", "cycle.with_rider", "cycle.without_rider",
    "pedestrian.sitting_lying_down", "pedestrian.standing", "pedestrian.moving",
)  # fmt: skip
# Keyframes that lie farther apart tell no velocity.
_LONGEST_STEP = 1.5
_TABLES = ("sample_annotation", "instance", "category", "attribute", "sample")


def read_boxes(root: Path, keyframes: Sequence[str]) -> SweepBoxes | None:
    """Read the boxes of some keyframes; None where the release has no annotations.

    A velocity is the difference of the places at the keyframes before and after, or of one of them and this one.

    Args:
        root: Folder that holds the tables.
        keyframes: Tokens of samples.

    Raises:
        UnreadableFile: A table is absent, a token leads nowhere, or a row lacks a key.
        WrongRelease: An attribute is unknown, or a box has several.
    """
    folder = root / VERSION
    if not (folder / "sample_annotation.json").is_file():
        return None
    tables = {name: indexed(folder, name) for name in _TABLES}
    by_sample: dict[str, list[Row]] = defaultdict(list)
    with form_named(folder, "sample_annotation"):
        for row in tables["sample_annotation"].values():
            by_sample[row["sample_token"]].append(row)
        rows = [row for token in keyframes for row in by_sample[token]]
        counts = [len(by_sample[token]) for token in keyframes]
        poses = [from_quaternion(row["rotation"], row["translation"]) for row in rows]
        wlh = np.array([row["size"] for row in rows], dtype=np.float64).reshape(-1, 3)
        categories = np.array([_category(folder, tables, row) for row in rows], dtype=np.int64)
        return SweepBoxes(
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            centres=np.array([row["translation"] for row in rows], dtype=np.float64).reshape(-1, 3),
            sizes=wlh[:, [1, 0, 2]],
            yaws=np.array([np.arctan2(pose[1, 0], pose[0, 0]) for pose in poses], dtype=np.float64),
            velocities=np.array([_velocity(folder, tables, row) for row in rows], dtype=np.float64).reshape(-1, 2),
            categories=categories,
            classes=np.array([CLASS_OF.get(category, -1) for category in categories.tolist()], dtype=np.int64),
            attributes=np.array([_attribute(folder, tables, row) for row in rows], dtype=np.int64),
            visibilities=np.array([int(row["visibility_token"]) for row in rows], dtype=np.int64),
            num_points=np.array([row["num_lidar_pts"] + row["num_radar_pts"] for row in rows], dtype=np.int64),
        )


Tables = Mapping[str, Mapping[str, Row]]


def _linked(folder: Path, tables: Tables, name: str, token: str) -> Row:
    return followed(folder, tables[name], name, token)


def _category(folder: Path, tables: Tables, row: Row) -> int:
    instance = _linked(folder, tables, "instance", row["instance_token"])
    return int(_linked(folder, tables, "category", instance["category_token"])["index"])


def _attribute(folder: Path, tables: Tables, row: Row) -> int:
    names = [_linked(folder, tables, "attribute", token)["name"] for token in row["attribute_tokens"]]
    if len(names) > 1 or any(name not in ATTRIBUTES for name in names):
        raise WrongRelease(
            "A box has other attributes than one of nuScenes", where=folder / "sample_annotation.json",
            expected=f"at most one of {', '.join(ATTRIBUTES)}", found=f"{row['token']}: {', '.join(names)}",
        )  # fmt: skip
    return ATTRIBUTES.index(names[0]) if names else -1


def _velocity(folder: Path, tables: Tables, row: Row) -> tuple[float, float]:
    first, last = (
        _linked(folder, tables, "sample_annotation", row[side]) if row[side] else row for side in ("prev", "next")
    )
    if first is last:
        return (np.nan, np.nan)
    seconds = 1e-6 * _time(folder, tables, last) - 1e-6 * _time(folder, tables, first)
    both = bool(row["prev"]) and bool(row["next"])
    if seconds > (2 * _LONGEST_STEP if both else _LONGEST_STEP):
        return (np.nan, np.nan)
    x, y = ((np.array(last["translation"]) - np.array(first["translation"])) / seconds)[:2].tolist()
    return (x, y)


def _time(folder: Path, tables: Tables, row: Row) -> Any:
    return _linked(folder, tables, "sample", row["sample_token"])["timestamp"]
