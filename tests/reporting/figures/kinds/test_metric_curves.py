"""Curves over the metrics of a protocol."""

from __future__ import annotations

from pathlib import Path

from tests.reporting.fabricate import Fabricated, svg

from concord3d.protocols.evaluation.results import ProtocolResult, Record

HEAD = """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40}
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
figures:
"""
CURVES = (
    HEAD
    + """
  - id: f
    kind: metric_curves
    title: T
    caption: C
    options:
      experiments: {left: Left, right: Right}
      datasets: [modelnet40]
      protocol: few_shot
      metrics: {5: accuracy_5way_10shot, 10: accuracy_10way_10shot}
      x_label: ways
      y_label: accuracy (%)
      log_x: true
"""
)


def test_curves_over_the_metrics_of_a_protocol(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(CURVES)
    for seed in (1, 2):
        made.few_shot("left", [0.8, 0.85, 0.7, 0.75], seed)
    text = svg(made, "f")
    assert "Left" in text and "Right (not run)" in text and "ways" in text and "data_kind: real" in text
    made.report(CURVES.replace("[modelnet40]", "[modelnet10]"))
    assert "nothing to draw at scale" in svg(made, "f")


def test_metrics_without_items_have_curves_too(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(CURVES)
    records = [Record(f"accuracy_{ways}way_10shot", 50.0 + ways, 10, 40.0, 70.0) for ways in (5, 10)]
    made.write(ProtocolResult(tuple(records)), "left", 1, "modelnet40", "few_shot")
    assert "Left" in svg(made, "f")


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    pictures = []
    for name in ("a", "b"):
        made = Fabricated(tmp_path / name)
        made.report(CURVES)
        made.few_shot("left", [0.8, 0.85, 0.7, 0.75])
        svg(made, "f")
        figures = made.inputs.out / "figures"
        pictures.append([(figures / f"f.{suffix}").read_bytes() for suffix in ("svg", "png")])
    assert pictures[0] == pictures[1]
