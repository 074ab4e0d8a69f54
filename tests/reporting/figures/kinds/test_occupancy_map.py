"""Occupancy from above."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.reporting.fabricate import Fabricated, svg
from tests.reporting.figures.one_figure import kept, one_figure, points

OPTIONS = "{experiments: {one: ONE}, dataset: nuscenes, protocol: distillation}"


def test_the_map_is_drawn_with_the_returns_near_its_height(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "occupancy_map", OPTIONS)
    occupancy = np.full((8, 8), np.nan, np.float16)
    occupancy[2:5] = 0.7
    place = np.array([24, -1, 0.5], np.float32)
    kept(made, "one", {"points": points(40), "occupancy": occupancy, "map_place": place})
    text = svg(made, "f")
    assert "ONE" in text and "occupied, 1 m below the sensor" in text and "ahead (m)" in text
    assert text.count("#d55e00") == 20, "the other half lies above"


def test_without_arrays_it_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "occupancy_map", OPTIONS)
    kept(made, "one", {"labels": np.zeros(3)}, "distillation")
    assert "nothing to draw at scale" in svg(made, "f")
