"""Curves over the metrics of a protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, svg

from concord3d.errors import ConfigError
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
    assert ">Left<" in text and "ways" in text and "data_kind: real" in text
    assert "Not run at this scale: Right." in text and ">Right<" not in text
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


PANELS = CURVES.replace(
    "      metrics: {5: accuracy_5way_10shot, 10: accuracy_10way_10shot}\n",
    "      panels:\n"
    "        Ten shots: {5: accuracy_5way_10shot, 10: accuracy_10way_10shot}\n"
    "        Twenty shots: {5: accuracy_5way_20shot, 10: accuracy_10way_20shot}\n"
    "      chance: true\n"
    "      published: {Ten shots: {5: {method: MM-Point, dataset: ModelNet40}}}\n",
)


def test_several_panels_with_chance(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(PANELS)
    records = [Record(f"accuracy_{w}way_{s}shot", 50.0 + w, 10, 40.0, 70.0) for w in (5, 10) for s in (10, 20)]
    chance = {"accuracy_5way_10shot": 20.0, "accuracy_10way_10shot": 10.0}
    made.write(ProtocolResult(tuple(records), details={"chance": chance}), "left", 1, "modelnet40", "few_shot")
    text = svg(made, "f")
    assert "ModelNet40: Ten shots" in text and "ModelNet40: Twenty shots" in text
    assert text.count("Left") == 1 and "chance" in text and "published" in text
    plain = Fabricated(tmp_path / "plain", data_kind="synthetic")
    plain.report(PANELS)
    plain.write(ProtocolResult(tuple(records)), "left", 1, "modelnet40", "few_shot")
    text = svg(plain, "f")
    assert ">chance<" not in text and ">published<" not in text


def test_curves_are_given_once_and_have_two_points(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="either 'metrics' or 'panels'"):
        made = Fabricated(tmp_path)
        made.report(CURVES.replace("      metrics:", "      panels: {One: {1: a, 2: b}}\n      metrics:"))
        svg(made, "f")
    with pytest.raises(ConfigError, match="two or more metrics"):
        made = Fabricated(tmp_path)
        made.report(CURVES.replace(", 10: accuracy_10way_10shot", ""))
        svg(made, "f")


def test_the_axis_has_what_was_measured_alone(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(CURVES.replace("10: accuracy_10way_10shot}", "10: accuracy_10way_10shot, 17: accuracy_17way_10shot}"))
    records = [Record(f"accuracy_{ways}way_10shot", 50.0 + ways, 10, 40.0, 70.0) for ways in (5, 10)]
    made.write(ProtocolResult(tuple(records)), "left", 1, "modelnet40", "few_shot")
    text = svg(made, "f")
    assert ">10<" in text and ">17<" not in text
