"""Cosines of one point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.reporting.fabricate import Fabricated, svg
from tests.reporting.figures.one_figure import kept, one_figure, points

OPTIONS = "{experiments: [none, one], dataset: nuscenes, protocol: distillation}"


def test_the_point_asked_about_is_shown_in_every_panel(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "feature_similarity", OPTIONS)
    arrays = {
        "pictures": np.zeros((3, 4, 8, 3), np.uint8), "points": points(40),
        "cosine_points": np.linspace(-1, 1, 80).reshape(2, 40).astype(np.float16),
        "cosine_pixels": np.zeros((2, 4, 8), np.float16),
        "asked_point": np.array(7), "asked_pixel": np.array([2, 1, 3]),
    }  # fmt: skip
    kept(made, "one", arrays)
    text = svg(made, "f")
    assert "shared features" in text and "specific features" in text and "cosine with the point" in text
    # Two pictures of pixels, the picture, three clouds and the scale of colours.
    assert text.count("<image") == 7


def test_without_arrays_it_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "feature_similarity", OPTIONS)
    kept(made, "one", {"labels": np.zeros(3)}, "distillation")
    assert "nothing to draw at scale" in svg(made, "f")
