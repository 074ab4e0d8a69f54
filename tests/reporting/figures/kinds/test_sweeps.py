"""A number over several settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from tests.reporting.fabricate import Fabricated, outcomes, svg

from concord3d.errors import ConfigError
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.figures.kinds import sweeps
from concord3d.reporting.figures.style import FigureContext
from concord3d.reporting.parts import figures
from concord3d.reporting.specs.report_spec import load_report_spec

HEAD = """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40}
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
figures:
"""
SWEEPS = (
    HEAD
    + """
  - id: f
    kind: sweeps
    title: T
    caption: C
    options:
      sweeps:
        - {x_label: beta, experiments: {0.2: low, 1: middle, 2: high}}
        - {x_label: share, experiments: {0: none, 0.5: middle}}
      references: {plain: no mixing}
      protocol: linear_svm
      metric: overall_accuracy
      datasets: [modelnet40, scanobjectnn_obj_bg]
"""
)


def test_every_setting_of_a_sweep_is_shown_or_said_to_be_missing(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(SWEEPS)
    for experiment, right in (("low", 120), ("middle", 150), ("plain", 110)):
        made.accuracy(experiment, outcomes(200, right))
    text = svg(made, "f")
    assert "beta" in text and "share" in text and "no mixing" in text and "data_kind: synthetic" in text
    assert "Not run at this scale: beta of 2; share of 0 (0.5 alone" in text
    assert ">beta<" in text and ">share<" not in text, "a setting with one value has no panel"
    assert ">band: its 95 % interval<" in text
    assert "scanobjectnn_obj_bg" not in text, "a data set without results has no empty panels"


def test_a_sweep_of_nothing_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(SWEEPS)
    made.accuracy("plain", outcomes(100, 50))
    text = svg(made, "f")
    assert "nothing to draw at scale" in text and "low, middle, high, none" in text


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    pictures = []
    for name in ("a", "b"):
        made = Fabricated(tmp_path / name)
        made.report(SWEEPS)
        for experiment in ("low", "middle", "plain"):
            made.accuracy(experiment, outcomes(100, 60))
        svg(made, "f")
        figures = made.inputs.out / "figures"
        pictures.append([(figures / f"f.{suffix}").read_bytes() for suffix in ("svg", "png")])
    assert pictures[0] == pictures[1]


def test_one_point_is_a_sentence_with_its_numbers(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(SWEEPS)
    made.accuracy("middle", outcomes(200, 150))
    text = svg(made, "f")
    assert "One point, no curve" in text and "data_kind: synthetic" in text
    said = figures.build_one(made.material, "f")
    assert "this scale runs middle alone" in said and "ModelNet40 75.00 [" in said


@pytest.mark.parametrize(("objective", "shown"), [({"share": 0.25}, True), ({"share": None}, False), ({}, False)])
def test_what_the_others_change_stands_at_its_own_setting(
    tmp_path: Path, objective: dict[str, Any], shown: bool
) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    rule = "configured: {experiment: plain, setting: objective.share}"
    made.report(SWEEPS.replace("{0: none, 0.5: middle}}", "{0: none, 0.5: middle}, " + rule + "}"))
    for experiment, right in (("low", 120), ("middle", 150), ("plain", 110), ("none", 100)):
        made.accuracy(experiment, outcomes(200, right))
    made.runs["plain"]["objective"] = objective
    text = svg(made, "f")
    assert (">0.25<" in text) == shown and ">share<" in text


def with_controls(controls: str) -> str:
    return SWEEPS.replace("2: high}}", f"2: high}}, controls: {controls}}}").replace(
        "      references: {plain: no mixing}\n", ""
    )


def test_controls_are_a_curve_of_their_own_and_missing_ones_are_named(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(with_controls("{0.2: plain, 1: bare}"))
    for experiment, right in (("low", 120), ("middle", 150), ("plain", 110)):
        made.accuracy(experiment, outcomes(200, right))
    first = svg(made, "f")
    assert ">measured<" in first and ">control<" in first and ">band: its 95 % interval<" not in first
    assert "control at beta of 1" in first
    made.accuracy("bare", outcomes(200, 90))
    assert "control at beta" not in svg(made, "f")
    curves = {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in drawn_axes(made)[0].lines}
    assert curves["measured"] == [(0.2, 60.0), (1.0, 75.0)] and curves["control"] == [(0.2, 55.0), (1.0, 45.0)]


def drawn_axes(made: Fabricated) -> list[Axes]:
    report = load_report_spec(made.inputs.report_yaml)
    context = FigureContext(report.figures[0], report, load_results(made.inputs), (), made.inputs, {})
    return sweeps.draw(context).figure.axes


def test_panels_of_one_data_set_have_one_scale(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(SWEEPS)
    for experiment, right in (("low", 20), ("middle", 40), ("none", 190), ("plain", 110)):
        made.accuracy(experiment, outcomes(200, right))
        made.accuracy(experiment, outcomes(50, right // 4), dataset="scanobjectnn_obj_bg")
    first, second, third, fourth = (axis.get_ylim() for axis in drawn_axes(made))
    assert first == second and third == fourth and first[0] < 10 < 95 < first[1]


def test_controls_alone_are_no_figure(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(with_controls("{0.2: plain, 1: bare}"))
    for experiment in ("plain", "bare"):
        made.accuracy(experiment, outcomes(200, 110))
    assert "nothing to draw at scale" in svg(made, "f")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("2: high}}", "2: high}, controls: {3: plain}}"), "controls without an experiment: at 3"),
        (("      protocol:", "      curve: one\n      control: one\n      protocol:"), "both called 'one'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(SWEEPS.replace(*change))
    made.accuracy("low", outcomes(200, 110))
    with pytest.raises(ConfigError, match=message):
        svg(made, "f")
