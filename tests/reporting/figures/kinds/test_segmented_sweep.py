"""Classes and errors of one sweep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.reporting.fabricate import Fabricated, svg
from tests.reporting.figures.one_figure import kept, one_figure, points

OPTIONS = "{experiments: {one: ONE, two: TWO}, dataset: nuscenes, protocol: sweep_segmentation}"


def test_classes_and_shares_of_right_points_are_named(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "segmented_sweep", OPTIONS)
    truth = np.array([0] * 20 + [2] * 16 + [-1] * 4, np.int16)
    arrays = {
        "example_points": points(40),
        "example_truth": truth,
        "class_names": np.array(["road", "bus", "driven_on"]),
    }
    for experiment, right in (("one", 36), ("two", 27)):
        predicted = np.where(np.arange(40) < right, truth, 0).astype(np.int16)
        kept(made, experiment, {**arrays, "example_predicted": predicted}, "sweep_segmentation")
    text = svg(made, "f")
    # Of 36 points with a class 27 are right: those without one count for nothing.
    assert "100 % of points right" in text and "75 % of points right" in text
    assert "driven on" in text and ">bus<" not in text and "truth" in text and "TWO" in text
    assert text.count('id="legend_') == 2, "errors have a legend of their own"


def test_without_arrays_it_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    one_figure(made, "segmented_sweep", OPTIONS)
    kept(made, "one", {"labels": np.zeros(3)}, "sweep_segmentation")
    assert "nothing to draw at scale" in svg(made, "f")
