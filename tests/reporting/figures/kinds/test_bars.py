"""Means as bars, with paired differences."""

from __future__ import annotations

from pathlib import Path

from tests.reporting.fabricate import Fabricated, outcomes, svg

REPORT = """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40, ModelNet10: modelnet10}
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
figures:
  - id: f
    kind: bars
    title: T
    caption: C
    options:
      experiments: {plain: Plain, never: Never, better: Better, once: Once}
      datasets: [modelnet40, modelnet10]
      protocol: linear_svm
      metric: overall_accuracy
"""


def measured(root: Path) -> Fabricated:
    made = Fabricated(root, "demo", "synthetic")
    made.report(REPORT)
    for dataset in ("modelnet40", "modelnet10"):
        made.accuracy("plain", outcomes(1000, 20), dataset=dataset)
        made.accuracy("better", outcomes(1000, 50), dataset=dataset)
    made.accuracy("once", outcomes(1000, 30))
    return made


def test_bars_that_are_not_run_are_named_and_have_no_place(tmp_path: Path) -> None:
    text = svg(measured(tmp_path), "f")
    assert "Not run at this scale: Never; Once on ModelNet10." in text
    assert ">Never<" not in text and text.count(">Once<") == 2, "a bar and a difference on one data set"
    assert text.count(">Better<") == 4 and text.count("'Plain'") == 2


def test_the_axis_ends_above_what_is_measured(tmp_path: Path) -> None:
    text = svg(measured(tmp_path), "f")
    assert ">5.0<" in text and not any(f">{tick}<" in text for tick in ("20", "40", "100"))


def test_long_labels_are_slanted(tmp_path: Path) -> None:
    made = measured(tmp_path)
    assert "rotate(-35" not in svg(made, "f")
    made.report(REPORT.replace("Better", "A much better one than that"))
    assert "rotate(-35" in svg(made, "f")


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    assert svg(measured(tmp_path / "a"), "f") == svg(measured(tmp_path / "b"), "f")
