"""Curves of experiments against a setting."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, outcomes, svg

REPORT = """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40}
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
figures:
  - id: f
    kind: views_curve
    title: T
    caption: C
    options:
      curves: {before: {1: old_1, 10: old_10, 100: old_100}, after: {1: new_1, 10: new_10, 100: new_100}}
      datasets: [modelnet40]
      protocol: linear_svm
      metric: overall_accuracy
      x_label: labels (%)
"""


def measured(root: Path, more: str = "") -> Fabricated:
    made = Fabricated(root, "demo", "synthetic")
    made.report(REPORT + more)
    for number, name in enumerate(("old_1", "old_100", "new_1", "new_10")):
        for seed in (1, 2):
            made.accuracy(name, outcomes(200, 100 + 10 * number + seed), seed)
    return made


@pytest.mark.parametrize("axes", ["", "      log_x: true\n      label: right (%)\n"])
def test_only_places_where_a_curve_is_measured_are_ticked(tmp_path: Path, axes: str) -> None:
    text = svg(measured(tmp_path, axes), "f")
    assert all(word in text for word in (">before<", ">after<", ">labels (%)<", ">ModelNet40<"))
    assert all(f">{tick}<" in text for tick in ("1", "10", "100"))
    assert (">right (%)<" in text) == bool(axes) and (">overall accuracy (%)<" in text) != bool(axes)


def test_on_a_logarithmic_axis_decades_lie_as_far_apart(tmp_path: Path) -> None:
    def ticks(name: str, axes: str) -> list[float]:
        lines = svg(measured(tmp_path / name, axes), "f").split('id="xtick_')[1:4]
        return [float(line.split('x="', 1)[1].split('"')[0]) for line in lines]

    for name, axes, ratio in (("linear", "", 10.0), ("log", "      log_x: true\n", 1.0)):
        first, second, third = ticks(name, axes)
        assert (third - second) / (second - first) == pytest.approx(ratio, rel=0.01)


def test_nothing_measured_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(REPORT)
    assert "nothing to draw at scale" in svg(made, "f")


def test_curves_stay_within_points_of_print_of_their_x(tmp_path: Path) -> None:
    def xs(name: str, seeds: Sequence[str]) -> tuple[list[float], list[float]]:
        made = Fabricated(tmp_path / name)
        made.report(REPORT + "      log_x: true\n")
        for experiment in seeds:
            made.accuracy(experiment, outcomes(200, 100))
        # Legends have markers too.
        text = svg(made, "f").split('id="legend_')[0]
        ticks = re.findall(r'id="xtick_\d+">.*?<use [^>]*x="([\d.]+)"', text, re.DOTALL)
        markers = re.findall(r'<use [^>]*x="([\d.]+)"[^>]*style="fill: #(?:0072b2|d55e00)', text)
        return [float(x) for x in ticks], [float(x) for x in markers]

    ticks, markers = xs("several", ("old_1", "old_10", "old_100", "new_1", "new_10", "new_100"))
    assert len(ticks) == 3 and len(markers) >= 6
    near = [min(abs(x - tick) for tick in ticks) for x in markers]
    assert min(near) > 0 and max(near) < 5
    [tick], markers = xs("one", ("old_10", "new_10"))
    assert 5 < max(abs(x - tick) for x in markers) < 20, "single points stand beside each other, near their x"


def test_a_curve_without_points_is_named(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(REPORT)
    for name in ("old_1", "old_10"):
        made.accuracy(name, outcomes(200, 100))
    text = svg(made, "f")
    assert "Not run at this scale: after." in text and ">after<" not in text
