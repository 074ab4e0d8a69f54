"""Sweeps, curves over metrics, and accuracy over the clouds seen in training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, outcomes
from tests.reporting.figures.test_drawing import svg

from concord3d.errors import ConfigError
from concord3d.evaluation.results import ProtocolResult, Record
from concord3d.files import write_json
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.figures.kinds.training_budget import clouds_seen
from concord3d.reporting.figures.style import FigureContext
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
      datasets: [modelnet40, scanobjectnn_obj_bg]
"""
)
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
BUDGET = (
    HEAD
    + """
  - id: f
    kind: training_budget
    title: T
    caption: C
    options:
      paths: {two stages: [first, second], longer: [plain, longer], third way: [gone]}
      datasets: [modelnet40]
"""
)


def test_every_setting_of_a_sweep_is_shown_or_said_to_be_missing(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(SWEEPS)
    for experiment, right in (("low", 120), ("middle", 150), ("plain", 110)):
        made.accuracy(experiment, outcomes(200, right))
    text = svg(made, "f")
    assert "beta" in text and "share" in text and "no mixing" in text and "data_kind: synthetic" in text
    assert text.count("not run") == 2, "high, and none"
    assert "scanobjectnn_obj_bg" not in text, "a data set without results has no empty panels"


def test_a_sweep_of_nothing_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(SWEEPS)
    made.accuracy("plain", outcomes(100, 50))
    text = svg(made, "f")
    assert "not run at scale" in text and "low, middle, high, none" in text


def test_curves_over_the_metrics_of_a_protocol(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(CURVES)
    for seed in (1, 2):
        made.few_shot("left", [0.8, 0.85, 0.7, 0.75], seed)
    text = svg(made, "f")
    assert "Left" in text and "Right (not run)" in text and "ways" in text and "data_kind: real" in text
    made.report(CURVES.replace("[modelnet40]", "[modelnet10]"))
    assert "not run at scale" in svg(made, "f")


def test_metrics_without_items_have_curves_too(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(CURVES)
    records = [Record(f"accuracy_{ways}way_10shot", 50.0 + ways, 10, 40.0, 70.0) for ways in (5, 10)]
    made.write(ProtocolResult(tuple(records)), "left", 1, "modelnet40", "few_shot")
    assert "Left" in svg(made, "f")


def trained(made: Fabricated, experiment: str, num_steps: int | None, teacher: str | None = None) -> None:
    made.accuracy(experiment, outcomes(100, 60))
    if teacher is not None:
        made.runs[experiment]["teacher"] = {"experiment": teacher, "encoder": {}}
    folder = made.root / "artifacts" / "train" / f"{experiment}__s1"
    write_json(folder / "train.json", {"history": [], **({} if num_steps is None else {"num_steps": num_steps})})


def context_of(made: Fabricated) -> FigureContext:
    report = load_report_spec(made.inputs.report_yaml)
    return FigureContext(report.figures[0], report, load_results(made.inputs), (), made.inputs, {})


def test_the_budget_of_an_experiment_holds_those_of_its_teachers(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(BUDGET)
    trained(made, "first", 100)
    trained(made, "second", 50, teacher="first")
    trained(made, "third", 10, teacher="second")
    trained(made, "plain", 300)
    trained(made, "unrecorded", None)
    trained(made, "pupil", 10, teacher="unrecorded")
    context = context_of(made)
    seen = {name: clouds_seen(context, name) for name in ("first", "second", "third", "plain", "pupil", "unrecorded")}
    assert seen == {"first": 3200, "second": 4800, "third": 5120, "plain": 9600, "pupil": None, "unrecorded": None}
    text = svg(made, "f")
    assert "third way (not run)" in text and "thousand clouds seen" in text


def test_a_teacher_counts_even_if_nobody_evaluates_it(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(BUDGET)
    trained(made, "first", 100)
    trained(made, "second", 50, teacher="first")
    made.expected = [job for job in made.expected if job.experiment != "first"]
    assert clouds_seen(context_of(made), "second") == 4800


def test_a_budget_without_records_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(BUDGET)
    made.accuracy("first", outcomes(100, 60))
    assert "not run at scale" in svg(made, "f")


@pytest.mark.parametrize("report", [SWEEPS, CURVES, BUDGET])
def test_the_same_numbers_give_the_same_bytes(tmp_path: Path, report: str) -> None:
    pictures = []
    for name in ("a", "b"):
        made = Fabricated(tmp_path / name)
        made.report(report)
        for experiment in ("low", "middle", "first", "plain"):
            trained(made, experiment, 100)
        made.few_shot("left", [0.8, 0.85, 0.7, 0.75])
        svg(made, "f")
        figures = made.inputs.out / "figures"
        pictures.append([(figures / f"f.{suffix}").read_bytes() for suffix in ("svg", "png")])
    assert pictures[0] == pictures[1]


def headless(parts: Sequence[str]) -> str:
    return "paper: mm_point\nheadline: one\ntables: [{id: one, title: One}]\nfigures:\n" + "".join(parts)


def test_a_figure_without_a_measure_needs_a_headline_with_one(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    figure = "  - {id: f, kind: bars, title: T, caption: C, options: {experiments: {a: b}, datasets: [modelnet40]}}\n"
    made.report(headless([figure]))
    with pytest.raises(ConfigError, match="names no protocol"):
        svg(made, "f")
