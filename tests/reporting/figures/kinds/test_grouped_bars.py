"""Bars in groups."""

from __future__ import annotations

import re
from pathlib import Path

from tests.reporting.fabricate import Fabricated, outcomes, svg

REPORT = """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40, ModelNet10: modelnet10}
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
figures:
  - id: f
    kind: grouped_bars
    title: T
    caption: C
    options:
      series: {before: [old_40, old_10], after: [new_40, new_10]}
      datasets: [modelnet10, modelnet40, scanobjectnn_obj_bg]
      protocol: linear_svm
      metrics: {overall_accuracy: whole set}
      label: accuracy (%)
"""


def measured(root: Path) -> Fabricated:
    made = Fabricated(root, "demo", "synthetic")
    made.report(REPORT)
    made.accuracy("old_40", outcomes(200, 101))
    made.accuracy("new_40", outcomes(200, 160))
    made.accuracy("old_10", outcomes(100, 90), dataset="modelnet10")
    return made


def test_each_data_set_shows_the_experiments_that_are_measured_on_it(tmp_path: Path) -> None:
    text = svg(measured(tmp_path), "f")
    assert all(word in text for word in ("before", "after", "whole set", "ModelNet10", "ModelNet40"))
    assert all(f">{value}<" in text for value in ("50.5", "80.0", "90.0")), "means above the bars"
    assert text.count("Not run at this scale") == 1 and "Not run at this scale: after on ModelNet10." in text
    assert "scanobjectnn" not in text
    assert text.index(">ModelNet10<") < text.index(">ModelNet40<"), "in the order of the report's file"


def test_bars_of_a_metric_stand_together(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(
        REPORT.replace("      label:", "      groups: metrics\n      label:")
        .replace("[modelnet10, modelnet40, scanobjectnn_obj_bg]", "[modelnet40]")
        .replace("linear_svm\n      metrics: {overall_accuracy: whole set}", "few_shot\n      metrics: {M}")
        .replace("{M}", "{accuracy_5way_10shot: five ways, accuracy_10way_10shot: ten ways, absent: none}")
    )
    made.few_shot("old_40", [0.8, 0.85, 0.7, 0.75])
    text = svg(made, "f")
    assert text.count(">ModelNet40<") == 1 and text.index(">five<") < text.index(">ten<")
    assert "Not run at this scale: after; none." in text, "a series and a group without bars"
    assert ">after<" not in text and ">none<" not in text, "what is left out has no place in legend and axis"


def test_the_axis_ends_above_the_highest_bar(tmp_path: Path) -> None:
    def highest(folder: str, right: int) -> float:
        made = Fabricated(tmp_path / folder)
        made.report(REPORT)
        made.accuracy("old_40", outcomes(1000, right))
        ticks = re.findall(r"<!-- (\d+) -->|>(\d+(?:\.\d+)?)</text>", svg(made, "f").split('id="ytick_1"')[1])
        return max(float(value) for pair in ticks for value in pair if value)

    assert highest("low", 20) < 10
    assert highest("high", 950) == 100


def test_a_data_set_that_lacks_a_measure_says_why(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(
        REPORT.replace("      label:", "      groups: metrics\n      reasons: {modelnet40: No models}\n      label:")
        .replace("[modelnet10, modelnet40, scanobjectnn_obj_bg]", "[modelnet40]")
        .replace("{overall_accuracy: whole set}", "{overall_accuracy: whole set, absent: by models}")
    )
    made.accuracy("old_40", outcomes(200, 101))
    text = svg(made, "f")
    assert "Not run at this scale: after. No models: no bars of by models." in text


def test_nothing_measured_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(REPORT)
    assert "nothing to draw at scale" in svg(made, "f")


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    assert svg(measured(tmp_path / "a"), "f") == svg(measured(tmp_path / "b"), "f")
