"""Strips of scans found for a query."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.reporting.fabricate import Fabricated, svg
from tests.reporting.figures.one_figure import kept, one_figure

from concord3d.reporting.figures.kinds.retrieval_strips import CROSS, TICK

OPTIONS = "{experiments: {one: ONE, two: TWO}, dataset: nuscenes, protocol: scene_matching, num_queries: 1}"


def strips(found: list[list[int]], queries: list[int]) -> dict[str, np.ndarray]:
    rows = sorted({*queries, *(scan for row in found for scan in row)})
    return {
        "strip_queries": np.array(queries),
        "strip_found": np.array(found),
        "strip_rows": np.array(rows),
        "strip_names": np.array([f"scene{row:04d}_00" for row in rows]),
        "strip_pictures": np.full((len(rows), 8, 8, 3), 90, np.uint8),
        "strip_floorplans": np.full((len(queries), 6, 8, 3), 255, np.uint8),
    }


def test_the_right_scan_has_a_tick_and_others_crosses(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "retrieval_strips", OPTIONS)
    kept(made, "one", strips([[5, 1, 2, 3], [7, 1, 2, 3]], [5, 7]), "scene_matching")
    kept(made, "two", strips([[1, 2, 7, 3], [6, 1, 2, 3]], [7, 9]), "scene_matching")
    text = svg(made, "f")
    # Scan 7 alone is a query of both: found first by one, third by the other.
    assert text.count(f">{TICK}<") == 2 and text.count(f">{CROSS}<") == 6
    assert f"{TICK} the scan that asks, {CROSS} another scan." in text
    assert "ONE" in text and "TWO" in text and "scene0007 00" in text and "k = 4" in text
    assert text.count("<image") == 2 + 8 and "data_kind: real" in text


def test_fewer_scans_than_places_leave_places_empty(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "retrieval_strips", OPTIONS)
    kept(made, "one", strips([[0, 1]], [0]), "scene_matching")
    text = svg(made, "f")
    assert text.count(f">{TICK}<") == 1 and text.count(f">{CROSS}<") == 1 and text.count("<image") == 4
    assert "Not run at this scale: TWO." in text


def test_a_mark_that_does_not_occur_is_not_explained(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "retrieval_strips", OPTIONS)
    for experiment in ("one", "two"):
        kept(made, experiment, strips([[0, 1]], [7]), "scene_matching")
    text = svg(made, "f")
    assert TICK not in text and f"{CROSS} another scan." in text


def test_without_strips_it_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "retrieval_strips", OPTIONS)
    kept(made, "one", {"labels": np.zeros(3)}, "scene_matching")
    assert "nothing to draw at scale" in svg(made, "f")
    kept(made, "one", strips([[0, 1]], [0]), "scene_matching")
    kept(made, "two", strips([[0, 1]], [1]), "scene_matching")
    assert "queries that all these experiments have" in svg(made, "f")
