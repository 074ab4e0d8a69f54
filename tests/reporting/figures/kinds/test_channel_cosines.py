"""Shared channels against specific ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.reporting.fabricate import Fabricated, svg
from tests.reporting.figures.one_figure import kept, one_figure

OPTIONS = "{experiments: {one: ONE, two: TWO}, dataset: nuscenes, protocol: distillation}"


def test_signs_do_not_matter_and_what_is_absent_is_said(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "channel_cosines", OPTIONS)
    kept(made, "one", {"channel_cosines": np.array([[0.5, -0.5], [-0.25, 0.25]], np.float16)})
    text = svg(made, "f")
    assert "ONE: mean 0.38" in text and "Not run at this scale: TWO." in text


def test_without_arrays_it_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "channel_cosines", OPTIONS)
    kept(made, "one", {"labels": np.zeros(3)}, "distillation")
    assert "nothing to draw at scale" in svg(made, "f")
