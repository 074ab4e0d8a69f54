"""Clouds of rooms in two formats, and what is no such cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concord3d.data.formats.room_clouds import read_room_cloud
from concord3d.errors import BadCloud, ConcordError, UnreadableFile

POINTS = np.array([[0, 0, 0], [3, 0, 0], [3, 4, 1]], np.float32)
COLORS = np.array([[255, 0, 0], [0, 51, 0], [0, 0, 255]], np.uint8)
PLY = "ply\nformat ascii 1.0\nelement vertex 3\n{properties}end_header\n{rows}"
COLORED = "".join(f"property {kind} {name}\n" for kind, names in (("float", "x y z"), ("uchar", "red green blue"))
                  for name in names.split())  # fmt: skip


def ply(properties: str, table: np.ndarray) -> str:
    rows = "".join(" ".join(f"{value:g}" for value in row) + "\n" for row in table)
    return PLY.format(properties=properties, rows=rows)


def test_both_formats_hold_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_text(ply(COLORED, np.hstack([POINTS, COLORS])))
    np.savez(tmp_path / "b.npz", points=POINTS.astype(np.float64), colors=COLORS / 255, instance=np.array([-1, 0, 7]))
    for name in ("a.ply", "b.npz"):
        cloud = read_room_cloud(tmp_path / name)
        assert cloud.points.dtype == np.float32 and np.array_equal(cloud.points, POINTS)
        assert cloud.colors.dtype == np.uint8 and np.array_equal(cloud.colors, COLORS)
        assert (cloud.instance is None) == (name == "a.ply")
    told = read_room_cloud(tmp_path / "b.npz").instance
    assert told is not None and told.tolist() == [0, 0, 7]


GOOD: dict[str, Any] = {"points": POINTS, "colors": COLORS}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"points": POINTS * 1000}, BadCloud, "divide millimetres by 1000"),
        ({"points": POINTS / 100}, BadCloud, "no room has in metres"),
        ({"points": POINTS * np.float32(np.nan)}, BadCloud, "3 bad of 3"),
        ({"points": POINTS[:0], "colors": COLORS[:0]}, BadCloud, "empty"),
        ({"points": POINTS[:2]}, UnreadableFile, "Not a cloud of a room"),
        ({"colors": None}, UnreadableFile, "found: points float32"),
        ({"colors": COLORS.astype(np.int64)}, BadCloud, "out of range"),
        ({"colors": COLORS * np.nan}, BadCloud, "out of range"),
        ({"instance": np.ones(2, np.int64)}, UnreadableFile, "0 for no object"),
        ({"instance": np.ones(3)}, UnreadableFile, "0 for no object"),
    ],
)
def test_what_is_no_cloud_of_a_room_is_refused(
    tmp_path: Path, change: dict[str, Any], error: type[ConcordError], words: str
) -> None:
    arrays = {name: array for name, array in {**GOOD, **change}.items() if array is not None}
    np.savez(tmp_path / "cloud.npz", **arrays)
    with pytest.raises(error, match=words):
        read_room_cloud(tmp_path / "cloud.npz")


def test_files_that_are_none_are_refused_without_advice_to_delete_them(tmp_path: Path) -> None:
    (tmp_path / "plain.ply").write_text(ply(COLORED[: COLORED.index("property uchar")], POINTS))
    with pytest.raises(BadCloud, match="has no colours"):
        read_room_cloud(tmp_path / "plain.ply")
    (tmp_path / "text.ply").write_text("no cloud")
    (tmp_path / "text.npz").write_text("no cloud")
    (tmp_path / "text.xyz").write_text("0 0 0")
    for name in ("text.ply", "text.npz", "text.xyz", "absent.ply", "absent.npz"):
        with pytest.raises(UnreadableFile, match=name) as raised:
            read_room_cloud(tmp_path / name)
        assert "delete" not in str(raised.value)
