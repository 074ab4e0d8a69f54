"""How often codes are chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.reporting.fabricate import Fabricated, svg
from tests.reporting.figures.one_figure import kept, one_figure

OPTIONS = "{experiments: {one: ONE, two: TWO}, dataset: nuscenes, protocol: distillation}"


def test_codes_that_are_used_and_their_overlap_are_told(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "code_usage", OPTIONS)
    kept(made, "two", {"code_counts": np.array([[0, 6, 2, 0], [5, 5, 0, 0]])})
    text = svg(made, "f")
    # Shares are (0, 75, 25, 0) and (50, 50, 0, 0): half of the choices are alike.
    assert "TWO" in text and "used by points 2, by pixels 2; overlap 50 %" in text and "the 4 codes" in text
    assert "ONE" not in text


def test_without_arrays_it_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "code_usage", OPTIONS)
    kept(made, "one", {"labels": np.zeros(3)}, "distillation")
    assert "nothing to draw at scale" in svg(made, "f")
